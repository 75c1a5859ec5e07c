"""Relaxed choices, the priors on them, and the remedies against collapse."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from evonas.supernet.priors import (
    beta_decay,
    dirichlet_log_density,
    entropy_penalty,
    gumbel_softmax_log_density,
    make_prior,
    with_auxiliary_skip,
)
from evonas.supernet.relaxation import gumbel_noise, gumbel_softmax, softmax, straight_through, temperature

LOGITS = torch.tensor([1.0, -0.5, 0.2])


def noise(n: int) -> Tensor:
    return gumbel_noise((n, 3), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("t", [0.2, 1.0])
@pytest.mark.parametrize("relax", [gumbel_softmax, straight_through])
def test_largest_entry_is_an_operation_with_its_probability(relax: object, t: float) -> None:
    rows = relax(LOGITS, t, noise(40_000))  # type: ignore[operator]
    frequencies = torch.bincount(rows.argmax(-1), minlength=3) / 40_000
    torch.testing.assert_close(frequencies, LOGITS.softmax(-1), atol=8e-3, rtol=0)


def test_gumbel_softmax_becomes_one_hot_as_the_temperature_falls() -> None:
    largest = [float(gumbel_softmax(LOGITS, t, noise(2000)).max(-1).values.mean()) for t in (1.0, 0.2, 0.01)]
    assert largest[0] < largest[1] < largest[2]
    assert largest[2] > 0.99


def test_straight_through_is_exactly_one_hot_with_the_relaxed_gradient() -> None:
    logits = LOGITS.expand(50, 3).clone().requires_grad_()
    draws, values = noise(50), torch.arange(150.0).reshape(50, 3)
    rows = straight_through(logits, 0.5, draws)
    assert torch.equal(rows.detach().sort(-1).values, torch.tensor([0.0, 0.0, 1.0]).expand(50, 3))
    (hard,) = torch.autograd.grad((rows * values).sum(), logits)
    (soft,) = torch.autograd.grad((gumbel_softmax(logits, 0.5, draws) * values).sum(), logits)
    torch.testing.assert_close(hard, soft)


def test_temperature_follows_the_progress_and_stays_positive() -> None:
    assert [temperature(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.6, 0.2])
    assert [temperature(progress, 10.0, 0.1) for progress in (0.0, 0.5, 1.0)] == pytest.approx([10.0, 5.05, 0.1])


def simplex_grid(k: int, n: int = 400) -> tuple[Tensor, Tensor]:
    """Points of the simplex with the volumes of their cells: midpoints of a grid in the logits."""
    edges = torch.linspace(-16, 16, n + 1, dtype=torch.float64)
    axis = (edges[1:] + edges[:-1]) / 2
    plane = torch.stack(torch.meshgrid(*[axis] * (k - 1), indexing="ij"), -1)
    gamma = torch.cat([plane, torch.zeros_like(plane[..., :1])], -1).softmax(-1)
    return gamma, gamma.prod(-1) * (32 / n) ** (k - 1)  # the determinant of the softmax is the product of its values


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("t", [0.6, 1.0, 1.7])
def test_gumbel_softmax_density_integrates_to_one(k: int, t: float) -> None:
    gamma, volume = simplex_grid(k)
    density = gumbel_softmax_log_density(gamma, LOGITS[:k].double(), t).exp()
    assert float((density * volume).sum()) == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("concentration", [(1.0, 0.5), (0.6, 2.0), (0.7, 1.5, 1.0)])
def test_dirichlet_density_integrates_to_one(concentration: tuple[float, ...]) -> None:
    gamma, volume = simplex_grid(len(concentration))
    density = dirichlet_log_density(gamma, torch.tensor(concentration, dtype=torch.float64)).exp()
    assert float((density * volume).sum()) == pytest.approx(1, abs=2e-3)


def test_entropy_penalty_is_zero_at_its_target_only() -> None:
    rows = torch.stack([torch.zeros(3), torch.tensor([50.0, 0.0, 0.0])])  # entropies log 3 and 0
    assert float(entropy_penalty(rows, math.log(3))) == pytest.approx(0, abs=1e-9)
    assert float(entropy_penalty(rows, 0.0)) == pytest.approx(math.log(3) ** 2)


@pytest.mark.parametrize(("name", "parameter"), [("dirichlet", 0.5), ("gumbel-softmax", 0.3), ("entropy", 0.0)])
def test_priors_prefer_definite_choices(name: str, parameter: float) -> None:
    prior = make_prior(name, parameter)  # type: ignore[arg-type]
    costs = [
        float(prior(logits, logits.softmax(-1)))
        for logits in (torch.tensor([[sharpness, 0.0, 0.0]] * 4) for sharpness in (0.0, 2.0, 6.0))
    ]
    assert costs[0] > costs[1] > costs[2]


def test_auxiliary_skip_fades_and_touches_nothing_else() -> None:
    arch = softmax(LOGITS.expand(4, 3), 1.0, noise(4))
    added = [with_auxiliary_skip(arch, 1, progress) - arch for progress in (0.0, 0.75, 1.0)]
    for difference, expected in zip(added, (1.0, 0.25, 0.0), strict=True):
        torch.testing.assert_close(difference, torch.tensor([0.0, expected, 0.0]).expand(4, 3))
    assert with_auxiliary_skip(arch, None, 0.0) is arch


def test_beta_decay_pulls_every_logit_down_by_its_probability() -> None:
    logits = LOGITS.expand(4, 3).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(beta_decay(logits), logits)
    torch.testing.assert_close(gradient, logits.detach().softmax(-1) / 4)
