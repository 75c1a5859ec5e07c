"""The space of tiny convolutional networks: the laws of all spaces, its costs, its family, its moves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evonas.data import load
from evonas.data.samples import Splits
from evonas.space import Encoded, InvalidGenotype
from evonas.testing.lineage import generator, lineage
from evonas.testing.seeder_contract import SeederContract
from evonas.testing.space_contract import SpaceContract
from evonas.types import Task
from search_spaces.cnn.founders import HEADS, near
from search_spaces.cnn.genotype import CnnGenotype, Convolution
from search_spaces.cnn.space import CnnSpace, create

GREY = Task("classification", (1, 28, 28), 10)
COLOUR = Task("classification", (3, 32, 32), 10)
#: 14 x 14 pixels after the stem; 7 x 7 and 4 x 4 after the convolutions.
SEPARABLE = CnnGenotype(2, (Convolution(4, 5, 2, False), Convolution(6, 3, 2, True)), "quarters", 16)


class TestGreyImages(SpaceContract):
    task = GREY

    @pytest.fixture
    def space(self) -> CnnSpace:
        return create(self.task, {})


class TestColourImagesThatAreNotSquare(SpaceContract):
    task = Task("classification", (3, 12, 17), 4)

    @pytest.fixture
    def space(self) -> CnnSpace:
        return create(self.task, {})


class TestRegressionOnSmallImages(SpaceContract):
    task = Task("regression", (1, 7, 9), 2)

    @pytest.fixture
    def space(self) -> CnnSpace:
        return create(self.task, {})


class TestSpread(SeederContract):
    name = "spread"
    flops = (2_000, 20_000)

    @pytest.fixture
    def splits(self) -> Splits:
        return load("digits")

    @pytest.fixture
    def space(self, splits: Splits) -> CnnSpace:
        return create(splits.task, {"founder_edges": [1_000, 10_000]})

    @pytest.mark.parametrize("n", [3, 8, 21])
    def test_any_first_members_cover_the_budgets(self, space: CnnSpace, seeder: Any, n: int) -> None:
        """Members cost up to a fifth less than they aim at, on this range a tenth of its logarithm."""
        self.check_cover(space, self.members(seeder, n), tolerance=0.1)


def test_costs_of_a_network_by_hand() -> None:
    costs = create(GREY, {}).cost(SEPARABLE)
    products = 4 * 25 * 7 * 7 + 4 * 9 * 4 * 4 + 4 * 6 * 4 * 4 + 24 * 16 + 16 * 10
    params = (4 * 25 + 8) + (4 * 9 + 8) + (4 * 6 + 12) + (24 * 16 + 16) + (16 * 10 + 10)
    assert costs == {"edges": products, "flops": 2 * products, "params": params, "depth": 5}


def counted(space: CnnSpace, genotype: CnnGenotype) -> dict[str, float]:
    """Parameters and FLOPs as torch's modules have them, on one image."""
    flops: list[int] = []

    def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        flops.append(2 * module.weight[0].numel() * output.numel())

    network = space.compile(genotype).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    network(torch.zeros(1, *space.task.input_shape))
    return {"params": sum(p.numel() for p in network.parameters()), "flops": sum(flops)}


@pytest.mark.parametrize("task", [GREY, COLOUR, Task("classification", (2, 9, 13), 3)])
def test_costs_are_those_of_the_modules(task: Task) -> None:
    space = create(task, {})
    for genotype in [g for seed in range(4) for g in lineage(space, seed)]:
        costs = space.cost(genotype)
        assert {name: costs[name] for name in ("params", "flops")} == counted(space, genotype)


@pytest.mark.parametrize("task", [GREY, COLOUR])
def test_founders_keep_within_their_cost_and_near_it(task: Task) -> None:
    space = create(task, {})
    for seed, edges in enumerate(np.geomspace(task.n_inputs, 80 * task.n_inputs, 12)):
        got = space.cost(near(edges, task, generator(seed)))["edges"]
        assert 0.8 * edges <= got <= edges


def test_founders_have_every_head_stem_and_depth() -> None:
    founders = [create(GREY, {}).sample(generator(seed)) for seed in range(60)]
    assert {f.head for f in founders} == set(HEADS)
    assert {f.pool for f in founders} == {1, 2, 4}
    assert {len(f.convolutions) for f in founders} == {1, 2, 3}
    assert {c.separable for f in founders for c in f.convolutions} == {False, True}
    assert any(f.hidden for f in founders)


def test_children_stay_within_the_bounds() -> None:
    space = create(GREY, {"edges": [2_000, 5_000]})
    for parent, child in pairwise(lineage(space, seed=3, length=40)):
        assert child != parent
        assert 2_000 <= space.cost(child)["edges"] <= 5_000


def test_a_family_may_be_spread_beyond_the_usual_bounds() -> None:
    space = create(GREY, {"founder_edges": [50_000, 200_000]})
    assert space.edges == (784, 200_000)
    assert space.cost(space.sample(generator(0)))["edges"] > 40_000


def test_the_cheapest_is_drawn_where_all_cost_too_much() -> None:
    tiny = Task("classification", (1, 8, 8), 10)
    assert create(tiny, {}).cost(near(1, tiny, generator(0)))["edges"] < 200


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": 0}, "expected a pool of 1 to 4 pixels"),
        ({"hidden": -1}, "no negative number of hidden neurons"),
        ({"convolutions": ()}, "expected 1 to 4 convolutions, got 0"),
        ({"convolutions": (Convolution(4, 2, 1, False),)}, "a kernel of 1, 3, 5 pixels"),
        ({"convolutions": (Convolution(4, 3, 3, False),) * 3}, "convolution 2 has a kernel of 3 pixels on a map of 2"),
        ({"head": "max", "convolutions": (Convolution(4, 3, 3, False), Convolution(4, 1, 3, False)),
          "pool": 4}, "the head 'max' needs a map of 2 x 2 pixels"),
    ],
)
def test_what_is_no_network_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidGenotype, match=message):
        create(GREY, {}).validate(replace(SEPARABLE, **change))


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        ({"pool": 1, "head": "flat"}, [[4, 3, 1, 0]]),
        ({"pool": 1, "head": "other", "hidden": 0}, [[4, 3, 1, 0]]),
        ({"pool": "1", "head": "flat", "hidden": 0}, [[4, 3, 1, 0]]),
        ({"pool": 1, "head": "flat", "hidden": 0}, [[4, 3, 1]]),
        ({"pool": 1, "head": "flat", "hidden": 0}, [[4.0, 3, 1, 0]]),
        (None, [[4, 3, 1, 0]]),
    ],
)
def test_damaged_data_is_refused(header: Any, rows: list[list[float]]) -> None:
    with pytest.raises(InvalidGenotype):
        create(GREY, {}).decode(Encoded(header, {"convolutions": np.array(rows)}))


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((13,), {}, r"convolutions need images \(channels, rows, columns\), got samples of shape \(13,\)"),
        ((1, 28, 28), {"edges": [9, 5]}, "option edges of the cnn space: expected"),
        ((1, 28, 28), {"channels": 5}, "unknown option 'channels' of the cnn space"),
    ],
)
def test_bad_options_and_samples_are_refused(
    shape: tuple[int, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        create(Task("classification", shape, 10), options)


def test_a_network_is_described_layer_by_layer() -> None:
    ((title, columns, rows),) = create(GREY, {}).describe(SEPARABLE)
    assert title == "layers after a stem of 2 x 2 pixels, with the head quarters"
    assert len(columns) == 4
    assert rows[1] == ["3 x 3 convolution a channel", "2", "4 x 4 x 4", str(4 * 9 * 16)]
    assert sum(int(row[-1]) for row in rows) == create(GREY, {}).cost(SEPARABLE)["edges"]
