"""The block space: the laws of all spaces, its published network, its costs, its moves, what children inherit."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evonas.capabilities.choices import Relaxable, Sliceable
from evonas.capabilities.display import Describable, Drawable, Readable
from evonas.capabilities.options import HasWeightOptions
from evonas.capabilities.variation import HasFeatures, HasNeighbours, InheritsWeights
from evonas.data import load
from evonas.space import InvalidGenotype
from evonas.testing.lineage import generator, initial_weights, lineage
from evonas.testing.space_contract import SpaceContract
from evonas.training import Recipe, Stop
from evonas.training.loop import fit
from evonas.types import Task
from search_spaces.block.genotype import BlockGenotype
from search_spaces.block.space import BlockSpace, create

GREY = Task("classification", (1, 8, 8), 10)
#: As small as can be.
SMALL = {"width": 2}


class TestResNetBlocks(SpaceContract):
    task = GREY

    @pytest.fixture
    def space(self) -> BlockSpace:
        return create(self.task, SMALL)


class TestInvertedBottlenecks(SpaceContract):
    task = Task("regression", (3, 9, 17), 2)

    @pytest.fixture
    def space(self) -> BlockSpace:
        return create(self.task, SMALL | {"operations": "mbconv"})


class TestStemOfImageNet(SpaceContract):
    task = Task("classification", (2, 33, 32), 3)

    @pytest.fixture
    def space(self) -> BlockSpace:
        return create(self.task, SMALL | {"stem_kernel": 7, "stem_stride": 2, "stem_pool": True})


def test_the_space_has_its_capabilities() -> None:
    space = create(GREY, SMALL)
    for capability in (
        InheritsWeights, HasNeighbours, HasFeatures, HasWeightOptions, Readable, Describable, Drawable, Relaxable,
        Sliceable,
    ):
        assert isinstance(space, capability)


def test_importing_the_space_does_not_import_torch() -> None:
    code = "import search_spaces.block.space, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((1, 7, 28), {}, "images must be at least 8 x 8 pixels to be halved 3 times, got 7 x 28"),
        ((1, 28, 8), {"stem_stride": 2}, "at least 16 x 16 pixels to be halved 4 times, got 28 x 8"),
        ((1, 28, 31), {"stem_stride": 2, "stem_pool": True}, "32 x 32 pixels to be halved 5 times, got 28 x 31"),
        ((13,), {}, "blocks need images of shape (channels, height, width), got samples of shape (13,)"),
        ((1, 8, 8), {"width": 3}, "option width of the block space: expected a multiple of 2, got 3"),
        ((1, 8, 8), {"width": 0}, "option width of the block space: expected greater than or equal to 2, got 0"),
        ((1, 8, 8), {"stem_kernel": 4}, "option stem_kernel of the block space"),
        ((1, 8, 8), {"operations": "darts"}, "option operations of the block space"),
        ((1, 8, 8), {"sharing": "none"}, "option sharing of the block space"),
        ((1, 8, 8), {"widht": 4}, "unknown option 'widht' of the block space, did you mean 'width'?"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(shape: tuple[int, ...], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        create(Task("classification", shape, 10), options)


def test_the_plain_network_of_full_width_is_the_published_resnet_18() -> None:
    """Parameters and multiply-adds as in He 2015 and torchvision."""
    options = {"width": 64, "stem_kernel": 7, "stem_stride": 2, "stem_pool": True}
    space = create(Task("classification", (3, 224, 224), 1000), options)
    costs = space.cost(BlockGenotype("resnet", ("conv3_x1",) * 8))
    assert costs == {"params": 11_689_512, "flops": 2 * 1_814_073_344, "depth": 18}


OPTIONS: list[dict[str, Any]] = [
    {}, {"operations": "mbconv"}, {"stem_kernel": 5, "stem_stride": 2}, {"operations": "mbconv", "stem_pool": True},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_costs_are_those_of_the_module_that_is_built(options: dict[str, Any]) -> None:
    space = create(Task("classification", (3, 17, 22), 4), SMALL | options)
    for genotype in [g for seed in range(2) for g in lineage(space, seed, 3)]:
        flops: list[int] = []
        network = space.compile(genotype)

        def count(module: nn.Module, _: object, y: Tensor, flops: list[int] = flops) -> None:
            assert isinstance(module, nn.Conv2d | nn.Linear)
            flops.append(2 * y[0].numel() * module.weight[0].numel())

        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.register_forward_hook(count)
        network(torch.zeros(2, *space.task.input_shape))
        costs = space.cost(genotype)
        assert costs["flops"] == sum(flops)
        assert costs["params"] == sum(p.numel() for p in network.parameters())
        n_shortcuts = 3 * (space.layout.options.operations == "resnet")
        assert costs["depth"] == len(flops) - n_shortcuts


@pytest.mark.parametrize("options", OPTIONS)
def test_costs_add_up_over_the_rows_of_an_architecture(options: dict[str, Any]) -> None:
    space = create(Task("classification", (3, 17, 22), 4), SMALL | options)
    first, second = space.sample(generator(0)), space.sample(generator(1))
    for name, table in space.choices.costs.items():
        rows = [(space.arch_of(g) * table).sum() for g in (first, second)]
        assert space.cost(first)[name] - space.cost(second)[name] == rows[0] - rows[1]


@pytest.mark.parametrize(("operations", "n"), [("resnet", 9), ("mbconv", 6)])
def test_samples_have_each_operation_in_each_block_equally_often(operations: str, n: int) -> None:
    space, rng = create(GREY, SMALL | {"operations": operations}), generator(0)
    assert space.choices.n_choices == 8
    assert len(space.choices.operations) == n
    seen = Counter((i, name) for _ in range(900) for i, name in enumerate(space.sample(rng).blocks))
    assert len(seen) == 8 * n
    np.testing.assert_allclose(np.array([*seen.values()]) / 900, 1 / n, atol=0.05)


def test_a_mutation_changes_the_kernel_or_the_width_of_one_block() -> None:
    space, rng = create(GREY, SMALL), generator(0)
    parts = [operation.name.partition("_") for operation in space.layout.set.operations]
    assert len({kernel for kernel, _, _ in parts}) == len({width for _, _, width in parts}) == 3
    for operator, same in (("change_kernel", 2), ("change_width", 0)):
        parent = space.sample(rng)
        for _ in range(20):
            child = space.mutate(parent, rng, operator).genotype
            ((old, new),) = [(a, b) for a, b in zip(parent.blocks, child.blocks, strict=True) if a != b]
            assert old.partition("_")[same] == new.partition("_")[same]


def test_a_child_of_two_parents_has_every_block_of_one_of_them() -> None:
    space = create(GREY, SMALL)
    for seed in range(10):
        first, second = space.sample(generator(seed)), space.sample(generator(seed + 100))
        child, operator = space.crossover(first, second, generator(seed))
        assert operator == "crossover"
        assert all(c in pair for c, *pair in zip(child.blocks, first.blocks, second.blocks, strict=True))


def test_neighbours_differ_in_one_block_and_are_all_there() -> None:
    space = create(GREY, SMALL)
    genotype = space.sample(generator(0))
    neighbours = space.neighbours(genotype)
    assert len({n.digest for n in neighbours}) == 8 * 8
    assert {sum(a != b for a, b in zip(n.blocks, genotype.blocks, strict=True)) for n in neighbours} == {1}
    features = {space.features(n).tobytes() for n in neighbours}
    assert len(features) == 64
    assert {space.features(n).shape for n in neighbours} == {(8 * 9 + 2,)}


def test_a_genotype_is_read_as_it_is_written() -> None:
    space = create(GREY, SMALL)
    genotype = space.sample(generator(0))
    assert space.parse(repr(genotype)) == genotype
    assert space.parse(f"BlockGenotype('resnet', {list(genotype.blocks)})") == genotype


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conv3_x1", "expected BlockGenotype(operations=..., blocks=(...)), got 'conv3_x1'"),
        ("BlockGenotype('resnet')", "expected BlockGenotype(operations=..., blocks=(...))"),
        ("BlockGenotype('resnet', 3)", "expected BlockGenotype(operations=..., blocks=(...))"),
        ("BlockGenotype('resnet', (), 3)", "expected BlockGenotype(operations=..., blocks=(...))"),
        ("BlockGenotype('mbconv', ('mbconv3_e3',) * 8)", "expected BlockGenotype(operations=..., blocks=(...))"),
        ("BlockGenotype('mbconv', ())", "expected the operation set 'resnet', got 'mbconv'"),
        ("BlockGenotype('resnet', ('conv3_x1',))", "expected operations of 8 blocks, got 1"),
        (f"BlockGenotype('resnet', {['conv3_x1'] * 7 + ['conv4_x1']})",
         "block 7 has an unknown operation 'conv4_x1', did you mean 'conv"),
    ],
)
def test_other_text_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InvalidGenotype, match=re.escape(sentence)):
        create(GREY, SMALL).parse(text)


def trained(space: BlockSpace, genotype: BlockGenotype) -> dict[str, Any]:
    """Weights, statistics included, as training might leave them."""
    rng = generator(9)
    return {
        name: (value + rng.uniform(0.05, 0.2, value.shape)).astype(np.float32)
        for name, value in initial_weights(space, genotype).items()
    }


def outputs(space: BlockSpace, genotype: BlockGenotype, weights: dict[str, Any]) -> Tensor:
    x = torch.randn(4, *space.task.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        given: Tensor = space.compile(genotype, weights).eval()(x)
    return given


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("conv3_x0.5", "conv3_x2"), ("conv3_x1", "conv7_x1"), ("conv3_x0.5", "conv7_x2"), ("conv5_x1", "conv5_x1"),
        ("mbconv3_e3", "mbconv3_e6"), ("mbconv3_e3", "mbconv7_e3"), ("mbconv3_e3", "mbconv7_e6"),
    ],
)
def test_larger_kernels_and_more_channels_inherit_what_the_parent_computed(parent: str, child: str) -> None:
    operations = "resnet" if parent.startswith("conv") else "mbconv"
    space = create(Task("classification", (3, 9, 11), 4), {"width": 4, "operations": operations})
    small, large = (BlockGenotype(operations, (name,) * 8) for name in (parent, child))
    weights = trained(space, small)
    inherited = dict(space.inherit(large, small, weights, generator(0)))
    torch.testing.assert_close(outputs(space, large, inherited), outputs(space, small, weights), rtol=1e-3, atol=1e-4)
    filters = inherited["blocks.0.body.convolutions.0.weight"]
    assert (np.abs(filters).reshape(len(filters), -1).max(1) > 0).all(), "new channels must learn"


@pytest.mark.parametrize(("parent", "child", "last"), [("conv3_x2", "conv3_x1", 1), ("mbconv3_e6", "mbconv3_e3", 2)])
def test_fewer_channels_are_those_that_are_read_with_the_largest_weights(parent: str, child: str, last: int) -> None:
    """Where the others are not read at all, nothing is lost."""
    operations = "resnet" if parent.startswith("conv") else "mbconv"
    space = create(Task("classification", (3, 9, 11), 4), {"width": 4, "operations": operations})
    wide, narrow = (BlockGenotype(operations, (name,) * 8) for name in (parent, child))
    weights, rng = trained(space, wide), generator(1)
    for block in range(8):
        readers = weights[f"blocks.{block}.body.convolutions.{last}.weight"]
        readers[:, rng.permutation(readers.shape[1])[: readers.shape[1] // 2]] = 0
    inherited = dict(space.inherit(narrow, wide, weights, generator(0)))
    torch.testing.assert_close(outputs(space, narrow, inherited), outputs(space, wide, weights), rtol=1e-3, atol=1e-4)


def test_smaller_kernels_are_the_middle_taps() -> None:
    space = create(GREY, SMALL)
    large, small = (BlockGenotype("resnet", (name,) * 8) for name in ("conv7_x1", "conv3_x1"))
    weights = trained(space, large)
    inherited = space.inherit(small, large, weights, generator(0))
    name = "blocks.3.body.convolutions.1.weight"
    np.testing.assert_array_equal(inherited[name], weights[name][:, :, 2:5, 2:5])
    np.testing.assert_array_equal(inherited["stem.0.weight"], weights["stem.0.weight"])


def test_a_last_batch_of_one_sample_trains_where_the_last_images_are_one_pixel() -> None:
    splits = load("digits", n_train=17, validation=20)
    space = create(splits.task, SMALL)
    network = space.compile(space.sample(generator(0)))
    history = fit(
        network, splits, Recipe(batch_size=16), epochs=2, seed=np.random.SeedSequence(0), stop=Stop()
    )
    assert len(history) == 2
    assert all(bool(value.isfinite().all()) for value in network.state_dict().values())


def test_a_network_is_described_block_by_block() -> None:
    space = create(GREY, SMALL)
    genotype = BlockGenotype("resnet", ("conv3_x2", *["conv5_x0.5"] * 7))
    ((_, columns, rows),) = space.describe(genotype)
    assert columns == ["block", "operation", "inner channels", "output", "parameters", "FLOPs"]
    assert rows[0] == ["0", "conv3_x2", "4", "2 x 8 x 8", str(9 * 8 * 2 + 12), str(2 * 9 * 8 * 2 * 64)]
    assert rows[7][3] == "16 x 1 x 1"
    assert space.diagram(genotype).edge_labels[1:9] == genotype.blocks
