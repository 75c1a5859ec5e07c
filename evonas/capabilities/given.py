"""Tables of settings: what was given of them, and the typed values that they make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from evonas.capabilities.setting_errors import sentence_of
from evonas.training.recipe import Pruning, Recipe, Regrowth
from evonas.types import UserError, suggestion

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S")
D = TypeVar("D", bound="DataclassInstance")


def _unchanged(table: object, *_: object, **__: object) -> NoReturn:
    raise TypeError("settings that have been read stay as they are: make another table of their entries, and read that")


class Given(dict[str, Any], Generic[S]):
    """A table of settings that has been read, once.

    The entries are what was given or is stored, and nothing else: a run keeps them, and a preset, a seeder or the data
    may fill in the others. They cannot be changed: another table is made of them, and read again.
    """

    def __init__(self, values: Mapping[str, Any], settings: S) -> None:
        super().__init__(values)
        self._settings = settings

    @property
    def settings(self) -> S:
        """The typed values: those of the entries, and defaults for all others."""
        return self._settings

    def __reduce__(self) -> tuple[type[Given[S]], tuple[dict[str, Any], S]]:
        """The parts of a copy."""
        return type(self), (dict(self), self._settings)

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _unchanged


def read_recipe(values: Mapping[str, Any], *, options: Mapping[str, str] = MappingProxyType({})) -> Given[Recipe]:
    """The table ``training`` with its recipe; raises :class:`UserError` as :func:`recipe_from`."""
    return Given(values, recipe_from(values, options=options))


def recipe_from(values: Mapping[str, Any], *, options: Mapping[str, str] = MappingProxyType({})) -> Recipe:
    """A recipe from the table ``training``; raises :class:`UserError`, which names the options that gave its fields."""
    tables = {"pruning": Pruning.__dataclass_fields__, "regrowth": Regrowth.__dataclass_fields__}
    for key in values:
        for inner in values[key] if key in tables and isinstance(values[key], dict) else ():
            if inner not in tables[key]:
                raise UserError(f"unknown key {inner!r} in training.{key}{suggestion(inner, tables[key])}")
    return settings_from(Recipe, values, table="training", options=options)


def settings_from(
    kind: type[D], values: Mapping[str, Any], *, table: str, options: Mapping[str, str] = MappingProxyType({})
) -> D:
    """A dataclass of settings from a table of the configuration.

    Args:
        kind: The dataclass.
        values: Values of its fields, by name.
        table: Name of the table, for the message.
        options: Options of the command line, by the names of those fields that they gave.

    Raises:
        UserError: A key is unknown, or a value is not allowed.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            raise UserError(f"unknown key {key!r} in {table}{suggestion(key, fields)}")
    adapter: TypeAdapter[D] = _adapter(kind)
    try:
        return adapter.validate_python(dict(values))
    except ValidationError as error:
        raise UserError(sentence_of(error, fields, source=table, options=options)) from None


@cache
def _adapter(kind: type[D]) -> TypeAdapter[D]:
    return TypeAdapter(kind)
