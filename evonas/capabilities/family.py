"""Searches that return a family of networks: one training, many genotypes, all with weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, runtime_checkable

import numpy as np

from evonas.data.samples import Splits
from evonas.space import G, Phenotype
from evonas.training.recipe import Recipe
from evonas.training.stop import Stop
from evonas.types import Floats, Metrics

#: Told after every epoch: epochs done, epochs in all, and metrics of the last, such as ``train_loss``.
Report: TypeAlias = Callable[[int, int, Metrics], None]
#: Members of a family by default, where neither its search nor a time limit decides their number.
FAMILY_SIZE = 40


@dataclass(frozen=True, slots=True)
class FoundFamily(Generic[G]):
    """The result of a search.

    Attributes:
        members: Networks with the weights that the search gave them; their own training, which comes next, may still
            prune them. Any first members cover the range of sizes that the space was asked for.
        edge_updates: Cost of the whole search, as in :class:`evonas.training.Trained`, earlier sessions included.
    """

    members: Sequence[Phenotype[G]]
    edge_updates: float


class OneShotSearch(Protocol[G]):
    """One training whose result is a family of genotypes with weights: a relaxation, a supernet, a hypernetwork."""

    @property
    def training(self) -> Mapping[str, Any]:
        """Defaults of the training recipe's table, for the search and for the subsequent training of its members."""
        ...

    @property
    def settings(self) -> Any:
        """A dataclass of the values set by ``search_options``; the search is a dataclass with this field."""
        ...

    @property
    def epochs(self) -> int:
        """Default number of epochs of the search if there are enough samples.

        See :func:`evonas.training.length.default_epochs`.
        """
        ...

    @property
    def n_members(self) -> int:
        """Members by default."""
        ...

    def search(
        self, splits: Splits, recipe: Recipe, *, n_members: int, epochs: int, seed: np.random.SeedSequence, stop: Stop,
        directory: Path, report: Report, teacher: Floats | None = None,
    ) -> FoundFamily[G]:
        """Train from where ``directory`` says, to the end.

        The result follows from the arguments, ``stop`` and ``report`` excepted, and from nothing else: a search that
        was killed at any moment and is called again gives the same, and one that has ended gives it at once. Validation
        samples are only looked at to choose between results.

        Args:
            stop: Polled often; checkpoints stay when it ends the search.
            directory: The search's own folder, which exists and is kept with the run. Checkpoints, and what is asked
                later (a trained hypernetwork), are written there by :func:`evonas.serialization.arrays.save`.
            report: Called after every epoch. Where a checkpoint is due then it has been written: a search may have one
                an epoch, or one for each of its parts, and what is done since the last is done again.
            teacher: As :meth:`evonas.capabilities.training.Trainable.train` takes it; None: there is no teacher.

        Raises:
            ValueError: An argument is out of range or does not fit the space, or nothing fits the sizes asked for.
            FloatingPointError: The loss became infinite or not a number.
            Cancelled, TrialTimeout: ``stop`` asked for it.
        """
        ...


@runtime_checkable
class FamilySearchable(Protocol):
    """Capability: searches that return whole families, beside the seeders that return one genotype at a time."""

    @property
    def family_searches(self) -> Mapping[str, OneShotSearch[Any]]:
        """Searches by the name that the command line knows them by; none of them is also a seeder's."""
        ...
