"""The supernet and the networks cut from it; costs against what was built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evonas.supernet.checkpoint import TrainedHypernet
from evonas.supernet.hypernet import Table
from evonas.supernet.path_sampling import random_genotypes, uniform_path
from evonas.testing.lineage import generator
from evonas.types import Task
from search_spaces.cell.genotype import CellGenotype, parse
from search_spaces.cell.space import CellSpace, create

SETS = ["firsov", "darts", "nasbench201"]


def small(operations: str, **options: Any) -> CellSpace:
    task = Task("classification", (3, 17, 16) if options.get("stem_stride") == 2 else (3, 9, 8), 4)
    return create(task, {"operations": operations, "channels": 2, "nodes": 2, **options})


def batch(shape: tuple[int, ...] = (3, 9, 8)) -> Tensor:
    return torch.randn(4, *shape, generator=torch.Generator().manual_seed(0))


def gradients(module: nn.Module, outputs: Tensor) -> dict[str, Tensor]:
    outputs.square().sum().backward()  # type: ignore[no-untyped-call]
    return {name: p.grad for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("needs_gradient", [False, True])
@pytest.mark.parametrize("options", [{}, {"per_cell": True}])
@pytest.mark.parametrize("operations", SETS)
def test_a_one_hot_architecture_is_the_discrete_network(
    operations: str, options: dict[str, Any], needs_gradient: bool
) -> None:
    space = small(operations, **options)
    genotype = space.sample(generator(1))
    supernet = space.supernet(0)
    network = space.compile(genotype, space.extract(supernet, genotype))
    arch = torch.from_numpy(space.arch_of(genotype)).requires_grad_(needs_gradient)
    ours, theirs = network(batch()), supernet(batch(), arch)
    torch.testing.assert_close(ours, theirs)
    expected, got = gradients(network, ours), gradients(supernet, theirs)
    assert set(got) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(got[name], value, rtol=1e-4, atol=1e-5, msg=name)
    after = supernet.state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(after[name], value)


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_operations_with_weight_zero_are_not_run(needs_gradient: bool) -> None:
    space = small("darts")
    supernet = space.supernet(0)
    run = []
    for name, module in supernet.named_modules():
        if isinstance(module, nn.Conv2d) and ".edges." in name:
            module.register_forward_hook(lambda *_, name=name: run.append(name))
    genotype = space.sample(generator(0))
    supernet(batch(), torch.from_numpy(space.arch_of(genotype)).requires_grad_(needs_gradient))
    assert set(run) == {f"{name.removesuffix('.weight')}" for name in space.extract(supernet, genotype)} & set(run)
    assert len(run) == len(set(run)) < 40


@pytest.mark.parametrize("operations", SETS)
def test_a_relaxed_architecture_sums_operations_by_weight_and_is_differentiable_in_it(operations: str) -> None:
    """The gradient against differences, in double precision."""
    space = small(operations)
    supernet = space.supernet(0).double().eval()
    shape = space.choices.n_choices, len(space.choices.operations)
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    arch = logits.double().softmax(-1).requires_grad_()
    x = batch().double()
    value = supernet(x, arch).square().sum()
    (gradient,) = torch.autograd.grad(value, arch)
    direction = torch.randn(arch.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = 1e-6
    with torch.no_grad():
        up, down = (supernet(x, arch + sign * step * direction).square().sum() for sign in (1, -1))
    torch.testing.assert_close((up - down) / (2 * step), (gradient * direction).sum(), rtol=1e-4, atol=1e-6)
    assert space.choices.none is None or (gradient[:, space.choices.none] == 0).all()


def test_an_architecture_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"arch must have shape \(10, 3\), got \(3, 3\)"):
        small("firsov").supernet(0)(batch(), torch.ones(3, 3))


def test_the_seed_decides_the_supernets_weights() -> None:
    space = small("firsov")
    first, again, other = (space.supernet(seed).state_dict()["stem.0.weight"] for seed in (0, 0, 1))
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("options", [{}, {"per_cell": True, "cells": 4}, {"stem_stride": 2}])
@pytest.mark.parametrize("operations", SETS)
def test_costs_are_those_of_the_module_that_is_built(operations: str, options: dict[str, Any]) -> None:
    space = small(operations, **options)
    for seed in range(3):
        genotype = space.sample(generator(seed))
        network = space.compile(genotype)
        flops = []

        def count(module: nn.Module, _: object, y: Tensor, flops: list[int] = flops) -> None:
            assert isinstance(module, nn.Conv2d | nn.Linear)
            flops.append(2 * y[0].numel() * module.weight[0].numel())

        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_hook(count)
        network(batch(space.task.input_shape))
        cost = space.cost(genotype)
        assert cost["flops"] == sum(flops)
        assert cost["params"] == sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("operations", SETS)
def test_costs_add_up_over_the_rows_of_an_architecture(operations: str) -> None:
    space = small(operations)
    first, second = space.sample(generator(0)), space.sample(generator(1))
    for name, table in space.choices.costs.items():
        rows = [(space.arch_of(g) * table).sum() for g in (first, second)]
        assert space.cost(first)[name] - space.cost(second)[name] == rows[0] - rows[1]


def test_parameters_and_flops_are_those_published() -> None:
    """Liu 2019's second network for CIFAR-10, and the NAS-Bench-201 cell of nothing but 3x3 convolutions."""
    task = Task("classification", (3, 32, 32), 10)
    normal = (
        (("sep_conv_3x3", 0), ("sep_conv_3x3", 1)), (("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        (("sep_conv_3x3", 1), ("skip", 0)), (("skip", 0), ("dil_conv_3x3", 2)),
    )
    reduction = (
        (("max_pool_3x3", 0), ("max_pool_3x3", 1)), (("skip", 2), ("max_pool_3x3", 1)),
        (("max_pool_3x3", 0), ("skip", 2)), (("skip", 2), ("max_pool_3x3", 1)),
    )
    darts = create(task, {"operations": "darts", "cells": 20, "channels": 36})
    assert darts.cost(CellGenotype("darts", (normal, reduction)))["params"] == 3_349_342
    bench = create(task, {"operations": "nasbench201", "cells": 15, "channels": 16})
    cost = bench.cost(parse("+".join("".join(f"|nor_conv_3x3~{i}" for i in range(n)) + "|" for n in (1, 2, 3))))
    assert cost["params"] == 1_531_546
    assert cost["flops"] / 2e6 == pytest.approx(220.1197, abs=1e-3)


def test_depth_counts_layers_with_weights_on_the_longest_path() -> None:
    space = small("firsov")
    cells = [tuple(tuple((name, s) for s in range(n)) for n in (2, 3)) for name in ("conv_3x3", "skip")]
    assert space.cost(CellGenotype("firsov", (cells[1],) * 2))["depth"] == 1 + 1 + 2 * (1 + 1) + 1
    assert space.cost(CellGenotype("firsov", (cells[0],) * 2))["depth"] == 1 + (1 + 2) * 3 + 1


@pytest.mark.parametrize("operations", SETS)
def test_discretizing_one_hot_rows_gives_the_genotype_back(operations: str) -> None:
    space = small(operations)
    genotype = space.sample(generator(3))
    assert space.discretize(space.arch_of(genotype)) == genotype


def test_the_rule_of_darts_keeps_the_two_strongest_edges_without_none() -> None:
    space = small("darts", nodes=2)
    arch = np.full((10, 8), -9.0, np.float32)
    arch[:, 0] = 5.0  # none, everywhere the best
    for row, column in ((0, 3), (1, 1), (2, 4), (3, 6), (4, 7)):
        arch[row, column] = 4.0 - 0.1 * row
    node = space.discretize(arch, "darts").cells[0]
    assert node == ((("skip", 0), ("max_pool_3x3", 1)), (("sep_conv_3x3", 0), ("dil_conv_3x3", 1)))
    assert small("darts", edges="all").discretize(arch).cells == (((), ()),) * 2


def sources(genotypes: Iterable[CellGenotype]) -> list[set[int]]:
    """Of every node, over all cells."""
    cells = [cell for genotype in genotypes for cell in genotype.cells]
    return [{source for cell in cells for _, source in cell[node]} for node in range(len(cells[0]))]


def test_sampled_cells_of_two_edges_a_node_read_all_earlier_nodes() -> None:
    space, rng = small("darts", nodes=3), generator(0)
    names, n_rows = space.choices.operations, space.choices.n_choices
    for low in (np.zeros(len(names)), np.array([9.0, *[0.0] * (len(names) - 1)])):  # the null operation's logits
        logits = np.tile(low, (1, n_rows, 1)).astype(np.float32)
        family = TrainedHypernet("darts", names, "argmax", Table(), logits).family(space, 40, rng)
        assert sources(family) == [{0, 1}, {0, 1, 2}, {0, 1, 2, 3}]
    candidates = random_genotypes(space, "argmax", rng, wanted=40, needed=40)
    assert sources(candidates) == [{0, 1}, {0, 1, 2}, {0, 1, 2, 3}]


def test_uniform_paths_of_two_edges_a_node_run_two_and_each_equally_often() -> None:
    space, rng = small("darts", nodes=3), generator(0)
    shape = space.choices.n_choices, len(space.choices.operations)
    paths = np.stack([uniform_path(space, shape, "argmax", rng) for _ in range(600)])
    there = paths[:, :, 1:].sum(axis=2).reshape(600, 2, 9)  # the null operation is the first
    for edges, share in ((slice(0, 2), 1.0), (slice(2, 5), 2 / 3), (slice(5, 9), 2 / 4)):
        np.testing.assert_array_equal(there[:, :, edges].sum(axis=2), 2)
        np.testing.assert_allclose(there[:, :, edges].mean(axis=0), share, atol=0.08)
    run = paths[:, :, 1:].sum(axis=(0, 1))
    np.testing.assert_allclose(run / run.sum(), 1 / 7, atol=0.02)


@pytest.mark.parametrize(
    ("rule", "shape", "sentence"),
    [
        ("dart", (10, 3), "unknown rule 'dart', did you mean 'darts'?"),
        ("argmax", (9, 3), r"finite numbers of shape \(10, 3\), got shape \(9, 3\)"),
        ("darts", (10, 3), "this space keeps all"),
    ],
)
def test_an_architecture_or_rule_that_does_not_fit_is_refused(
    rule: str, shape: tuple[int, int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        small("firsov").discretize(np.zeros(shape, np.float32), rule)


@pytest.mark.parametrize("needs_gradient", [False, True])
@pytest.mark.parametrize("operations", SETS)
def test_rows_for_every_image_compute_what_each_image_gets_alone(operations: str, needs_gradient: bool) -> None:
    space = small(operations)
    supernet = space.supernet(0).eval()
    shape = 4, space.choices.n_choices, len(space.choices.operations)
    rows = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    rows[:, 0, 0] = 0.0  # run for no image
    rows[1:, 1, 1] = 0.0  # run for one
    x = batch()
    together = supernet(x, rows.clone().requires_grad_(needs_gradient))
    alone = torch.cat([supernet(x[i : i + 1], rows[i]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_rows_for_another_number_of_images_are_refused() -> None:
    space = small("firsov")
    shape = 3, space.choices.n_choices, len(space.choices.operations)
    with pytest.raises(ValueError, match="arch must have shape"):
        space.supernet(0)(batch(), torch.zeros(shape))
