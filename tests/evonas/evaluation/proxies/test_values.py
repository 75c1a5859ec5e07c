"""Scores that a hand calculation or a second way of computing them gives."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from evonas.evaluation.proxies import reg_swap
from evonas.evaluation.proxies.compute import compute
from evonas.evaluation.proxies.networks import Batch, active
from evonas.types import Task
from search_spaces.cell.genotype import parse
from tests.evonas.evaluation.proxies.networks_to_score import IMAGES, Plain, batch_for, linear, spaces

W = 1.5
X, T = torch.tensor([[1.0], [2.0], [-1.0], [0.5]]), torch.tensor([[0.0], [1.0], [1.0], [2.0]])
LINE = Batch(X, T, Task("regression", (1,), 1))
#: Of the mean squared error of x * W: gradient and second derivative.
G, H = float((2 * (X * W - T) * X).mean()), float((2 * X * X).mean())


def halves() -> tuple[float, float]:
    first, second = ((2 * (X[part] * W - T[part]) * X[part]).mean() for part in (slice(2), slice(2, 4)))
    return float(first), float(second)


def fisher() -> float:
    a = X * W
    return float((a * 2 * (a - T) / len(X)).square().mean() / 2)


@pytest.mark.parametrize(("name", "expected"), [
    ("grad_norm", lambda: abs(G)), ("snip", lambda: abs(G * W)), ("plain", lambda: G * W), ("l2_norm", lambda: W),
    ("grasp", lambda: -W * H * G), ("fisher", fisher), ("synflow", lambda: math.log(W)),
    ("params", lambda: 1), ("flops", lambda: 2),
    ("zico", lambda: math.log(np.abs(halves()).mean() / np.std(halves()))),
])
def test_one_weight(name: str, expected: Callable[[], float]) -> None:
    assert compute(name, Plain(linear([[W]])), LINE) == pytest.approx(expected(), rel=1e-5)


def test_synflow_counts_paths_without_signs_and_norms() -> None:
    network = Plain(
        nn.Flatten(), linear([[2.0, -1.0], [0.5, 3.0]]), nn.LayerNorm(2), nn.ReLU(), linear([[1.0, -4.0]])
    )
    paths = (2 + 1) * 1 + (0.5 + 3) * 4
    batch = Batch(torch.zeros(2, 2), torch.zeros(2, 1), Task("regression", (2,), 1))
    assert compute("synflow", network, batch) == pytest.approx(math.log(2 * paths))  # each layer carries all of them


def test_patterns_of_relus() -> None:
    x = torch.tensor([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    network = Plain(linear([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]]), nn.ReLU(), linear([[1.0, 1.0, 1.0]]))
    batch = Batch(x, torch.zeros(3, 1), Task("regression", (2,), 1))
    K = np.array([[3, 0, 2], [0, 3, 1], [2, 1, 3]])  # ReLUs in which two samples agree
    assert compute("naswot", network, batch) == pytest.approx(math.log(np.linalg.det(K)))
    assert compute("swap", network, batch) == 2  # the third ReLU says what the first does
    value = reg_swap.score(network, batch, mu=0.01, sigma=0.5)
    assert math.exp(value) == pytest.approx(2 * math.exp(-((9 / 1000 - 0.01) ** 2) / 0.5))


def test_fewer_relus_than_samples_count_how_many_samples_they_tell_apart() -> None:
    task = Task("regression", (2,), 1)
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.zeros(12, 1), task)

    def score(n_relus: int) -> float:
        rows = torch.randn(n_relus, 2, generator=torch.Generator().manual_seed(1)).tolist()
        return compute("naswot", Plain(linear(rows), nn.ReLU(), linear([[1.0] * n_relus])), batch)

    scores = [score(n) for n in (2, 3, 6, 40)]
    assert scores == sorted(scores)
    assert len(set(scores)) == len(scores)
    signs = (x @ torch.randn(6, 2, generator=torch.Generator().manual_seed(1)).t() > 0).double().numpy()
    K = signs @ signs.T + (1 - signs) @ (1 - signs).T
    values = np.linalg.eigvalsh(K)
    least = 12 * np.finfo(float).eps * values[-1]
    assert (values <= least).any()
    assert scores[2] == pytest.approx(np.log(np.maximum(values, least)).sum())


def test_a_relu_that_operations_share_counts_once_for_each_as_in_the_published_network() -> None:
    space, _ = spaces()["nasbench201"]
    genotype = parse(
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|nor_conv_1x1~1|avg_pool_3x3~2|"
    )
    network = space.compile(genotype)
    patterns = active(network, batch_for(IMAGES).x)
    of_cells = [uses for module in network.modules() for uses in getattr(module, "rectifier_uses", ())]
    assert of_cells == [3, 1] * 3
    assert sorted(uses for _, uses in patterns if uses > 1) == [3] * 3
    signs = torch.cat([torch.where(p, 1.0, -1.0).double() * math.sqrt(uses) for p, uses in patterns], dim=1)
    weight = sum(uses * p.shape[1] for p, uses in patterns)
    K = (signs @ signs.t() + weight) / 2  # half of the signs' products and of their number are agreements
    assert compute("naswot", network, batch_for(IMAGES)) == pytest.approx(float(torch.logdet(K)), rel=1e-6)


def test_gradients_at_the_inputs_that_are_all_alike() -> None:
    network, k, n = Plain(nn.Flatten(), linear([[1.0, 2.0, -3.0], [0.0, 1.0, 1.0]])), 1e-5, 6
    y = torch.tensor([0, 0, 0, 0, 1, 1])
    batch = Batch(torch.randn(n, 3, generator=torch.Generator().manual_seed(0)), y, Task("classification", (3,), 2))
    values = [n + k, *[k] * (n - 1)]
    expected = -sum(math.log(v) + 1 / v for v in values)
    assert compute("jacob_cov", network, batch) == pytest.approx(expected, rel=1e-6)
    assert compute("epe_nas", network, batch) == pytest.approx((16 + 4) * math.log(1 + k), rel=1e-6)


@pytest.mark.parametrize("space", ["nasbench201", "darts", "block", "mbconv", "cnn", "neuron"])
def test_parameters_and_flops_are_those_that_the_space_counts(space: str) -> None:
    found, genotype = spaces()[space]
    costs, network = found.cost(genotype), found.compile(genotype)
    assert compute("flops", network, batch_for(IMAGES)) == costs["flops"]
    unused = IMAGES.n_outputs if space == "neuron" else 0  # gains of outputs, which have no norm
    assert compute("params", network, batch_for(IMAGES)) - unused == costs["params"]


def test_zen_undoes_what_a_norm_does_to_the_scale() -> None:
    def network(norm: nn.Module) -> Plain:
        return Plain(nn.Conv2d(1, 32, 3, padding=1), norm, nn.ReLU(), nn.Flatten(), nn.Linear(2048, 4))

    batch = batch_for(IMAGES)
    plain = compute("zen", network(nn.Identity()), batch)
    assert compute("zen", network(nn.BatchNorm2d(32)), batch) == pytest.approx(plain, abs=0.1)


def test_az_nas_of_features_as_even_as_can_be_that_lose_half_of_their_gradient() -> None:
    class Gain(nn.Module):
        def __init__(self, factor: float) -> None:
            super().__init__()
            self.factor, self.gain = factor, nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor * self.gain

    first, second = Gain(1.0), Gain(0.5)
    network = Plain(first, second, nn.Flatten(), nn.Linear(64 * 4, 4), features=(first, second))
    batch = batch_for(Task("classification", (4, 8, 8), 4), n=64)
    assert compute("az_expressivity", network, batch) == pytest.approx(2 * math.log(4), abs=0.01)
    assert compute("az_progressivity", network, batch) == pytest.approx(0, abs=1e-4)
    assert compute("az_trainability", network, batch) == pytest.approx(2 - 0.5 - 2, abs=0.1)


def test_vkdnw_of_one_layer_is_the_spread_of_its_fisher_information() -> None:
    task = Task("classification", (3,), 4)
    batch, layer = batch_for(task), nn.Linear(3, 4)
    from evonas.evaluation.proxies.networks import drawn_again
    from evonas.evaluation.proxies.vkdnw import SAMPLES

    value = compute("vkdnw", layer, batch)
    drawn_again(layer, batch.generator, kaiming=True)
    x = batch.noise(SAMPLES)
    fisher = torch.zeros(2, 2, dtype=torch.float64)
    for sample in x:
        p = layer(sample).detach().double().softmax(0) * 0.95 + 0.05 / 4
        J = torch.zeros(4, 2, dtype=torch.float64)  # of the first weight and the first bias
        J[0, 0], J[0, 1] = float(sample[0]), 1.0
        fisher += J.t() @ (torch.diag(p) - torch.outer(p, p)) @ J / SAMPLES
    deciles = np.quantile(np.linalg.eigvalsh(fisher.numpy()), np.arange(1, 10) / 10)
    shares = deciles / deciles.sum()
    assert value == pytest.approx(2 - (shares * np.log(shares)).sum(), rel=1e-5)


def test_hessians_through_sparse_layers_are_those_through_dense_ones() -> None:
    from search_spaces.neuron.module import NeuronModule

    space, genotype = spaces()["neuron"]
    network = space.compile(genotype).network()
    scores = [
        compute("grasp", NeuronModule(network, product=product).double(), _double(batch_for(IMAGES)))
        for product in ("embedding_bag", "dense")
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)
    assert scores[0] != 0


def _double(batch: Batch) -> Batch:
    return Batch(batch.x.double(), batch.y, batch.task, batch.seed)
