"""Outputs, gradients, scores and statistics of the population trainer equal float64 autograd."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from evonas.training import Recipe
from evonas.types import Task
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.trainer.cuda import population
from tests.search_spaces.neuron.reference import forward, parameters
from tests.search_spaces.neuron.trainer.cuda.interpreter import NORMS, TRAINER, small_network
from tests.search_spaces.neuron.trainer.reference_training import mean_loss
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    PLAIN,
    TARGETS,
    assert_close,
    random_samples,
    teacher_of,
    weighted,
)


@pytest.mark.parametrize(("norm", "task"), list(product(NORMS, [CLASSES, TARGETS])), ids=str)
@pytest.mark.parametrize(("n", "layers"), [(1, (3,)), (8, (6, 4)), (11, (1, 5, 2)), (5, ())])
def test_outputs_and_gradients_equal_autograd(norm: Norm, task: Task, n: int, layers: tuple[int, ...]) -> None:
    rng = np.random.default_rng(n)
    network = small_network(n, norm, layers=layers)
    activations = rng.integers(0, 3, network.genotype.n_hidden).astype(np.int8)
    network = replace(network, genotype=replace(network.genotype, activations=activations))
    samples, teacher = random_samples(rng, n, task), None
    recipe = Recipe(label_smoothing=0.1, teacher_weight=0.3)
    if n > 1:
        samples, teacher = weighted(samples), teacher_of(samples, task)
    leaves = parameters(network)
    outputs = forward(network, torch.from_numpy(samples.flat.astype(np.float64)), *leaves)
    assert_close(TRAINER.predict(network, samples), outputs.detach())
    value = mean_loss(outputs, samples, task, recipe, teacher)
    expected = torch.autograd.grad(value, leaves, allow_unused=True)
    actual = TRAINER.gradients(network, samples, task, recipe, teacher)
    assert actual.loss == pytest.approx(value.item(), rel=1e-5)
    for name, gradient in zip(("edge", "bias", "gain"), expected, strict=True):
        zeros = np.zeros_like(getattr(network, name))
        assert_close(getattr(actual, name), zeros if gradient is None else gradient, rtol=1e-3, atol=2e-5)


def test_batches_of_several_blocks_and_passes_give_the_same_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    network, samples = small_network(1), random_samples(np.random.default_rng(1), 40)
    whole = TRAINER.gradients(network, samples, CLASSES, PLAIN)
    for name, value in (("LANES", 8), ("GROUP_LANES", 8), ("GROUP_ROWS", 2), ("EDGES", 2)):
        monkeypatch.setattr(population, name, value)
    monkeypatch.setattr("search_spaces.neuron.trainer.cuda.trainer.PASSED", 16)
    parts = TRAINER.gradients(network, samples, CLASSES, PLAIN)
    for name in ("loss", "edge", "bias", "gain"):
        assert_close(getattr(parts, name), getattr(whole, name), atol=1e-6)


def test_scores_and_statistics_equal_those_of_the_other_trainers() -> None:
    network, samples = small_network(2), random_samples(np.random.default_rng(2), 11)
    genotype = network.genotype
    hidden = np.arange(genotype.n_inputs, genotype.n_neurons - genotype.n_outputs)
    outputs = np.arange(genotype.n_neurons - genotype.n_outputs, genotype.n_neurons)
    candidates = np.array([*product(range(genotype.n_inputs), hidden), *product(hidden, outputs)], np.int64)
    for task in (CLASSES,):
        mine, theirs = (
            trainer.edge_scores(network, samples, task, PLAIN, candidates)
            for trainer in (TRAINER, choose_trainer("torch"))
        )
        assert_close(mine, theirs)
        statistics = [t.statistics(network, samples, task, PLAIN) for t in (TRAINER, choose_trainer("torch"))]
        for one, other in zip(*statistics, strict=True):
            assert_close(one, other)


def test_outputs_of_many_networks_are_those_of_each_alone() -> None:
    networks = [small_network(3), small_network(4, layers=(3,)), small_network(5, layers=()), small_network(6)]
    samples = random_samples(np.random.default_rng(3), 20)
    together = TRAINER.predict_many(networks, samples)
    for network, outputs in zip(networks, together, strict=True):
        np.testing.assert_array_equal(outputs, TRAINER.predict(network, samples))
    assert TRAINER.predict_many([], samples) == []
