"""Options of a search space: conversion of a configuration table to a checked model, and descriptions of its fields."""

from __future__ import annotations

import dataclasses
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.json_schema import PydanticJsonSchemaWarning

from evonas.capabilities.setting_errors import expected_of
from evonas.serialization import renamed
from evonas.types import Json, Task, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P")


def read_options(kind: type[M], options: Mapping[str, Any] | M, *, space: str) -> M:
    """Options of the named space.

    Args:
        kind: The model of the options.
        options: Values by present or former names; options that were read before stay as they are.
        space: Name of the space.

    Raises:
        ValueError: An option is wrong; the message is one sentence with the option, the expected and the given value,
            and the nearest name for a misspelled one.
    """
    if isinstance(options, kind):
        return options
    assert isinstance(options, Mapping)
    try:
        return kind.model_validate(renamed.space_options(space, options))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place, message = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            known = suggestion(place, kind.model_fields)
            raise ValueError(f"unknown option {place!r} of the {space} space{known}") from None
        if first["type"] == "value_error":
            where = f"option {place} of the {space} space" if place else f"the {space} space"
            raise ValueError(f"{where}: {message}") from None
        raise ValueError(f"option {place} of the {space} space: {expected_of(error)}") from None


@dataclass(frozen=True)
class Factory(Generic[M, P]):
    """A factory of a search space, for an entry point; it implements :class:`evonas.capabilities.options.ReadsOptions`.

    Attributes:
        space: Makes the space of a task from its options; often the class of the space.
        option_model: The model of the options.
        name: Name of the space, for messages.
    """

    space: Callable[[Task, M], P]
    option_model: type[M]
    name: str

    def __call__(self, task: Task, options: Mapping[str, Any] | M) -> P:
        """The space for a task.

        Raises:
            ValueError: An option is wrong; the message is one sentence that names it.
        """
        return self.space(task, read_options(self.option_model, options, space=self.name))


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """Help on an option.

    Attributes:
        name: Name of the option.
        takes: The allowed values, like ``INT>=1`` or ``all|two``.
        default: Default in the form that ``--space-option`` takes; ``None`` if the option is left out.
        text: Description.
    """

    name: str
    takes: str
    default: str
    text: str


def describe_options(kind: type[BaseModel] | type[DataclassInstance]) -> list[OptionHelp]:
    """Descriptions of all fields of a model or a dataclass.

    The text is that of ``Field(description=...)``, else that in the section ``Attributes:`` of the docstrings of its
    classes.
    """
    texts = {name: text for each in reversed(kind.__mro__) for name, text in _attributes(each.__doc__ or "").items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # a default that JSON cannot represent
        try:
            schema = TypeAdapter(kind).json_schema()
        except PydanticInvalidForJsonSchema:  # a type that JSON cannot represent
            schema = {}
    properties, others = schema.get("properties", {}), schema.get("$defs", {})
    return [
        OptionHelp(name, _takes(properties.get(name, {}), others), default, text or texts.get(attribute, ""))
        for attribute, name, default, text in _fields(kind)
    ]


def _fields(kind: type[BaseModel] | type[DataclassInstance]) -> Iterator[tuple[str, str, str, str]]:
    """Attribute, name, default and description of each field."""
    if issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            default = "" if field.is_required() else value_text(field.get_default(call_default_factory=True))
            yield name, field.alias or name, default, field.description or ""
    else:
        for each in dataclasses.fields(kind):
            made = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
            yield each.name, each.name, "" if made is dataclasses.MISSING else value_text(made), ""


def _attributes(docstring: str) -> dict[str, str]:
    """The section ``Attributes:`` of a docstring: texts in one line, by name."""
    found: dict[str, str] = {}
    _, _, section = f"\n{inspect.cleandoc(docstring)}".partition("\nAttributes:\n")
    names: list[str] = []
    for line in section.splitlines():
        if line and not line.startswith(" "):
            break
        if begin := re.match(r"    (\w+(?:, \w+)*): (.*)", line):
            names = begin[1].split(", ")
            found |= dict.fromkeys(names, begin[2].strip())
        else:
            found |= {name: f"{found[name]} {line.strip()}".strip() for name in names}
    return found


def _takes(schema: Json, others: Mapping[str, Json]) -> str:
    """The values that a JSON schema allows, as a text."""
    if "$ref" in schema:
        return _takes(others.get(schema["$ref"].rpartition("/")[2], {}), others)
    if choices := [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]:
        return " or ".join(_takes(each, others) for each in choices)
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return "|".join(map(value_text, values))
    match schema.get("type"):
        case "array" if "prefixItems" in schema:
            return ",".join(_takes(each, others) for each in schema["prefixItems"])
        case "array":
            return f"{_takes(schema.get('items', {}), others)},..."
        case "object":
            return "a table"
        case "boolean":
            return "true|false"
        case "integer" | "number" as kind:
            return {"integer": "INT", "number": "NUMBER"}[kind] + _bounds(schema)
        case "string":
            return "TEXT"
    return ""


def _bounds(schema: Json) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    # whole numbers are stored in 64 bits, and a bound that only states this does not inform the user
    return ",".join(f"{sign}{schema[key]:g}" for key, sign in signs.items() if key in schema and schema[key] < 2**63)


def value_text(value: Any) -> str:
    """A value as a user writes it after ``--space-option NAME=``."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ",".join(map(value_text, value))
        case dict():
            return ", ".join(f"{name} = {value_text(each)}" for name, each in value.items()) or "an empty table"
    return str(value)
