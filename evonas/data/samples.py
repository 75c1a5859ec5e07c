"""Preloaded samples, and the part of a data set that a search may see."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints, Json, Task


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples in memory, normalised; compared and hashed by identity, so that derived layouts can be cached.

    Attributes:
        x: C-contiguous float32, shape ``(n, *input_shape)``; images are channels first.
        y: int64 class indices of shape ``(n,)``, or float32 standardised targets of shape ``(n, n_outputs)``.
        teacher: What a teacher says of these samples: class probabilities, or standardised targets, float32 of shape
            ``(n, n_outputs)``; training mixes it into the targets. None: there is no teacher.
    """

    x: Floats
    y: NDArray[np.int64] | Floats
    teacher: Floats | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Ints) -> Samples:
        """Some of the samples, as a copy."""
        return Samples(self.x[rows], self.y[rows], None if self.teacher is None else self.teacher[rows])

    @property
    def flat(self) -> Floats:
        """``x`` as a ``(n, n_inputs)`` view."""
        return self.x.reshape(len(self.x), -1)


@dataclass(frozen=True, slots=True)
class Scaling:
    """How samples were normalised, in JSON: what one needs to feed a network one's own samples.

    Attributes:
        mean, std: Numbers, or nested lists that broadcast over one sample; a network sees ``(x - mean) / std``.
        target_mean, target_std: Of regression targets: a prediction in the data's own units is
            ``output * target_std + target_mean``, with one mean for each target.
    """

    mean: Json = 0.0
    std: Json = 1.0
    target_mean: Json = 0.0
    target_std: float = 1.0


@dataclass(frozen=True, eq=False)
class Splits:
    """What a search sees of a data set: train and validation. The test set is not here, and not reachable from here.

    Attributes:
        name: The data set's name or path.
        fingerprint: Hex digest of the files and of the split, to recognise a different data set on resume.
        scaling: Of the values in the files to those in ``train`` and ``validation``.
    """

    name: str
    task: Task
    train: Samples
    validation: Samples
    fingerprint: str
    scaling: Scaling = Scaling()

    @cached_property
    def familiar(self) -> Samples:
        """As many training samples as there are for validation, or all; evenly spaced."""
        n = min(len(self.train), len(self.validation))
        rows = np.linspace(0, len(self.train) - 1, n).round().astype(np.int64)
        return self.train.take(rows)
