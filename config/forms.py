"""Forms of values that more than one group of settings has."""

from typing import Annotated

from pydantic import Field


def split(value: object) -> object:
    """Take a text for values with commas between."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


Port = Annotated[int, Field(ge=1, le=65535)]
