"""A family of the networks that searches with one simplex a vertex have chosen, see
:mod:`search_spaces.neuron.vertices`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from evonas.data.samples import Splits
from evonas.space import Encoded
from evonas.training import Recipe, Stop
from evonas.types import Floats
from search_spaces.neuron.family_search import FACTOR, NeuronFamilySearch, Say, encoded, in_large_batches
from search_spaces.neuron.vertices.settings import VertexSettings

#: Neurons of a vertex for each square root of the largest member's edges, up to the second number: every vertex has
#: dense functions of every one before it.
WIDTH, WIDEST = 2.0, 128


@dataclass(frozen=True, slots=True)
class VertexRelaxationSearch(NeuronFamilySearch):
    """The members of a start have its structure, and its largest weights."""

    settings: VertexSettings = field(default_factory=VertexSettings)

    epochs: ClassVar[int] = 5

    def _select(
        self, edges: Sequence[int], splits: Splits, recipe: Recipe, *, epochs: int, seed: np.random.SeedSequence,
        stop: Stop, say: Say, teacher: Floats | None,
    ) -> Encoded:
        import torch

        from search_spaces.neuron.gates.discretize import discretize
        from search_spaces.neuron.vertices.discretize import to_network
        from search_spaces.neuron.vertices.search import relax

        torch.set_num_threads(1)  # the result depends on it
        numbers, places = seed.generate_state(2).tolist()
        rng = np.random.default_rng(places)
        least = edges[-1] / (self.setting.n_inputs + self.setting.n_outputs)  # one hidden layer may be chosen
        width = self._width(least, min(WIDTH * math.sqrt(edges[-1]), WIDEST))
        found = relax(
            splits, in_large_batches(recipe, len(splits.train)), width=width, norm=self.norm, settings=self.settings,
            epochs=epochs, seed=numbers, stop=stop, report=say, teacher=teacher,
        )
        network = to_network(found.network, found.gammas, lambda sizes: self.setting.frame(sizes, rng))
        ranking = np.argsort(-np.abs(network.edge), kind="stable")
        most = network.genotype.n_edges
        networks = [discretize(network, ranking, min(FACTOR * n_edges, most)) for n_edges in edges]
        return encoded(networks, edges, found.edge_updates)
