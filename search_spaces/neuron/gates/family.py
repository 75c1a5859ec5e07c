"""A family of the most relevant sub-networks of dense ones, see :mod:`search_spaces.neuron.gates`.

A member begins its own training with several times the edges that it is to have, and is pruned to these by it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.family import FoundFamily, Report
from evonas.data.samples import Splits
from evonas.space import Encoded, Phenotype
from evonas.training import Recipe, Stop
from evonas.training.checkpoint import Checkpoint, data_and_seed
from evonas.types import Floats, Json
from search_spaces.neuron.encoding import decode, encode
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.dense import TRAINING as PRUNE_TRAINING
from search_spaces.neuron.initialization.dense import all_between_neighbours
from search_spaces.neuron.initialization.family import NARROWEST, Setting
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.weights import fresh

#: Edges of a member when it is read off, as a multiple of those that its training leaves. On Fashion-MNIST with 12
#: epochs: 87.4, 87.8, 87.8 % with factors of 1, 2, 4 at 1 000 edges, 88.8, 89.1, 89.2 % at 2 650, 89.6, 89.9, 90.1 % at
#: 6 600; and the training still costs a quarter of one that begins dense.
FACTOR = 4
#: Largest ratio between the numbers of edges that one start serves.
SPAN = 8.0
#: Neurons of a start's hidden layer for each square root of its largest member's edges. On Fashion-MNIST members of
#: 2 650 edges and more gained .1 to .4 points from 170 neurons in the place of 120, and nothing beyond.
WIDTH = 2.0
#: The search takes batches so many times as large as its members' training, where an epoch then has so many steps.
#: Measured on Fashion-MNIST: a third of the time; with twice the epochs for the half of it nothing is lost.
BATCHES, FEWEST_STEPS = 4, 50


@dataclass(frozen=True, slots=True)
class RelevanceSettings:
    """What ``search_options`` set.

    Attributes:
        prior: How gates are drawn and what open ones cost, see :func:`search_spaces.neuron.gates.search.select`.
    """

    #: Not ``PriorName``, whose module imports torch.
    prior: Literal["dirichlet", "gumbel-softmax", "hard-concrete"] = "dirichlet"


@dataclass(frozen=True, slots=True)
class RelevanceSearch:
    """Implements :class:`evonas.capabilities.family.FamilySearch`.

    Attributes:
        norm: Of hidden layers.
    """

    setting: Setting
    norm: Norm
    settings: RelevanceSettings = RelevanceSettings()

    training: ClassVar[Mapping[str, Any]] = PRUNE_TRAINING
    #: 3 cost .3 points at 1 000 edges on Fashion-MNIST, 8 gained nothing.
    epochs: ClassVar[int] = 5
    n_members: ClassVar[int] = 24

    def search(
        self, splits: Splits, recipe: Recipe, *, n_members: int, epochs: int, seed: np.random.SeedSequence, stop: Stop,
        directory: Path, report: Report, teacher: Floats | None = None,
    ) -> FoundFamily[NeuronGenotype]:
        """See :class:`evonas.capabilities.family.FamilySearch`; there is a checkpoint after each start, the smallest
        first.
        """
        targets = [self.setting.target(index) for index in range(n_members)]
        parts = spans(targets)
        found: dict[int, Phenotype[NeuronGenotype]] = {}
        edge_updates, n_epochs = 0.0, epochs * len(parts)
        for place, part in enumerate(parts):
            numbers = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, place))
            checkpoint = Checkpoint(directory / f"start-{place}.safetensors", {
                **data_and_seed(splits, numbers, teacher), "norm": self.norm, "n_epochs": epochs,
                "edges of the members": part, "setting": asdict(self.setting), "training": asdict(recipe),
                "settings": asdict(self.settings),
            })
            networks = checkpoint.load()
            if networks is None:

                def say(epoch: int, loss: float, done: int = place * epochs) -> None:
                    report(done + epoch, n_epochs, {"train_loss": loss})

                networks = self._select(
                    part, splits, recipe, epochs=epochs, seed=numbers, stop=stop, say=say, teacher=teacher
                )
                checkpoint.save(networks)
            found |= zip(part, _members(networks), strict=True)
            edge_updates += networks.header["edge_updates"]
        return FoundFamily([found[target] for target in targets], edge_updates)

    def _select(
        self, edges: Sequence[int], splits: Splits, recipe: Recipe, *, epochs: int, seed: np.random.SeedSequence,
        stop: Stop, say: Callable[[int, float], None], teacher: Floats | None,
    ) -> Encoded:
        """Networks of given numbers of edges, ascending, from a start of their own; as a checkpoint."""
        import torch

        from search_spaces.neuron.gates.search import select

        torch.set_num_threads(1)  # the result depends on it
        start, order = seed.generate_state(2).tolist()
        larger = BATCHES * recipe.batch_size
        if len(splits.train) // 2 >= FEWEST_STEPS * larger:
            recipe = replace(recipe, batch_size=larger)
        network = self._start(edges[-1], np.random.default_rng(start))
        selected = [min(FACTOR * n_edges, network.genotype.n_edges) for n_edges in edges]
        found = select(
            network, splits, recipe, edges=selected, epochs=epochs, seed=order, stop=stop, report=say,
            prior=self.settings.prior, teacher=teacher,
        )
        networks = [
            replace(n, genotype=replace(n.genotype, prune_to=target if target < n.genotype.n_edges else 0))
            for n, target in zip(found.networks, edges, strict=True)
        ]
        return _encoded(networks, found.edge_updates)

    def _start(self, target: int, rng: np.random.Generator) -> Network:
        """A dense network with one hidden layer from which networks of up to ``target`` edges are selected."""
        least = FACTOR * target / (self.setting.n_inputs + self.setting.n_outputs)
        width = max(least, WIDTH * math.sqrt(target))
        width = max(self.setting.n_outputs, math.ceil(min(width, max(self.setting.widest, NARROWEST))))
        genotype = all_between_neighbours(self.setting.frame((width,), rng))
        weights = fresh(genotype, rng)
        return Network(genotype, weights["edge"], weights["bias"], weights["gain"], self.norm)


def spans(targets: Sequence[int]) -> list[list[int]]:
    """The different targets, ascending, in as few parts as have no ratio beyond :data:`SPAN`, equal on a log scale."""
    low, high = math.log(min(targets)), math.log(max(targets))
    n_parts = max(1, math.ceil((high - low) / math.log(SPAN)))
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    for target in sorted(set(targets)):
        place = (math.log(target) - low) / max(high - low, 1e-9)
        parts[min(int(n_parts * place), n_parts - 1)].append(target)
    return [part for part in parts if part]


def _encoded(networks: Sequence[Network], edge_updates: float) -> Encoded:
    """Networks and what they have cost, in one checkpoint; the arrays of each have its place before their name."""
    headers: list[Json] = []
    arrays: dict[str, NDArray[Any]] = {}
    for place, network in enumerate(networks):
        genotype = encode(network.genotype)
        headers.append(genotype.header)
        weights = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
        parts = {"genotype": genotype.arrays, "weights": weights}
        arrays |= {f"{place}/{part}/{name}": array for part, named in parts.items() for name, array in named.items()}
    return Encoded({"genotypes": headers, "edge_updates": edge_updates}, arrays)


def _members(networks: Encoded) -> list[Phenotype[NeuronGenotype]]:
    """The inverse of :func:`_encoded`."""

    def part(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): a for name, a in networks.arrays.items() if name.startswith(prefix)}

    return [
        Phenotype(decode(Encoded(header, part(f"{place}/genotype/"))), part(f"{place}/weights/"))
        for place, header in enumerate(networks.header["genotypes"])
    ]


#: Searches that give a whole family, by name.
FAMILY_SEARCHES: Mapping[str, type[RelevanceSearch]] = MappingProxyType({"relevance": RelevanceSearch})
