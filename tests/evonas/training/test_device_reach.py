"""The device that is in use reaches the weights and the samples of everything that torch trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evonas.data.samples import Samples, Splits
from evonas.evaluation.training import predict, train
from evonas.supernet.settings import DartsSettings, SposSettings
from evonas.supernet.subnetworks import best_paths, read_off
from evonas.supernet.training import SupernetTraining
from evonas.training import Recipe, Stop, device
from evonas.types import Task
from search_spaces.cell.space import create as cells
from search_spaces.neuron.gates.search import select
from search_spaces.neuron.space import create as neurons
from search_spaces.neuron.training import network_of
from search_spaces.neuron.vertices.search import relax
from search_spaces.neuron.vertices.settings import VertexSettings
from search_spaces.neuron.weights import fresh

#: The CPU under another name, which no code makes by itself.
ELSEWHERE = torch.device("cpu", 0)
TASK = Task("classification", (1, 8, 8), 3)
SEED = np.random.SeedSequence(0)


class Moved:
    """What was moved to the other device, by its number of values.

    Attributes:
        tensors: Numbers of values of tensors.
        modules: Number of modules.
    """

    def __init__(self) -> None:
        self.tensors: list[int] = []
        self.modules = 0


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moved]:
    """Records what is moved to the device in use, which is another one than the CPU by its name."""
    seen, to_tensor, to_module = Moved(), torch.Tensor.to, torch.nn.Module.to

    def tensor(self: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        if ELSEWHERE in arguments:
            seen.tensors.append(self.numel())
        return to_tensor(self, *arguments, **options)

    def module(self: torch.nn.Module, *arguments: Any, **options: Any) -> torch.nn.Module:
        seen.modules += ELSEWHERE in arguments
        return to_module(self, *arguments, **options)

    monkeypatch.setattr(device, "_found", lambda *arguments: ELSEWHERE)
    monkeypatch.setattr(torch.Tensor, "to", tensor)
    monkeypatch.setattr(torch.nn.Module, "to", module)
    yield seen
    monkeypatch.undo()


def samples(n: int = 24) -> Splits:
    rng = np.random.default_rng(0)
    for_weights, held_out = (
        Samples(rng.standard_normal((k, 1, 8, 8), np.float32), rng.integers(0, 3, k)) for k in (n, 8)
    )
    return Splits("made up", TASK, for_weights, held_out, "none")


def start() -> Any:
    space = neurons(TASK, {"founders": "log-uniform", "founder_edges": [60, 60], "edges": [10, 90]})
    genotype = space.sample(np.random.default_rng(0))
    return network_of(genotype, fresh(genotype, np.random.default_rng(0)), "layer-affine")


def train_cells(_: Path) -> None:
    space, splits = cells(TASK, {"cells": 3, "channels": 2}), samples()
    genotype = space.sample(np.random.default_rng(0))
    trained = train(space, genotype, None, splits, Recipe(batch_size=8), epochs=1, seed=SEED, stop=Stop())
    assert predict(space, genotype, trained.weights, splits.validation).shape == (8, 3)


def train_supernet(folder: Path) -> None:
    space = cells(TASK, {"cells": 3, "channels": 2})
    training = SupernetTraining(space, samples(), DartsSettings(batch_size=8, threads=1), n_epochs=1, seed=SEED)
    training.run(folder, Stop(), lambda *_: None)
    assert training.logits is not None


def read_off_paths(folder: Path) -> None:
    settings = SposSettings(batch_size=8, threads=1, candidates=2)
    training = SupernetTraining(
        cells(TASK, {"cells": 3, "channels": 2}), samples(), settings, n_epochs=1, seed=SEED
    )
    training.run(folder, Stop(), lambda *_: None)
    genotypes = best_paths(training, 1, np.random.default_rng(0), Stop())
    [member] = read_off(training, genotypes)
    assert all(np.isfinite(value).all() for value in member.weights.values())


def train_gates(_: Path) -> None:
    network = start()
    edges = [network.genotype.n_edges // 2]
    select(network, samples(), Recipe(batch_size=8), edges=edges, epochs=2, seed=0, stop=Stop())


def train_vertices(_: Path) -> None:
    settings = VertexSettings(vertices=1)
    relax(samples(), Recipe(batch_size=8), width=3, norm="layer", settings=settings, epochs=1, seed=0, stop=Stop())


def train_neurons(_: Path) -> None:
    space, network = neurons(TASK, {"trainer": "torch"}), start()
    assert space.backend == f"torch, {ELSEWHERE}"
    weights = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
    space.train(network.genotype, weights, samples(), Recipe(batch_size=8), epochs=1, seed=SEED, stop=Stop())


@pytest.mark.parametrize(("work", "n_modules"), [
    (train_cells, 1), (train_supernet, 1), (read_off_paths, 2), (train_gates, 0), (train_vertices, 1),
    (train_neurons, 0),
])
def test_weights_and_samples_are_moved_to_the_device(
    moved: Moved, tmp_path: Path, work: Callable[[Path], None], n_modules: int
) -> None:
    work(tmp_path)
    assert moved.modules >= n_modules
    n_inputs, network = 64, start()
    if n_modules:
        assert any(n >= 8 * n_inputs and n % n_inputs == 0 for n in moved.tensors), "samples stay where they are"
        return
    # Samples follow the weights there, and those are really on the CPU.
    n_weights = len(network.edge) + len(network.bias) + len(network.gain)
    assert n_weights in moved.tensors, "weights stay where they are"
