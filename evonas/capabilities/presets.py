"""Settings by name: a method as it was published, beside the defaults of this project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

#: Names that the setting ``preset`` takes.
PresetName: TypeAlias = Literal["published"]
#: Method of a search without a seeder: the population engine on random founders.
EVOLUTION = "evolution"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings of a run for which the user gives no value.

    Attributes:
        paper: Author and year.
        link: Address of it, or of the authors' code; empty if that is not known.
        settings: Fields of the run's configuration; tables are joined key by key.
        validation_share: Share of the training samples that is held back if the data bring no validation set and the
            user asks for no number; None leaves it to the data set.
        remarks: Sentences, one for each setting that differs here from what was published, or was not published.
    """

    paper: str
    link: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    validation_share: float | None = None
    remarks: tuple[str, ...] = ()


@runtime_checkable
class HasPresets(Protocol):
    """Capability: methods of the space as they were published, or what the space adds to a preset of the engine's."""

    @property
    def presets(self) -> Mapping[str, Preset]:
        """Presets by the name of the method: that of a seeder, or :data:`EVOLUTION`."""
        ...


def joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables, key by key; where both have a value, the second's."""
    result = dict(first)
    for key, value in second.items():
        before = result.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = joined(before, value) if both else value  # type: ignore[arg-type]
    return result


def flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables as one, with names like ``training.regrowth.every``; an empty table is a value."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[f"{before}{key}"] = value
    return found
