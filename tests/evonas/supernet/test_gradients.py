"""Bilevel gradients against finite differences, and the gradients of gates."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from evonas.supernet.bilevel import Unroll, first_order_gradient, second_order_gradient
from evonas.supernet.proxyless import (
    UNHEARD,
    CostTerm,
    Pairs,
    draw_pairs,
    draw_path,
    keep_other_probabilities,
    pair_gradient,
)
from evonas.types import Floats


class Toy:
    """Losses that are not quadratic, of two weight vectors and a row of logits, in double precision."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.logits = torch.randn(2, 3, generator=generator, dtype=torch.float64, requires_grad=True)
        self.weights = [torch.randn(n, generator=generator, dtype=torch.float64, requires_grad=True) for n in (3, 2)]
        self.velocity = [torch.randn(n, generator=generator, dtype=torch.float64) for n in (3, 2)]

    def train(self) -> Tensor:
        arch = self.logits.softmax(-1)
        return (arch @ self.weights[0]).sin().sum() + (arch[:, 0] * self.weights[1]).square().sum()

    def validate(self) -> Tensor:
        arch = self.logits.softmax(-1)
        return (arch @ self.weights[0].tanh()).square().sum() + (self.weights[1] * arch[:, 2]).exp().sum()


def unrolled_loss(toy: Toy, logits: Tensor, unroll: Unroll) -> float:
    """The validation loss after one step of SGD, by the book."""
    twin = Toy()
    twin.logits = logits.clone().requires_grad_()
    gradients = torch.autograd.grad(twin.train(), twin.weights)
    velocities = unroll.velocity or [torch.zeros_like(w) for w in twin.weights]
    for w, g, v in zip(twin.weights, gradients, velocities, strict=True):
        assert v is not None
        w.data -= unroll.learning_rate * (unroll.momentum * v + g + unroll.weight_decay * w.data)
    return float(twin.validate().detach())


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_second_order_gradient_is_that_of_the_unrolled_loss(momentum: float) -> None:
    toy = Toy()
    unroll = Unroll(0.3, momentum, toy.velocity if momentum else (), weight_decay=0.01)
    before = [w.detach().clone() for w in toy.weights]
    got = second_order_gradient(
        toy.logits, toy.weights, train_loss=toy.train, val_loss=toy.validate, unroll=unroll
    )
    expected, h = torch.zeros(2, 3, dtype=torch.float64), 1e-5
    for i, j in np.ndindex(2, 3):
        shift = torch.zeros(2, 3, dtype=torch.float64)
        shift[i, j] = h
        up, down = (unrolled_loss(toy, toy.logits.detach() + sign * shift, unroll) for sign in (1, -1))
        expected[i, j] = (up - down) / (2 * h)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    assert float((first_order_gradient(toy.logits, toy.validate) - expected).abs().max()) > 0.01
    assert all(torch.equal(w, b) for w, b in zip(toy.weights, before, strict=True))


def test_second_order_without_a_step_is_first_order() -> None:
    toy = Toy()
    second = second_order_gradient(
        toy.logits, toy.weights, train_loss=toy.train, val_loss=toy.validate, unroll=Unroll(0.0)
    )
    torch.testing.assert_close(second, first_order_gradient(toy.logits, toy.validate))


def test_weights_are_as_before_when_a_loss_raises() -> None:
    toy = Toy()
    before = [w.detach().clone() for w in toy.weights]

    def broken() -> Tensor:
        raise FloatingPointError

    with pytest.raises(FloatingPointError):
        second_order_gradient(toy.logits, toy.weights, train_loss=toy.train, val_loss=broken, unroll=Unroll(0.3))
    assert all(torch.equal(w, b) for w, b in zip(toy.weights, before, strict=True))


COSTS: Floats = np.array([[1.0, 5.0, 20.0], [2.0, 2.0, 9.0]], np.float32)
NO_COST = CostTerm(COSTS, target=10.0, form="sum", strength=0.0)
PAIRS = Pairs(torch.tensor([[2, 0], [0, 1]]))


def test_gate_gradient_is_the_papers_formula_within_the_pair() -> None:
    logits = torch.tensor([[0.3, -1.0, 0.8], [0.0, 0.4, 2.0]])
    g = torch.tensor([[0.7, 9.9, -0.2], [1.5, -0.4, 9.9]])
    got = pair_gradient(logits, PAIRS, loss=1.0, path_gradients=g, cost=NO_COST)
    expected = torch.zeros(2, 3)
    for row, columns in enumerate(PAIRS.columns.tolist()):
        p = logits[row, columns].softmax(0)
        for i, column in enumerate(columns):
            expected[row, column] = sum(g[row, columns[j]] * p[j] * (float(i == j) - p[i]) for j in range(2))
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("target", [1.0, 0.3, -2.0, float("nan")])
def test_a_target_without_a_positive_logarithm_is_refused_where_the_form_divides_by_it(target: float) -> None:
    with pytest.raises(ValueError, match=rf"must be above 1, got {target:g}: .* 'sum'"):
        CostTerm(COSTS, target, "power")
    CostTerm(COSTS, target, "sum")


@pytest.mark.parametrize("form", ["target", "linear", "power", "sum"])
def test_expected_cost_has_its_gradient_within_the_pair(form: str) -> None:
    logits = torch.tensor([[0.3, -1.0, 0.8], [0.0, 0.4, 2.0]])
    cost = CostTerm(COSTS, 10.0, form)  # type: ignore[arg-type]
    got = pair_gradient(logits, PAIRS, loss=1.3, path_gradients=torch.zeros(2, 3), cost=cost)
    before = logits.softmax(1)

    def whole(change: float, row: int, column: int) -> float:
        moved = logits.double().clone()
        moved[row, column] += change
        keep_other_probabilities(moved, logits.double(), PAIRS)
        return float(cost(torch.tensor(1.3), moved.softmax(1)))

    for row, column in ((0, 2), (0, 0), (1, 0), (1, 1)):
        difference = (whole(1e-4, row, column) - whole(-1e-4, row, column)) / 2e-4
        assert float(got[row, column]) == pytest.approx(difference, rel=1e-2, abs=1e-4)
    assert got[0, 1] == got[1, 2] == 0
    assert float(cost.expected(before)) == pytest.approx(float((before * torch.from_numpy(COSTS)).sum()))


def charged(cost: CostTerm, probabilities: Tensor) -> float:
    return float(cost(torch.tensor(1.0), probabilities)) - 1.0


def test_the_distance_to_the_target_is_charged_in_whatever_unit_it_is() -> None:
    even = torch.full((2, 3), 1 / 3)  # E = 13
    for target, two_sided, one_sided in ((26.0, 0.5, 0.0), (13.0, 0.0, 0.0), (6.5, 1.0, 1.0)):
        for unit in (1.0, 1e-3, 1e6):
            costs = (unit * COSTS).astype(np.float32)
            both = CostTerm(costs, unit * target, strength=2.0)
            assert charged(both, even) == pytest.approx(2 * two_sided, abs=1e-5)
            above = CostTerm(costs, unit * target, strength=2.0, one_sided=True)
            assert charged(above, even) == pytest.approx(2 * one_sided, abs=1e-5)
    assert charged(CostTerm(COSTS, 1.0, "linear", 0.5), even) == pytest.approx(6.5, rel=1e-5)


@pytest.mark.parametrize("target", [0.0, -1.0, float("nan")])
def test_a_target_that_is_no_cost_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="the form 'target' needs a positive target cost"):
        CostTerm(COSTS, target)


def test_operations_outside_the_pair_keep_their_probabilities() -> None:
    before = torch.tensor([[0.3, -1.0, 0.8], [0.0, 0.4, 2.0]])
    after = before.clone()
    after.scatter_add_(1, PAIRS.columns, torch.tensor([[0.5, -0.1], [-0.3, 0.9]]))
    keep_other_probabilities(after, before, PAIRS)
    torch.testing.assert_close(after.softmax(1)[[0, 1], [1, 2]], before.softmax(1)[[0, 1], [1, 2]])
    torch.testing.assert_close((after - before)[0, 2] - (after - before)[0, 0], torch.tensor(0.6))


def test_pairs_and_paths_are_drawn_by_their_probabilities() -> None:
    logits, generator = torch.tensor([[1.0, -0.5, 0.2]]), torch.Generator().manual_seed(0)
    pairs = [draw_pairs(logits, generator).columns[0] for _ in range(3000)]
    assert all(first != second for first, second in pairs)
    # The first of two draws without replacement has the operations' probabilities, and so has the pair as a whole:
    p = logits[0].softmax(0)
    inclusion = torch.bincount(torch.stack(pairs).flatten(), minlength=3) / 3000
    expected = [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(3) if j != i) for i in range(3)]
    torch.testing.assert_close(inclusion, torch.tensor([float(e) for e in expected]), atol=0.03, rtol=0)
    paths = torch.cat([draw_path(logits, generator) for _ in range(3000)])
    assert torch.equal(paths.sum(1), torch.ones(3000))
    torch.testing.assert_close(paths.mean(0), p, atol=0.03, rtol=0)


def test_inactive_operation_changes_no_sum_but_has_its_gradient() -> None:
    outputs = torch.tensor([[0.3, -2.0, 5.0], [1.0, 0.1, -0.7]])
    arch = PAIRS.arch(3).requires_grad_()
    total = (arch * outputs).sum(1)
    assert total.tolist() == [5.0, 1.0]
    (gradient,) = torch.autograd.grad(total.sum(), arch)
    torch.testing.assert_close(gradient, outputs)
    assert (arch.detach() > 0).sum(1).tolist() == [2, 2]
    assert arch.detach()[arch < 0.5].max() == pytest.approx(UNHEARD)
