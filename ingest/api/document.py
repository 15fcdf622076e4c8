"""The OpenAPI document: FastAPI's, with our problem documents in the place of its own errors."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ingest.api.problems import Problem

_REF = "#/components/schemas/{model}"


def use_document(app: FastAPI) -> None:
    """Make the application serve our document, made when first asked for."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = made["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=_REF)
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    return made
