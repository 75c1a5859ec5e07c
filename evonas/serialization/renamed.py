"""Names that users type and runs store, and that have changed: one table, and what reads the former spelling.

The former names are accepted for one version. Each use of one raises a :class:`RenamedWarning`, which the command line
prints as a note. Stored runs are converted without a word, see :mod:`evonas.store.upgrade`.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

from evonas.types import UserError

#: Fields of :class:`evonas.config.RunConfig`; the options of the command line are called alike.
SETTINGS: Mapping[str, str] = MappingProxyType({"adapt": "adaptive_operators", "parents": "parent_selection"})
#: Values of such fields, by the present name of the field.
VALUES: Mapping[str, Mapping[str, str]] = MappingProxyType({"parent_selection": {"gap": "front-gap"}})
#: Fields of :class:`evonas.training.Recipe`.
TRAINING: Mapping[str, str] = MappingProxyType({
    "full_rate_edges": "lr_reference_edges", "augmented_edges": "min_edges_for_augmentation",
})
METRICS: Mapping[str, str] = MappingProxyType({
    f"fitness_{error}": f"trainval_{error}" for error in ("error", "balanced_error", "mse", "nmse")
})
#: Columns of tables of individuals beside their metrics; and both.
COLUMNS: Mapping[str, str] = MappingProxyType({"birth": "generation", "born": "generation"})
COLUMNS_AND_METRICS: Mapping[str, str] = MappingProxyType({**METRICS, **COLUMNS})
#: Mutations, by the search space.
OPERATORS: Mapping[str, Mapping[str, str]] = MappingProxyType({"neuron": {
    f"inflate{kind}": f"grow_and_prune{kind}" for kind in ("", "_gradient", "_dilated", "_neurons", "_skips")
}})
#: Mutations that are gone, by the search space: stored runs go on without them.
GONE: Mapping[str, Collection[str]] = MappingProxyType({"neuron": ("share",)})
#: Options of a search space that are tables by mutations.
BY_OPERATOR = ("operators", "largest_steps", "smallest_steps")
#: Options of the command line that are no settings, without dashes.
OPTIONS: Mapping[str, str] = MappingProxyType({"edges": "founder_edges"})

#: Packages that pass on what others have named.
_PASSED_ON_BY = frozenset({"evonas", "pydantic"})
#: Called with a former name and the present one.
Note: TypeAlias = Callable[[str, str], None]


class RenamedWarning(DeprecationWarning):
    """Raised for a former name; the message has the present one."""


def tell(former: str, present: str) -> None:
    """Warn the code of a former name that called this package with it."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PASSED_ON_BY:
        frame, level = frame.f_back, level + 1
    warnings.warn(f"{former} is now {present}", RenamedWarning, stacklevel=level)


def ignore(former: str, present: str) -> None:
    """Say nothing: the name was not typed now, but stored by an earlier version."""


def settings(values: Mapping[str, Any], note: Note = tell, *, space: object = None) -> dict[str, Any]:
    """Settings of a run under their present names, in the same order; what has another form than settings stays.

    Args:
        values: Fields of :class:`evonas.config.RunConfig`, possibly by former names.
        note: Called for each former name.
        space: Name of the search space where the values have none, as stored ones always do.

    Raises:
        UserError: A setting is there under both names.
    """
    found = keys(values, SETTINGS, note)
    for key, names in VALUES.items():
        if isinstance(found.get(key), str):
            found[key] = name(found[key], names, note)
    for key in ("objectives", "constraints"):
        if isinstance(texts := found.get(key), list | tuple):
            found[key] = type(texts)(metrics_in(text, note) if isinstance(text, str) else text for text in texts)
    if isinstance(found.get("training"), Mapping):
        found["training"] = keys(found["training"], TRAINING, note)
    if isinstance(found.get("space_options"), Mapping):
        found["space_options"] = space_options(found.get("space", space), found["space_options"], note)
    return found


def space_options(space: object, options: Mapping[str, Any], note: Note = tell) -> dict[str, Any]:
    """Options of a search space with the present names of its mutations.

    Args:
        space: Name of the space.
        options: Its options by name.
        note: Called for each former name.

    Raises:
        UserError: A mutation is there under both names.
    """
    names = OPERATORS.get(space, {}) if isinstance(space, str) else {}
    gone = GONE.get(space, ()) if isinstance(space, str) and note is ignore else ()
    found = dict(options)
    for key in BY_OPERATOR:
        if isinstance(table := options.get(key), Mapping):
            kept = {name: value for name, value in table.items() if name not in gone}
            found[key] = keys(kept, names, note)
            if table and not kept:
                del found[key]
    return found


def metric(text: str) -> str:
    """The present name of a metric that a user has named."""
    return name(text, METRICS)


def bounds(values: Mapping[str, float]) -> dict[str, float]:
    """Numbers by the present names of metrics that a user has named."""
    return keys(values, METRICS)


def column(text: str) -> str:
    """The present name of a column that a user has named: a metric's, or another of :data:`COLUMNS`."""
    return name(text, COLUMNS_AND_METRICS)


def metrics_in(text: str, note: Note = tell) -> str:
    """A text like ``fitness_error<=0.1`` with the present names of metrics."""
    return "".join(name(part, METRICS, note) for part in re.split(r"(\w+)", text))


def operator(space: object, text: str) -> str:
    """The present name of a mutation that a run has stored, like ``inflate x0.1``."""
    first, blank, step = text.partition(" ")
    names = OPERATORS.get(space, {}) if isinstance(space, str) else {}
    return f"{names.get(first, first)}{blank}{step}"


def arguments(given: Sequence[str], known: Collection[str]) -> list[str]:
    """Words of a command line with the present names of options.

    Args:
        given: The words after the name of a command.
        known: Options of the command. A former name that is one of them, or whose present name is none, stays.

    Raises:
        UserError: An option is there under both names.
    """
    words = list(given)
    end = words.index("--") if "--" in words else len(words)
    flags = {word.partition("=")[0] for word in words[:end]}
    for i, word in enumerate(words[:end]):
        former, equals, value = word.partition("=")
        present = _FLAGS.get(former)
        if present in known and former not in known:
            if present in flags:
                raise UserError(f"{former} is now {present}, got both: leave {former} out")
            tell(former, str(present))
            words[i] = f"{present}{equals}{value}"
    return words


def name(text: str, names: Mapping[str, str], note: Note = tell) -> str:
    """The present name.

    Args:
        text: A name, former or present.
        names: Present names by the former ones.
        note: Called for a former name.
    """
    if text in names:
        note(text, names[text])
    return names.get(text, text)


def keys(values: Mapping[str, Any], names: Mapping[str, str], note: Note = tell) -> dict[str, Any]:
    """A table with the present names of its keys, in the same order.

    Args:
        values: Values by former or present names.
        names: Present names by the former ones.
        note: Called for each former name.

    Raises:
        UserError: A value is there under both names.
    """
    for former, present in names.items():
        if former in values and present in values:
            raise UserError(f"{former} is now {present}, got both: leave {former} out")
    return {name(key, names, note): value for key, value in values.items()}


def _flags(names: Mapping[str, str]) -> dict[str, str]:
    dashed = {former.replace("_", "-"): present.replace("_", "-") for former, present in names.items()}
    return {f"{dash}{former}": f"{dash}{present}" for former, present in dashed.items() for dash in ("--", "--no-")}


#: Options of the command line, with dashes, by their former names.
_FLAGS: Mapping[str, str] = MappingProxyType(_flags({**SETTINGS, **TRAINING, **OPTIONS}))
