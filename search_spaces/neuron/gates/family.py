"""A family of the most relevant sub-networks of dense ones, see :mod:`search_spaces.neuron.gates`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from evonas.data.samples import Splits
from evonas.space import Encoded
from evonas.training import Recipe, Stop
from evonas.types import Floats
from search_spaces.neuron.family_search import FACTOR, NeuronFamilySearch, Say, encoded, in_large_batches
from search_spaces.neuron.initialization.dense import all_between_neighbours
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.weights import fresh

#: Neurons of a start's hidden layer for each square root of its largest member's edges. On Fashion-MNIST members of
#: 2 650 edges and more gained .1 to .4 points from 170 neurons in the place of 120, and nothing beyond.
WIDTH = 2.0


@dataclass(frozen=True, slots=True)
class RelevanceSettings:
    """Settings from ``search_options``.

    Attributes:
        prior: Distribution of gates and cost of open ones, see :func:`search_spaces.neuron.gates.search.select`.
    """

    #: Literal instead of ``PriorName``, whose module imports torch.
    prior: Literal["dirichlet", "gumbel-softmax", "hard-concrete"] = "dirichlet"


@dataclass(frozen=True, slots=True)
class RelevanceSearch(NeuronFamilySearch):
    """Starts are dense networks with one hidden layer, whose edges have gates."""

    settings: RelevanceSettings = RelevanceSettings()

    #: 3 cost .3 points at 1 000 edges on Fashion-MNIST, 8 gained nothing.
    epochs: ClassVar[int] = 5

    def _select(
        self, edges: Sequence[int], splits: Splits, recipe: Recipe, *, epochs: int, seed: np.random.SeedSequence,
        stop: Stop, say: Say, teacher: Floats | None,
    ) -> Encoded:
        import torch

        from search_spaces.neuron.gates.search import select

        torch.set_num_threads(1)  # the result depends on it
        start, order = seed.generate_state(2).tolist()
        network = self._start(edges[-1], np.random.default_rng(start))
        selected = [min(FACTOR * n_edges, network.genotype.n_edges) for n_edges in edges]
        found = select(
            network, splits, in_large_batches(recipe, len(splits.train)), edges=selected, epochs=epochs, seed=order,
            stop=stop, report=lambda epoch, loss: say(epoch, {"train_loss": loss}), prior=self.settings.prior,
            teacher=teacher,
        )
        return encoded(found.networks, edges, found.edge_updates)

    def _start(self, target: int, rng: np.random.Generator) -> Network:
        """Return a dense network with one hidden layer from which networks of up to ``target`` edges are selected."""
        least = FACTOR * target / (self.setting.n_inputs + self.setting.n_outputs)
        width = self._width(least, WIDTH * math.sqrt(target))
        genotype = all_between_neighbours(self.setting.frame((width,), rng))
        weights = fresh(genotype, rng)
        return Network(genotype, weights["edge"], weights["bias"], weights["gain"], self.norm)
