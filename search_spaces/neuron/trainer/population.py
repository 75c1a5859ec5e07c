"""Training of many networks at once: what a trainer that can do so takes and gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe, Stop
from evonas.types import Floats
from search_spaces.neuron.trainer.base import Network, TrainedNetwork, Trainer


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Training of one network beside that of others; the attributes are arguments of :meth:`Trainer.train`."""

    network: Network
    recipe: Recipe
    epochs: int
    seed: int
    stop: Stop
    frozen: NDArray[np.bool_] | None = None


@runtime_checkable
class PopulationTrainer(Trainer, Protocol):
    """Backend that trains many networks at once. The result for one does not depend on the others."""

    def train_many(
        self, assignments: Sequence[Assignment], splits: Splits, teacher: Floats | None = None
    ) -> Iterator[list[tuple[int, TrainedNetwork | Exception]]]:
        """Yield results with the index of their assignment, those that end together in one list.

        What :meth:`Trainer.train` would raise is the result of that assignment alone.

        Args:
            assignments: The networks, and how each is trained.
            splits: The samples of all.
            teacher: As in :meth:`Trainer.train`.
        """
        ...

    def predict_many(self, networks: Sequence[Network], samples: Samples) -> list[Floats]:
        """Return outputs before softmax of each network, ``(n, n_outputs)``.

        Args:
            networks: The networks.
            samples: The samples.
        """
        ...
