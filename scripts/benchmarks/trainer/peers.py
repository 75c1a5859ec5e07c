"""Comparison of the native trainer's epoch with usual alternatives: a dense network of its size, and sparselab."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import NamedTuple

import torch
from torch import Tensor, nn

from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.native import NativeTrainer
from search_spaces.neuron.trainer.sample_order import n_batches

from .formats import Activation
from .networks import N_CLASSES, SHAPES, layer_edges, local_network, random_splits
from .steps import AutogradSteps, TrainerSteps, clock

#: Training samples of MNIST without a sixth for validation; the batch size; edges of the sparse network.
N_SAMPLES, BATCH, N_EDGES = 48_000, 256, 26_000
INSTALL_SPARSELAB = "python -m pip install -e .[bench]"
#: Steps of sparselab that are timed in a round, since it needs several times as long.
SPARSELAB_STEPS = 15


class Peer(NamedTuple):
    """Measurement of another network.

    Attributes:
        name: Name of the network.
        seconds: Median seconds of an epoch.
        ratio: Median ratio to the native epoch.
        at_least: Required ratio.
    """

    name: str
    seconds: float
    ratio: float
    at_least: float


class SparselabNetwork(nn.Module):
    """Network of the same layers, with as many edges into each, at random places that sparselab draws."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        linear = import_module("sparselab").SparseLinear
        self.weights, self.activations = nn.ModuleList(), nn.ModuleList()
        with warnings.catch_warnings():  # it builds its matrices by torch's CSR, which warns of its beta state
            warnings.simplefilter("ignore")
            for first, size, rows, _ in layer_edges(network.genotype):
                self.weights.append(linear(first, size, bias=False, sparsity=1 - len(rows) / (first * size)))
                self.activations.append(Activation(network, first, size))

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``."""
        h = own = x
        for weight, activation in zip(self.weights, self.activations, strict=True):
            own = activation(weight(h))
            h = torch.cat([h, own], dim=1)
        return own


def compare(rounds: int) -> tuple[float, list[Peer]]:
    """Return seconds of the native epoch, with the set-up of the run, and the peers; all on one thread, taking turns.

    sparselab is left out if it is not installed.
    """
    network = local_network("S", N_EDGES / SHAPES["S"].n_pairs)
    splits = random_splits(SHAPES["S"].n_inputs, N_SAMPLES)
    n_steps = n_batches(N_SAMPLES, BATCH)
    native = TrainerSteps(NativeTrainer(), network, splits, BATCH, 1)
    peers = {
        "dense 784-32-10, batches gathered": (AutogradSteps(_dense(), splits, BATCH, 1, shuffled=True), n_steps, 2.0),
        "dense 784-32-10, batches ready": (AutogradSteps(_dense(), splits, BATCH, 1), n_steps, 2.0),
    }
    if find_spec("sparselab"):
        steps = AutogradSteps(SparselabNetwork(network), splits, BATCH, 1, shuffled=True)
        peers["sparselab, batches gathered"] = (steps, SPARSELAB_STEPS, 8.0)
    native.train(1)  # packs the inputs
    own: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        begin = clock(1)
        native.train(1)
        own.append(clock(1) - begin)
        for name, (peer, n_timed, _) in peers.items():
            times[name].append(n_steps * peer.seconds(n_timed))
    return median(own), [
        Peer(name, median(times[name]), median(t / o for t, o in zip(times[name], own, strict=True)), at_least)
        for name, (_, _, at_least) in peers.items()
    ]


def _dense() -> nn.Module:
    """Build a dense network of 25 450 parameters."""
    return nn.Sequential(nn.Linear(SHAPES["S"].n_inputs, 32), nn.ReLU(), nn.Linear(32, N_CLASSES))
