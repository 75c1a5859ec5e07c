"""A family of genotypes whose numbers of edges are spread over orders of magnitude."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from evonas.rng import GOLDEN_RATIO
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.edge_editing import new_ids
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.layering import arrange

#: Fewer neurons than these, each with every input, are no hidden layer.
NARROWEST = 4

#: Settings of the recipe that all methods share.
COMMON_TRAINING: Mapping[str, Any] = MappingProxyType(
    {"batch_size": 64, "learning_rate": 5e-3, "warmup": 0.05, "weight_decay": 0.1}
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting of the methods: facts about the space.

    Attributes:
        n_outputs: Outputs of a network.
        law: Which edges are likely, and where neurons lie.
        edges: Fewest and most edges that training leaves a member.
        start: Most edges that a member begins with.
    """

    n_outputs: int
    law: DistanceLaw
    edges: tuple[int, int]
    start: float = np.inf

    @property
    def n_inputs(self) -> int:
        return int(np.prod(self.law.input_shape))

    @property
    def widest(self) -> float:
        """Most neurons of a first layer with every edge; below :data:`NARROWEST` there is not room for one."""
        return self.start / (self.n_inputs + self.n_outputs)

    def target(self, index: int) -> int:
        """Edges that training leaves member ``index``: any first members cover the range evenly on a log scale."""
        return self.target_at((index + 0.5) * GOLDEN_RATIO % 1)

    def random_target(self, rng: np.random.Generator) -> int:
        """Log-uniform in ``edges``."""
        return self.target_at(rng.random())

    def target_at(self, share: float) -> int:
        """Number of edges from the fewest, at 0, to the most, at 1, on a log scale."""
        low, high = np.log(self.edges)
        return round(float(np.exp(low + (high - low) * share)))

    def frame(self, sizes: tuple[int, ...], rng: np.random.Generator) -> NeuronGenotype:
        """Hidden layers of these sizes at random places, still without edges."""
        n_hidden = sum(sizes)
        return arrange(
            self.n_inputs, self.n_outputs, ids=new_ids(n_hidden, rng),
            layers=np.repeat(np.arange(1, len(sizes) + 1), sizes),
            positions=self.law.random_positions(n_hidden, rng), edges=np.empty((0, 2), np.int64),
        )


class Method(NamedTuple):
    """Method that makes the members of a family from their numbers of edges, and its training."""

    make: Callable[[int, np.random.Generator, Setting], NeuronGenotype]
    training: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """Implements :class:`evonas.capabilities.initialization.Seeder`."""

    method: Method
    setting: Setting

    @property
    def training(self) -> Mapping[str, Any]:
        return self.method.training

    def __call__(self, index: int, rng: np.random.Generator) -> NeuronGenotype:
        """Member ``index`` of the family."""
        return self.method.make(self.setting.target(index), rng, self.setting)
