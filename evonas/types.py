"""Aliases and the few plain records shared by every layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: A JSON document: a searcher's state, a header.
Json: TypeAlias = Any
#: Metric name to value, e.g. ``{"val_error": 0.12, "flops": 5300.0}``.
Metrics: TypeAlias = Mapping[str, float]
#: Named arrays, what safetensors stores.
Arrays: TypeAlias = Mapping[str, NDArray[Any]]
#: Trained parameters by name; their meaning belongs to the space.
Weights: TypeAlias = Mapping[str, NDArray[np.float32]]
Floats: TypeAlias = NDArray[np.float32]
Doubles: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
#: Samples as an exported network takes them.
Inputs: TypeAlias = NDArray[np.uint8] | Floats | Doubles


@dataclass(frozen=True, slots=True)
class Task:
    """What a network must map to what.

    Attributes:
        kind: ``"classification"`` (softmax cross-entropy) or ``"regression"`` (mean squared error).
        input_shape: Shape of one sample: ``(channels, height, width)`` for images, ``(channels, length)`` for signals,
            ``(n_features,)`` for tables.
        n_outputs: Number of classes, or of regression targets.
        target_scale: Regression targets are standardised; multiply an error by this to get the data's own units. A
            number for each target, one alone where there is one target.
    """

    kind: Literal["classification", "regression"]
    input_shape: tuple[int, ...]
    n_outputs: int
    target_scale: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        """Scales may be a list, as JSON has them."""
        if isinstance(self.target_scale, list | tuple):
            scales = tuple(self.target_scale)
            object.__setattr__(self, "target_scale", scales[0] if len(scales) == 1 else scales)

    @property
    def n_inputs(self) -> int:
        """Number of values in one sample."""
        return int(np.prod(self.input_shape))


def grid_of(input_shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the places that the channels of a sample share; signals and tables are one row."""
    return (input_shape[1], input_shape[2]) if len(input_shape) == 3 else (1, input_shape[-1])


class UserError(ValueError):
    """Bad input. The message is one sentence: what was wrong, what was expected, what to do."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """``", did you mean 'x'?"`` for a misspelled name, else the names there are."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    return f", did you mean {close[0]!r}?" if close else f", there are: {', '.join(names)}"
