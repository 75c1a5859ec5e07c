"""Searches by gradient for a family of networks of single neurons: what those by edge and by vertex have in common.

The sizes that are asked for are parted, since one training serves few of them; what each training finds is kept in a
checkpoint. A member begins its own training with several times the edges that it is to have, and is pruned to these.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.family import FoundFamily, Report
from evonas.data.samples import Splits
from evonas.space import Encoded, Phenotype
from evonas.training import Recipe, Stop
from evonas.training.checkpoint import Checkpoint, data_and_seed
from evonas.types import Floats, Json, Metrics
from search_spaces.neuron.encoding import decode, encode
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.dense import TRAINING as PRUNE_TRAINING
from search_spaces.neuron.initialization.family import NARROWEST, Setting
from search_spaces.neuron.trainer.base import Network, Norm

#: Edges of a member when it is read off, as a multiple of those that its training leaves. On Fashion-MNIST with 12
#: epochs: 87.4, 87.8, 87.8 % with factors of 1, 2, 4 at 1 000 edges, 88.8, 89.1, 89.2 % at 2 650, 89.6, 89.9, 90.1 % at
#: 6 600; and the training still costs a quarter of one that begins dense.
FACTOR = 4
#: Largest ratio between the numbers of edges that one start serves.
SPAN = 8.0
#: Factor by which the search's batches are larger than those of its members' training, and the fewest steps of an
#: epoch for which they are.
#: Measured on Fashion-MNIST with gates: a third of the time; with twice the epochs for the half of it nothing is lost.
BATCHES, FEWEST_STEPS = 4, 50
#: Told how many epochs of a start are done, and what there is to say of the last.
Say: TypeAlias = Callable[[int, Metrics], None]


@dataclass(frozen=True, slots=True)
class NeuronFamilySearch(ABC):
    """Implements :class:`evonas.capabilities.family.OneShotSearch`, but for the training of one start.

    Attributes:
        setting: Inputs, outputs and sizes.
        norm: Norm of hidden layers.
        settings: Settings from ``search_options``, a dataclass, by default one of defaults.
    """

    setting: Setting
    norm: Norm
    settings: Any = None

    training: ClassVar[Mapping[str, Any]] = PRUNE_TRAINING
    epochs: ClassVar[int]
    n_members: ClassVar[int] = 24

    def search(
        self, splits: Splits, recipe: Recipe, *, n_members: int, epochs: int, seed: np.random.SeedSequence, stop: Stop,
        directory: Path, report: Report, teacher: Floats | None = None,
    ) -> FoundFamily[NeuronGenotype]:
        """See :class:`evonas.capabilities.family.OneShotSearch`; each start leaves a checkpoint, the smallest first.
        first.

        Args:
            splits, recipe, n_members, epochs, seed, stop, directory, report, teacher: See there.
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

                def say(epoch: int, metrics: Metrics, done: int = place * epochs) -> None:
                    report(done + epoch, n_epochs, metrics)

                networks = self._select(
                    part, splits, recipe, epochs=epochs, seed=numbers, stop=stop, say=say, teacher=teacher
                )
                checkpoint.save(networks)
            found |= zip(part, _members(networks), strict=True)
            edge_updates += networks.header["edge_updates"]
        return FoundFamily([found[target] for target in targets], edge_updates)

    @abstractmethod
    def _select(
        self, edges: Sequence[int], splits: Splits, recipe: Recipe, *, epochs: int, seed: np.random.SeedSequence,
        stop: Stop, say: Say, teacher: Floats | None,
    ) -> Encoded:
        """Networks for the given numbers of edges, ascending, from a start of their own; see :func:`encoded`.

        Args:
            edges: Numbers of edges, ascending.
            splits: The data set.
            recipe: Recipe of the run.
            epochs: Number of epochs.
            seed: Seed of the start.
            stop: Request to stop.
            say: Called with the metrics of each epoch.
            teacher: Outputs of a teacher for the training samples; None without one.
        """

    def _width(self, least: float, wanted: float) -> int:
        """Neurons of a hidden layer: at least one for each output, at most what the option ``starting_edges`` allows.

        Args:
            least: Number that leaves enough edges.
            wanted: More where that is more.
        """
        most = max(self.setting.widest, NARROWEST)
        return max(self.setting.n_outputs, math.ceil(min(max(least, wanted), most)))


def spans(targets: Sequence[int]) -> list[list[int]]:
    """The different targets, ascending, in as few parts as have no ratio beyond :data:`SPAN`, equal on a log scale."""
    low, high = math.log(min(targets)), math.log(max(targets))
    n_parts = max(1, math.ceil((high - low) / math.log(SPAN)))
    parts: list[list[int]] = [[] for _ in range(n_parts)]
    for target in sorted(set(targets)):
        place = (math.log(target) - low) / max(high - low, 1e-9)
        parts[min(int(n_parts * place), n_parts - 1)].append(target)
    return [part for part in parts if part]


def in_large_batches(recipe: Recipe, n_samples: int) -> Recipe:
    """The recipe with the search's batches, where half of the samples are enough for that."""
    larger = BATCHES * recipe.batch_size
    return replace(recipe, batch_size=larger) if n_samples // 2 >= FEWEST_STEPS * larger else recipe


def encoded(networks: Sequence[Network], edges: Sequence[int], edge_updates: float) -> Encoded:
    """Networks that training will prune, and what they have cost, as a checkpoint.

    The arrays of each have its place before their name.

    Args:
        networks: One for each of ``edges``.
        edges: Numbers of edges that training is to leave of each.
        edge_updates: Edge-updates of the search.
    """
    headers: list[Json] = []
    arrays: dict[str, NDArray[Any]] = {}
    for place, (network, target) in enumerate(zip(networks, edges, strict=True)):
        kept = replace(network.genotype, prune_to=target if target < network.genotype.n_edges else 0)
        genotype = encode(kept)
        headers.append(genotype.header)
        weights = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
        parts = {"genotype": genotype.arrays, "weights": weights}
        arrays |= {f"{place}/{part}/{name}": array for part, named in parts.items() for name, array in named.items()}
    return Encoded({"genotypes": headers, "edge_updates": edge_updates}, arrays)


def _members(networks: Encoded) -> list[Phenotype[NeuronGenotype]]:
    """The inverse of :func:`encoded`."""

    def part(prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): a for name, a in networks.arrays.items() if name.startswith(prefix)}

    return [
        Phenotype(decode(Encoded(header, part(f"{place}/genotype/"))), part(f"{place}/weights/"))
        for place, header in enumerate(networks.header["genotypes"])
    ]
