"""One network among those that are trained together: its schedule, its structure as it changes, and its result."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Splits
from evonas.training import Epoch
from evonas.training.augmentation import Augmentation
from evonas.training.early_stopping import EarlyStopping
from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import Assignment, Network, TrainedNetwork
from search_spaces.neuron.trainer.cuda.structure import piece_of
from search_spaces.neuron.trainer.sample_order import n_batches
from search_spaces.neuron.trainer.schedule import schedule
from search_spaces.neuron.trainer.torch_backend.rewiring import (
    Rewired,
    carried,
    groups_of,
    pruned,
    regrown,
    regrown_by_pair,
)


class Candidate:
    """State of a network in training, without its parameters.

    Args:
        assignment: The network, and how it is trained.
        splits: The samples.

    Attributes:
        genotype, frozen: The present structure.
        piece: Its form for the kernels.
        groups: Group of each of its flat parameters, -1 is none.
        history: Its epochs so far.
        edge_updates: See :class:`TrainedNetwork`.
        result: What came of it, once it has ended.
        plan: Rates and events by the step.
        augmentation: How it sees images.
    """

    def __init__(self, assignment: Assignment, splits: Splits) -> None:
        self.assignment, self.network = assignment, assignment.network
        recipe, genotype = assignment.recipe, assignment.network.genotype
        self.recipe, self.norm = recipe, assignment.network.norm
        per_epoch = n_batches(len(splits.train), recipe.batch_size)
        self.plan = schedule(recipe, genotype, assignment.epochs * per_epoch, per_epoch)
        self.augmentation = Augmentation(splits.train.x.shape[1:], recipe)
        self.stopping: EarlyStopping[Network] = EarlyStopping(
            recipe.patience, first=max(0, self.plan.settled - 1) // per_epoch
        )
        self.history: list[Epoch] = []
        self.edge_updates = 0.0
        self.result: TrainedNetwork | Exception | None = None
        frozen = assignment.frozen
        self.frozen = np.zeros(genotype.n_edges, bool) if frozen is None else frozen
        self._events = sorted({*self.plan.prunes, *self.plan.regrows, self.plan.release - 1})
        self.genotype = genotype
        self._index()
        self.flat = _with_means(np.concatenate([self.network.edge, self.network.bias, self.network.gain]), self.groups)
        if self.plan.release == 0:
            self.release()

    def _index(self) -> None:
        self.piece = piece_of(self.genotype, self.norm)
        self.groups = groups_of(self.genotype, self.frozen)

    def release(self) -> None:
        """End all sharing."""
        self.genotype = self.genotype.untied
        self._index()

    def next_event(self, step: int) -> float:
        """The first step from ``step`` on after which the structure changes; infinite if there is none."""
        place = bisect_left(self._events, step)
        return self._events[place] if place < len(self._events) else math.inf

    def prunes(self, step: int) -> bool:
        """Whether edges go after the update of a step."""
        return self.plan.prunes.get(step, self.genotype.n_edges) < self.genotype.n_edges

    def prune(self, step: int, edge: Floats) -> Ints:
        """Go on with the edges that the step leaves; returns the columns of :class:`Carried`.

        Args:
            step: The step.
            edge: The present weights.
        """
        return self._rewire(pruned(self.genotype, edge, self.frozen, self.plan.prunes[step]))

    def regrow(self, step: int, edge: Floats, scores: Iterable[Floats]) -> Ints:
        """Move edges; returns the columns of :class:`Carried`.

        Args:
            step: The step.
            edge: The present weights.
            scores: See :func:`regrown`.
        """
        assert self.recipe.regrowth is not None
        move = regrown_by_pair if self.recipe.regrowth.scope == "layer-pair" else regrown
        return self._rewire(move(self.genotype, edge, self.frozen, self.plan.regrows[step], scores))

    def _rewire(self, rewired: Rewired) -> Ints:
        self.genotype, columns, self.frozen = carried(self.genotype, self.frozen, rewired)
        self._index()
        return columns

    def network_with(self, flat: Floats) -> Network:
        """The present network with flat parameters."""
        n_edges, n_rows = self.genotype.n_edges, self.genotype.n_hidden + self.genotype.n_outputs
        edge, bias, gain = (part.copy() for part in np.split(flat, [n_edges, n_edges + n_rows]))
        return Network(self.genotype, edge, bias, gain, self.norm)

    def end(self, network: Network) -> None:
        """Keep the result: the best network if the validation loss has been watched, else the present one."""
        self.result = TrainedNetwork(self.stopping.best or network, tuple(self.history), self.edge_updates)


def _with_means(flat: Floats, groups: Ints) -> Floats:
    """Flat parameters in which the members of a group have their mean."""
    shared = np.flatnonzero(groups >= 0)
    if not len(shared):
        return flat.astype(np.float32)
    group, counts = np.unique(groups[shared], return_inverse=True, return_counts=True)[1:]
    result: NDArray[np.float32] = flat.astype(np.float32)
    result[shared] = (np.bincount(group, flat[shared].astype(np.float64)) / counts)[group]
    return result
