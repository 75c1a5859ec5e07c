"""Trainers that spaces bring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeGuard, runtime_checkable

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.space import G, Phenotype, SearchSpace
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
        """Hardware or library that training runs on, as text for users, e.g. ``"native, avx512"``."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Training(Generic[G]):
    """Training of one network beside that of others; the attributes are arguments of :meth:`Trainable.train`."""

    genotype: G
    weights: Weights | None
    recipe: Recipe
    epochs: int
    seed: np.random.SeedSequence
    stop: Stop


@runtime_checkable
class TrainsMany(Protocol[G]):
    """Capability beside :class:`Trainable`: the trainer takes many networks at once, as a GPU does.

    The result for a network is the same whatever is trained beside it.
    """

    @property
    def trains_many(self) -> bool:
        """Whether the trainer that was chosen takes many networks; if not, the other methods are not called."""
        ...

    def train_many(
        self, trainings: Sequence[Training[G]], splits: Splits, teacher: Floats | None = None
    ) -> Iterator[list[tuple[int, Trained[G] | Exception]]]:
        """Yield results with the index of their training, those that end together in one list.

        What :meth:`Trainable.train` would raise is the result of that training alone.

        Args:
            trainings: The networks, and how each is trained.
            splits: The samples of all.
            teacher: As in :meth:`Trainable.train`.
        """
        ...

    def predict_many(self, phenotypes: Sequence[Phenotype[G]], samples: Samples) -> Sequence[Floats]:
        """Logits or regression outputs of each network, ``(n, n_outputs)``.

        Args:
            phenotypes: Networks with their weights.
            samples: The samples.
        """
        ...


def trains_many(space: SearchSpace[G]) -> TypeGuard[TrainsMany[G]]:
    """Whether a space is :class:`TrainsMany`, and its trainer does so."""
    return isinstance(space, TrainsMany) and space.trains_many


def is_trainable(space: SearchSpace[G]) -> TypeGuard[Trainable[G]]:
    """Whether a space is :class:`Trainable`. ``isinstance`` would evaluate its properties, for every network again."""
    return _has_trainer(type(space)) or isinstance(space, Trainable)


@cache
def _has_trainer(kind: Any) -> bool:
    return all(hasattr(kind, name) for name in vars(Trainable) if not name.startswith("_"))
