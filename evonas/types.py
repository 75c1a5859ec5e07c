"""Type aliases and the few plain records that all layers share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

#: A JSON document: a searcher's state, a header.
Json: TypeAlias = Any
#: Metric name to value, e.g. ``{"val_error": 0.12, "flops": 5300.0}``.
Metrics: TypeAlias = Mapping[str, float]
#: Whether less or more of a metric is better.
Goal: TypeAlias = Literal["min", "max"]
#: Named arrays, in the form that safetensors stores.
Arrays: TypeAlias = Mapping[str, NDArray[Any]]
#: Trained parameters by name; their meaning belongs to the space.
Weights: TypeAlias = Mapping[str, NDArray[np.float32]]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
#: Inputs of an exported network.
Inputs: TypeAlias = NDArray[np.uint8] | NDArray[np.int16] | Floats | Doubles
#: Integers of weights in networks without any other arithmetic; ternary ones are -1, 0 and 1.
IntegerType: TypeAlias = Literal["int8", "int4", "ternary"]

#: Largest number of trials, epochs or networks, and of workers: a typing error must not fill the memory.
MOST, MOST_JOBS = 1_000_000, 4096
#: Name of a cluster of processes on this machine, and their number.
LOCAL_CLUSTER = re.compile(r"local:([1-9][0-9]{0,3})")


class Genotype(Protocol):
    """Frozen plain data that describes a network."""

    @property
    def digest(self) -> str:
        """Hex digest of the content: genotypes have equal digests if and only if they are equal, in every process."""
        ...


G = TypeVar("G", bound=Genotype)
G_co = TypeVar("G_co", bound=Genotype, covariant=True)
G_contra = TypeVar("G_contra", bound=Genotype, contravariant=True)


class Encoded(NamedTuple):
    """A genotype in its stored form.

    Attributes:
        header: A small JSON document.
        arrays: Arrays by name.
    """

    header: Json
    arrays: Arrays

    def part(self, prefix: str) -> dict[str, Floats]:
        """The arrays whose names begin with a prefix, by what follows it."""
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class Task:
    """Inputs and outputs of the networks of a task.

    Attributes:
        kind: ``"classification"`` (softmax cross-entropy) or ``"regression"`` (mean squared error).
        input_shape: Shape of one sample: ``(channels, height, width)`` for images, ``(channels, length)`` for signals,
            ``(n_features,)`` for tables.
        n_outputs: Number of classes, or of regression targets.
        target_scale: Factor that converts an error of standardised regression targets to the data's own units: a number
            for each target, or a single one for one target.
    """

    kind: Literal["classification", "regression"]
    input_shape: tuple[int, ...]
    n_outputs: int
    target_scale: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        """Convert lists of scales, as in JSON, to tuples."""
        if isinstance(self.target_scale, list | tuple):
            scales = tuple(self.target_scale)
            object.__setattr__(self, "target_scale", scales[0] if len(scales) == 1 else scales)

    @property
    def error(self) -> str:
        """Name of the error of outputs: ``error`` of classes, ``mse`` of one target, ``nmse`` of several alike."""
        if self.kind == "classification":
            return "error"
        return "mse" if self.n_outputs == 1 else "nmse"

    @property
    def n_inputs(self) -> int:
        """Number of values in one sample."""
        return int(np.prod(self.input_shape))


def grid_of(input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the places that the channels of a sample share; signals and tables have one row."""
    return (input_shape[1], input_shape[2]) if len(input_shape) == 3 else (1, input_shape[-1])


#: Largest number of values of a sample, and of outputs, of a task that is read from a file.
MOST_INPUTS, MOST_OUTPUTS = 2**27, 2**20


def task_from(document: Json) -> Task:
    """A task from the result of :func:`dataclasses.asdict`.

    Raises:
        ValueError: The document is no such result.
    """
    try:
        task = Task(**{**document, "input_shape": tuple(document["input_shape"])})
        sizes = [*task.input_shape, task.n_outputs]
        whole = all(type(size) is int and 1 <= size <= MOST_INPUTS for size in sizes)
        scale = np.asarray(task.target_scale, np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its task cannot be read: {error}") from None
    if task.kind not in ("classification", "regression") or not whole or len(sizes) > 8:
        raise ValueError(f"its task is {str(document)[:200]}, which is none")
    if (n_inputs := math.prod(task.input_shape)) > MOST_INPUTS or task.n_outputs > MOST_OUTPUTS:
        raise ValueError(f"its task has {n_inputs:,} inputs and {task.n_outputs:,} outputs, which is too much")
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError("its task has a scale of targets that is no positive number")
    return task


class UserError(ValueError):
    """Raised for bad input. The message is one sentence: what was wrong, what was expected, what to do."""


#: Least likeness, from 0 to 1, of two names of which one may be a slip of the other: three of four letters agree.
NEAR = 0.75


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The one of some names that a misspelled one is near to, whatever its capitals; None where none is near."""
    names = {each.casefold(): each for each in sorted(known, reverse=True)}
    close = get_close_matches(str(name).casefold(), names, n=1, cutoff=NEAR)
    return names[close[0]] if close else None


def suggestion(name: object, known: Iterable[str]) -> str:
    """The text ``", did you mean 'x'?"`` for a misspelled name, else the known names."""
    names = sorted(known)
    return meant(name, names) or f", there are: {', '.join(names)}"


def meant(name: object, known: Iterable[str]) -> str:
    """The text ``", did you mean 'x'?"`` for a misspelled name, else nothing: where the names are told anyway."""
    close = nearest(name, known)
    return "" if close is None else f", did you mean {close!r}?"


#: Prefix of the note on an error that was raised while a run was open.
_WHILE_OPEN = "while this run was open: "


@contextmanager
def blames(run: object) -> Iterator[None]:
    """Add a note to errors raised in the context that ``run`` was open, for :func:`damaged_by`."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_WHILE_OPEN}{run}")
        raise


def damaged_by(error: BaseException) -> str | None:
    """The run that was open when an error was raised, None if there was none."""
    notes = [note for note in getattr(error, "__notes__", ()) if note.startswith(_WHILE_OPEN)]
    return notes[0].removeprefix(_WHILE_OPEN) if notes else None


class DataError(UserError):
    """Raised if a data set is unknown, missing, damaged or unfit; the message is one sentence that names the remedy."""
