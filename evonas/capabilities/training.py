"""Trainers that spaces bring."""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.space import G, SearchSpace
from evonas.training.recipe import Recipe, Trained
from evonas.training.stop import Stop
from evonas.types import Floats, Weights


@runtime_checkable
class Trainable(Protocol[G]):
    """Capability: the space has its own trainer, faster than the plain torch loop."""

    @property
    def shares_memory(self) -> bool:
        """Whether trials run best in threads (the trainer releases the GIL) rather than in processes."""
        ...

    @property
    def backend(self) -> str:
        """What training runs on, as text for users, e.g. ``"native, avx512"``."""
        ...

    def train(
        self, genotype: G, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
        seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
    ) -> Trained[G]:
        """Train; a pure function of its arguments.

        With 0 epochs nothing is trained: the weights are those it would start from, and no pruning has happened yet.

        Args:
            genotype: The network.
            weights: Its weights to begin with, None for fresh ones.
            splits: The samples; those for validation are for early stopping alone.
            recipe: The recipe for a network of this size.
            epochs: Passes over the training samples.
            seed: Everything random follows from it.
            stop: Polled often.
            teacher: Class probabilities or standardised targets of the training samples, float32 of shape
                ``(n_train, n_outputs)``, mixed into the targets with :attr:`Recipe.teacher_weight`; None: no teacher.
        """
        ...

    def predict(self, genotype: G, weights: Weights, samples: Samples) -> Floats:
        """Logits or regression outputs, shape ``(n, n_outputs)``.

        Args:
            genotype: The genotype.
            weights: Its weights.
            samples: The samples.
        """
        ...


def is_trainable(space: SearchSpace[G]) -> TypeGuard[Trainable[G]]:
    """Whether a space is :class:`Trainable`. ``isinstance`` would evaluate its properties, for every network again."""
    return _has_trainer(type(space)) or isinstance(space, Trainable)


@cache
def _has_trainer(kind: Any) -> bool:
    return all(hasattr(kind, name) for name in vars(Trainable) if not name.startswith("_"))
