"""Training of many networks at once: what a trainer that can do so takes and gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from evonas.data.samples import Samples, Splits
from evonas.types import Floats
from search_spaces.neuron.trainer.base import Assignment, Network, TrainedNetwork, Trainer


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
