"""Options of a search space: from a table of the configuration to a checked model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evonas.types import suggestion

M = TypeVar("M", bound=BaseModel)


def read_options(kind: type[M], options: Mapping[str, Any], *, space: str) -> M:
    """Options of the space that is named.

    Raises:
        ValueError: One sentence: the option, what is expected, what was given; for a misspelled name the nearest one.
    """
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = suggestion(place, kind.model_fields)
            raise ValueError(f"unknown option {place!r} of the {space} space{known}") from None
        if first["type"] == "value_error":
            where = f"option {place} of the {space} space" if place else f"the {space} space"
            raise ValueError(f"{where}: {message}") from None
        raise ValueError(f"option {place} of the {space} space: {message}, got {first['input']!r}") from None
