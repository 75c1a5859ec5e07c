"""The supernet of blocks: slices of the widest, or weights of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evonas.testing.lineage import generator
from evonas.training.calibration import recalibrate
from evonas.types import Task
from search_spaces.block.genotype import BlockGenotype
from search_spaces.block.space import BlockSpace, create

CASES = [(operations, sharing) for operations in ("resnet", "mbconv") for sharing in ("slimmable", "separate")]
both = pytest.mark.parametrize(("operations", "sharing"), CASES)
WIDEST, NARROWEST = (BlockGenotype("resnet", (name,) * 8) for name in ("conv7_x2", "conv3_x0.5"))


def small(operations: str = "resnet", sharing: str = "slimmable") -> BlockSpace:
    task = Task("classification", (3, 9, 8), 4)
    return create(task, {"operations": operations, "sharing": sharing, "width": 2})


def batch(n: int = 6) -> Tensor:
    return torch.randn(n, 3, 9, 8, generator=torch.Generator().manual_seed(0))


def arch_of(space: BlockSpace, genotype: BlockGenotype) -> Tensor:
    return torch.from_numpy(space.arch_of(genotype))


def cut(space: BlockSpace, supernet: nn.Module, genotype: BlockGenotype) -> nn.Module:
    return space.compile(genotype, space.extract(supernet, genotype))


@pytest.mark.parametrize("needs_gradient", [False, True])
@both
def test_rows_for_every_image_compute_what_each_image_gets_alone(
    operations: str, sharing: str, needs_gradient: bool
) -> None:
    space = small(operations, sharing)
    supernet, x = space.supernet(0).eval(), batch(4)
    rows = torch.rand((4, *space.layout.shape), generator=torch.Generator().manual_seed(1))
    rows[:, 0, 0] = 0.0  # run for no image
    rows[1:, 1, 1] = 0.0  # run for one
    together = supernet(x, rows.clone().requires_grad_(needs_gradient))
    alone = torch.cat([supernet(x[i : i + 1], rows[i]) for i in range(4)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="arch must have shape"):
        supernet(x, rows[:3])


@pytest.mark.parametrize("needs_gradient", [False, True])
@pytest.mark.parametrize("is_ranked", [False, True])
@both
def test_a_cut_network_computes_what_its_path_does_in_training(
    operations: str, sharing: str, is_ranked: bool, needs_gradient: bool
) -> None:
    """Outputs, and gradients of what both have under one name."""
    space = small(operations, sharing)
    for seed in range(3):
        genotype, supernet = space.sample(generator(seed)), space.supernet(0)
        if is_ranked:
            space.rank_slices(supernet)
        network = cut(space, supernet, genotype)
        arch = arch_of(space, genotype).requires_grad_(needs_gradient)
        ours, theirs = network(batch()), supernet(batch(), arch)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        for outputs in (ours, theirs):
            outputs.square().sum().backward()
        shared = dict(supernet.named_parameters())
        for name, parameter in network.named_parameters():
            if ".body." not in name:
                torch.testing.assert_close(shared[name].grad, parameter.grad, rtol=1e-3, atol=1e-4, msg=name)


@pytest.mark.parametrize("is_ranked", [False, True])
@both
def test_a_cut_network_computes_what_its_path_does_after_statistics_were_recomputed(
    operations: str, sharing: str, is_ranked: bool
) -> None:
    space = small(operations, sharing)
    genotype, supernet = space.sample(generator(3)), space.supernet(1)
    for seed in range(3):  # statistics of other paths
        supernet(batch(), arch_of(space, space.sample(generator(seed))))
    if is_ranked:
        space.rank_slices(supernet)
    network, arch = cut(space, supernet, genotype), arch_of(space, genotype)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(batch()), supernet.eval()(batch(), arch), rtol=1e-4, atol=1e-5)
        recalibrate(network, [(batch(),), (batch(3),)])
        recalibrate(supernet, [(batch(), arch), (batch(3), arch)])
        torch.testing.assert_close(network(batch()), supernet(batch(), arch), rtol=1e-4, atol=1e-5)
    again = cut(space, supernet, genotype).state_dict()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(again[name], value, rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize(("operations", "n_parts"), [("resnet", 72), ("mbconv", 48)])
def test_parts_have_weights_of_their_own_or_are_slices_of_the_widest(operations: str, n_parts: int) -> None:
    separate, nested = small(operations, "separate"), small(operations, "slimmable")
    names = {name for name, _ in separate.supernet(0).named_parameters() if name.endswith("convolutions.0.weight")}
    assert len(names) == n_parts
    last = nested.choices.operations[-1]
    widest = nested.cost(BlockGenotype(operations, (last,) * 8))["params"]
    assert sum(p.numel() for p in nested.supernet(0).parameters()) == widest
    assert (nested.choices.nested, separate.choices.nested) == (True, False)
    assert create(separate.task, {"operations": operations}).choices.nested == (operations == "resnet")


def test_slices_are_the_middle_taps_of_the_first_channels() -> None:
    space = small()
    supernet = space.supernet(0)
    wide, narrow = (space.extract(supernet, genotype) for genotype in (WIDEST, NARROWEST))
    for index, rows, columns in ((0, slice(None, 1), slice(None)), (1, slice(None), slice(None, 1))):
        name = f"blocks.0.body.convolutions.{index}.weight"
        np.testing.assert_array_equal(narrow[name], wide[name][rows, columns, 2:5, 2:5])


def test_ranked_slices_are_the_channels_that_are_read_with_the_largest_weights() -> None:
    space = small()
    supernet = space.supernet(0)
    before = supernet(batch(), arch_of(space, WIDEST))
    wide = space.extract(supernet, WIDEST)
    space.rank_slices(supernet)
    torch.testing.assert_close(supernet(batch(), arch_of(space, WIDEST)), before, rtol=1e-4, atol=1e-5)
    narrow = space.extract(supernet, NARROWEST)
    for block in range(8):
        first, last = (f"blocks.{block}.body.convolutions.{index}.weight" for index in (0, 1))
        read = np.abs(wide[last]).sum(axis=(0, 2, 3))
        chosen = np.argsort(-read, kind="stable")[: len(narrow[first])]
        np.testing.assert_array_equal(narrow[first], wide[first][chosen][:, :, 2:5, 2:5])
        np.testing.assert_array_equal(narrow[last], wide[last][:, chosen, 2:5, 2:5])


@both
def test_operations_with_weight_zero_are_not_run_and_a_block_needs_one(operations: str, sharing: str) -> None:
    space = small(operations, sharing)
    supernet, arch = space.supernet(0), arch_of(space, space.sample(generator(0)))
    ran = []
    for block in supernet.blocks:  # type: ignore[union-attr]
        block.body.register_forward_hook(lambda module, inputs, y: ran.append(inputs[1]))
    supernet(batch(), arch)
    assert ran == arch.argmax(1).tolist()
    arch[5] = 0
    with pytest.raises(ValueError, match="block 5 needs an operation, got weights that are all 0"):
        supernet(batch(), arch)
    with pytest.raises(ValueError, match=r"arch must have shape \(8, \d\), got \(8, 3\)"):
        supernet(batch(), arch[:, :3])


@both
def test_a_relaxed_architecture_is_differentiable_in_it(operations: str, sharing: str) -> None:
    """The gradient against differences, in double precision."""
    space = small(operations, sharing)
    supernet, shape = space.supernet(0).double().eval(), space.layout.shape
    logits = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    arch, x = logits.double().softmax(-1).requires_grad_(), batch().double()
    (gradient,) = torch.autograd.grad(supernet(x, arch).square().sum(), arch)
    direction = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        up, down = (supernet(x, arch + sign * 1e-6 * direction).square().sum() for sign in (1, -1))
    torch.testing.assert_close((up - down) / 2e-6, (gradient * direction).sum(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("rule", "shape", "sentence"),
    [
        ("darts", (8, 9), "blocks have one input, so the rule must be 'argmax', got 'darts'"),
        ("argmax", (9, 8), r"finite numbers of shape \(8, 9\), got shape \(9, 8\)"),
    ],
)
def test_an_architecture_or_rule_that_does_not_fit_is_refused(
    rule: str, shape: tuple[int, int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        small().discretize(np.zeros(shape, np.float32), rule)
