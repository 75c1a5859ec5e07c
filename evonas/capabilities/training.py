"""A trainer of the space's own."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.space import G
from evonas.training.recipe import Recipe, Trained
from evonas.training.stop import Stop
from evonas.types import Floats, Weights


@runtime_checkable
class Trainable(Protocol[G]):
    """Capability: the space brings a trainer of its own, faster than the plain torch loop."""

    @property
    def shares_memory(self) -> bool:
        """Whether trials run best in threads (the trainer releases the GIL) rather than in processes."""
        ...

    @property
    def backend(self) -> str:
        """What training runs on, for a person to read, e.g. ``"native, avx512"``."""
        ...

    def train(
        self, genotype: G, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
        seed: np.random.SeedSequence, stop: Stop,
    ) -> Trained[G]:
        """Train from ``weights`` (None: fresh); a pure function of its arguments.

        With 0 epochs nothing is trained: the weights are those it would start from, and no pruning has happened yet.
        """
        ...

    def predict(self, genotype: G, weights: Weights, samples: Samples) -> Floats:
        """Logits or regression outputs, shape ``(n, n_outputs)``."""
        ...
