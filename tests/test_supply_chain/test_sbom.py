import json
import subprocess
from importlib.resources import files
from typing import Any

import jsonschema_rs

from tests.supply_chain.lock import ROOT, packages

SCHEMAS = files("cyclonedx.schema") / "_res"
BOM = "bom-1.5.SNAPSHOT.schema.json"
REFERRED = ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")


def schema(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((SCHEMAS / name).read_text())
    return read


def validator() -> jsonschema_rs.Validator:
    named = [(f"http://cyclonedx.org/schema/{name}", schema(name)) for name in REFERRED]
    return jsonschema_rs.validator_for(schema(BOM), registry=jsonschema_rs.Registry(named))


def test_sbom_is_valid_and_lists_with_hashes_what_production_installs() -> None:
    subprocess.run(["make", "sbom"], cwd=ROOT, check=True, capture_output=True)
    sbom = json.loads((ROOT / "dist" / "sbom.cdx.json").read_text())
    assert [error.message for error in validator().iter_errors(sbom)] == []
    assert [error.message for error in validator().iter_errors(sbom | {"components": [{}]})] != []
    parts = {part["name"]: part for part in sbom["components"]}
    locked = {package["name"]: package["version"] for package in packages()}
    assert {"celery", "fastapi", "redis", "sqlalchemy", "stripe"} <= parts.keys()
    assert "pytest" not in parts
    for name, part in parts.items():
        assert part["purl"].startswith(f"pkg:pypi/{name}@{locked[name]}")
        hashed = [file["hashes"] for file in part["externalReferences"] if file["type"] == "distribution"]
        assert hashed
        assert all(one["alg"] == "SHA-256" for one, *_ in hashed)
