"""What every trainer says of a network that it does not train: outputs, gradients, scores and statistics.

Its other laws, with this part of them, are :mod:`trainer_contract`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.data.samples import Samples
from evonas.training import Recipe
from evonas.types import Task
from search_spaces.neuron.trainer.base import Norm, Trainer
from tests.search_spaces.neuron.reference import forward, parameters, random_network, states
from tests.search_spaces.neuron.trainer.reference_training import mean_loss, score_matrix
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    PLAIN,
    SHAPES,
    TARGETS,
    assert_close,
    random_samples,
    teacher_of,
    weighted,
)

random_cases = given(
    seed=st.integers(0, 2**20), layers=st.sampled_from(SHAPES), norm=st.sampled_from(["layer", "layer-affine", "none"]),
    n=st.sampled_from([1, 2, 16, 63, 64, 65, 150]), density=st.sampled_from([0.05, 0.4, 1.0]),
)

#: Every trainer's test class runs the same test function; no state is shared between them.
few_examples = settings(
    max_examples=40, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)


class MeasuringContract:
    """Laws of a trainer that asks a network and leaves it as it is."""

    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        raise NotImplementedError("a subclass defines the trainer")

    @few_examples
    @random_cases
    def test_outputs_equal_the_float64_reference(
        self, trainer: Trainer, seed: int, layers: tuple[int, ...], norm: Norm, n: int, density: float
    ) -> None:
        rng = np.random.default_rng(seed)
        network = random_network(rng, norm, layers=layers, density=density)
        samples = random_samples(rng, n)
        expected = forward(network, torch.from_numpy(samples.flat.astype(np.float64)), *parameters(network))
        outputs = trainer.predict(network, samples)
        assert outputs.dtype == np.float32
        assert_close(outputs, expected.detach())

    @few_examples
    @random_cases
    def test_every_gradient_equals_autograd(
        self, trainer: Trainer, seed: int, layers: tuple[int, ...], norm: Norm, n: int, density: float
    ) -> None:
        rng = np.random.default_rng(seed)
        task = (CLASSES, TARGETS)[seed % 2]
        recipe = Recipe(label_smoothing=(0.0, 0.1)[seed // 2 % 2], teacher_weight=(0.3, 1.0)[seed // 16 % 2])
        network = random_network(rng, norm, layers=layers, density=density)
        samples = random_samples(rng, n, task, n_classes=(1, 3)[seed // 4 % 2])
        teacher = teacher_of(samples, task) if seed // 8 % 2 else None
        samples = weighted(samples) if seed // 32 % 2 else samples
        leaves = parameters(network)
        outputs = forward(network, torch.from_numpy(samples.flat.astype(np.float64)), *leaves)
        value = mean_loss(outputs, samples, task, recipe, teacher)
        expected = torch.autograd.grad(value, leaves, allow_unused=True)
        actual = trainer.gradients(network, samples, task, recipe, teacher)
        assert_close(actual.loss, value.item())
        for name, gradient in zip(("edge", "bias", "gain"), expected, strict=True):
            zeros = np.zeros_like(getattr(network, name))
            assert_close(getattr(actual, name), zeros if gradient is None else gradient, rtol=1e-3, atol=2e-5)

    @pytest.mark.parametrize("task", [CLASSES, TARGETS], ids=lambda task: task.kind)
    def test_edge_scores_equal_the_gradient_of_absent_edges(self, trainer: Trainer, task: Task) -> None:
        rng = np.random.default_rng(18)
        network, samples = random_network(rng), random_samples(rng, 77, task)
        layer_of = network.genotype.layer_of
        candidates = np.argwhere(layer_of[:, None] < layer_of[None, :]).astype(np.int64)
        for counted in (samples, weighted(samples)):
            for teacher in (None, teacher_of(samples, task)):
                expected = score_matrix(network, counted, task, PLAIN, teacher)[candidates[:, 0], candidates[:, 1]]
                assert_close(trainer.edge_scores(network, counted, task, PLAIN, candidates, teacher), expected)

    @pytest.mark.parametrize("n", [1, 77, 128])
    def test_statistics_are_means_over_the_samples(self, trainer: Trainer, n: int) -> None:
        rng = np.random.default_rng(19)
        network, samples = random_network(rng), random_samples(rng, n)
        x = torch.from_numpy(samples.flat.astype(np.float64))
        layers = states(network, x, *parameters(network))
        total = n * mean_loss(layers[-1][1], samples, CLASSES, PLAIN)
        deltas = torch.autograd.grad(total, [z for z, _ in layers])
        h = torch.cat([x, *(activation for _, activation in layers)], dim=1).detach()
        delta = torch.cat([torch.zeros_like(x), *deltas], dim=1)
        statistics = trainer.statistics(network, samples, CLASSES, PLAIN)
        assert_close(statistics.mean, h.mean(0))
        assert_close(statistics.square, h.square().mean(0))
        assert_close(statistics.delta, delta.square().mean(0))

    @pytest.mark.parametrize(("field", "value", "message"), [
        ("edge", np.zeros(3, np.float32), "edge"),
        ("edge", None, "edge"),
        ("bias", np.zeros(1, np.float32), "bias"),
        ("gain", np.zeros((2, 2), np.float32), "gain"),
    ])
    def test_parameters_that_do_not_fit_are_refused(
        self, trainer: Trainer, field: str, value: Any, message: str
    ) -> None:
        network = random_network(np.random.default_rng(25))
        if value is None:
            value = np.full_like(network.edge, np.nan)
        samples = random_samples(np.random.default_rng(25), 4)
        with pytest.raises(ValueError, match=message):
            trainer.predict(replace(network, **{field: value}), samples)

    @pytest.mark.parametrize(("samples", "message"), [
        (Samples(np.zeros((5, 11), np.float32), np.zeros(5, np.int64)), "12"),
        (Samples(np.zeros((5, 12), np.float32), np.array([0, 1, 2, 3, 0])), "class"),
        (Samples(np.zeros((5, 12), np.float32), np.array([0, 1, -1, 2, 0])), "class"),
        (Samples(np.zeros((5, 12), np.float32), np.zeros(4, np.int64)), "5"),
        (Samples(np.zeros((0, 12), np.float32), np.zeros(0, np.int64)), "sample"),
    ])
    def test_samples_that_do_not_fit_are_refused(self, trainer: Trainer, samples: Samples, message: str) -> None:
        network = random_network(np.random.default_rng(26))
        with pytest.raises(ValueError, match=message):
            trainer.gradients(network, samples, CLASSES, PLAIN)

    def test_candidates_outside_the_network_are_refused(self, trainer: Trainer) -> None:
        rng = np.random.default_rng(28)
        network, samples = random_network(rng), random_samples(rng, 8)
        for candidate in ([0, 10**6], [-1, 15], [20, 14], [3, 3]):
            with pytest.raises(ValueError, match="candidate"):
                trainer.edge_scores(network, samples, CLASSES, PLAIN, np.array([candidate]))
