"""The population trainer in Triton's interpreter (``tests/conftest.py``), and networks that are small enough for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("triton")

from interpreted import quicken

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe, Stop
from evonas.types import Task
from search_spaces.neuron.trainer.base import Assignment, Network, Norm, TrainedNetwork, Trainer
from search_spaces.neuron.trainer.cuda import CudaTrainer
from tests.search_spaces.neuron.reference import random_network
from tests.search_spaces.neuron.trainer.training_cases import CLASSES, random_samples

quicken()
TRAINER = CudaTrainer("cpu")
NORMS: list[Norm] = ["layer", "layer-affine", "none"]


def small_network(seed: int, norm: Norm = "layer-affine", **kwargs: Any) -> Network:
    """A network of about 40 edges on two hidden layers."""
    return random_network(np.random.default_rng(seed), norm, **{"layers": (5, 3), "density": 0.35, **kwargs})


def small_splits(seed: int, n: int = 40, task: Task = CLASSES) -> Splits:
    """A few training samples, and fewer for validation."""
    rng = np.random.default_rng([seed, n])
    validation: Samples = random_samples(rng, 9, task)
    return Splits("random", task, random_samples(rng, n, task), validation, "none")


def trained(
    trainer: Trainer, network: Network, splits: Splits, recipe: Recipe, *, teacher: Any = None, **options: Any
) -> TrainedNetwork:
    """What a trainer makes of a network in two epochs; of 40 samples in batches of 8 these are ten steps."""
    assignment = Assignment(network, recipe, **{"epochs": 2, "seed": 3, "stop": Stop(), **options})
    return trainer.train(assignment, splits, teacher)


def together(
    networks: list[Network], splits: Splits, recipes: list[Recipe], *, epochs: list[int], seeds: list[int]
) -> list[TrainedNetwork | Exception]:
    """What the population trainer makes of several networks at once, in their order."""
    assignments = [
        Assignment(network, recipe, n_epochs, seed, Stop())
        for network, recipe, n_epochs, seed in zip(networks, recipes, epochs, seeds, strict=True)
    ]
    found = dict(pair for group in TRAINER.train_many(assignments, splits) for pair in group)
    return [found[index] for index in range(len(networks))]


def assert_same(actual: TrainedNetwork | Exception, expected: TrainedNetwork | Exception) -> None:
    """Equal in every bit."""
    assert isinstance(actual, TrainedNetwork)
    assert isinstance(expected, TrainedNetwork)
    assert actual.network.genotype == expected.network.genotype
    assert actual.history == expected.history
    assert actual.edge_updates == expected.edge_updates
    for name in ("edge", "bias", "gain"):
        np.testing.assert_array_equal(getattr(actual.network, name), getattr(expected.network, name))
