"""The cell space: the laws of all spaces for every operation set, its options and its moves."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.display import Describable, Drawable
from evonas.capabilities.options import HasWeightOptions
from evonas.capabilities.variation import InheritsWeights
from evonas.space import InvalidGenotype
from evonas.testing.lineage import generator, initial_weights
from evonas.testing.space_contract import SpaceContract
from evonas.types import Task
from search_spaces.cell.choices import to_matrix
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.space import CellSpace, create

GREY = Task("classification", (1, 8, 8), 10)
SMALL = {"channels": 2, "stem": 1}


class TestHypernetworkSet(SpaceContract):
    task = GREY

    @pytest.fixture
    def space(self) -> CellSpace:
        return create(self.task, SMALL)


class TestDartsSet(SpaceContract):
    task = Task("classification", (3, 9, 8), 4)

    @pytest.fixture
    def space(self) -> CellSpace:
        return create(self.task, SMALL | {"operations": "darts", "nodes": 2})


class TestNasBench201Set(SpaceContract):
    task = Task("regression", (3, 8, 9), 2)

    @pytest.fixture
    def space(self) -> CellSpace:
        return create(self.task, {"operations": "nasbench201", "channels": 2})


class TestTinySet(SpaceContract):
    task = Task("classification", (2, 17, 16), 3)

    @pytest.fixture
    def space(self) -> CellSpace:
        return create(self.task, {"operations": "tiny", "channels": 2, "stem_stride": 2})


class TestCellsOfTheirOwn(SpaceContract):
    task = GREY

    @pytest.fixture
    def space(self) -> CellSpace:
        return create(self.task, SMALL | {"operations": "darts", "edges": "all", "nodes": 2, "per_cell": True})


def test_the_space_has_its_capabilities() -> None:
    space = create(GREY, {})
    for capability in (InheritsWeights, HasWeightOptions, Describable, Drawable, Relaxable):
        assert isinstance(space, capability)


def test_importing_the_space_does_not_import_torch() -> None:
    code = "import search_spaces.cell.space, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((1, 7, 28), {}, "images must be at least 8 x 8 pixels to be halved 2 times, got 7 x 28"),
        ((1, 28, 8), {"stem_stride": 2}, "at least 16 x 16 pixels to be halved 3 times, got 28 x 8"),
        ((13,), {}, "cells need images of shape (channels, height, width), got samples of shape (13,)"),
        ((1, 8, 8), {"cells": 2}, "option cells of the cell space: expected greater than or equal to 3, got 2"),
        ((1, 8, 8), {"operation": "darts"}, "unknown option 'operation' of the cell space, did you mean 'operations'?"),
        ((1, 8, 8), {"operations": "nasbench201", "edges": "two"}, "edges must be all with nasbench201"),
        ((1, 8, 8), {"operations": "nasbench201", "stem": 3}, "stem must be left out with nasbench201"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(shape: tuple[int, ...], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        create(Task("classification", shape, 10), options)


@pytest.mark.parametrize(
    ("options", "n_cells"),
    [
        ({}, 2), ({"separate_reduction": False}, 1), ({"per_cell": True, "cells": 5}, 5),
        ({"operations": "nasbench201"}, 1),
    ],
)
def test_cells_are_shared_as_the_options_say(options: dict[str, Any], n_cells: int) -> None:
    space = create(GREY, SMALL | options if options.get("operations") is None else options)
    assert len(space.sample(generator(0)).cells) == n_cells
    assert space.choices.n_choices == n_cells * (6 if options.get("operations") else 14)


def test_the_tiny_set_has_no_max_pooling_and_its_cells_are_small() -> None:
    image = Task("classification", (1, 28, 28), 10)
    tiny, usual = (create(image, {"operations": name, "channels": 4}) for name in ("tiny", "darts"))
    assert not any("max" in name for name in tiny.layout.set.names)
    flops = [[space.cost(space.sample(generator(seed)))["flops"] for seed in range(20)] for space in (tiny, usual)]
    assert 3 * np.median(flops[0]) < np.median(flops[1])


def test_a_depthwise_convolution_counts_what_its_module_has() -> None:
    space = create(GREY, {"operations": "tiny", "channels": 3})
    for seed in range(10):
        genotype = space.sample(generator(seed))
        assert sum(p.numel() for p in space.compile(genotype).parameters()) == space.cost(genotype)["params"]


def test_founders_are_uniform_over_pairs_of_sources() -> None:
    space = create(GREY, SMALL | {"operations": "darts", "nodes": 2})
    rng = generator(0)
    pairs = Counter(
        tuple(source for _, source in space.sample(rng).cells[0][1]) for _ in range(600)
    )
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    assert min(pairs.values()) > 150


def test_founders_are_uniform_over_genotypes() -> None:
    space = create(GREY, {"operations": "nasbench201", "nodes": 1, "channels": 2})
    rng, n = generator(0), 5000
    found = Counter(space.sample(rng) for _ in range(n))
    assert len(found) == 5
    assert min(found.values()) > n / 5 * 0.85
    space = create(GREY, SMALL | {"nodes": 1})  # two edges a cell, two cells, three operations
    found = Counter(space.sample(rng) for _ in range(n))
    assert len(found) == 81
    alike = sum(count for genotype, count in found.items() if len(set(_names(genotype))) == 1)
    assert alike / n == pytest.approx(3 / 81, abs=0.01)


def test_a_new_run_says_how_founders_are_drawn_and_weights_do_not_depend_on_it() -> None:
    space = create(GREY, SMALL)
    assert space.suitable_options() == {"sampling": "uniform"}
    assert create(GREY, SMALL | {"sampling": "frequencies"}).suitable_options() == {}
    assert "sampling" not in space.weight_options


def test_founders_with_frequencies_of_their_own_have_all_costs() -> None:
    space = create(GREY, SMALL | {"sampling": "frequencies"})
    founders = [space.sample(generator(seed)) for seed in range(60)]
    convolutions = [sum(name == "conv_3x3" for name in _names(founder)) for founder in founders]
    assert min(convolutions) <= 2
    assert max(convolutions) >= 20  # of 28


def _names(genotype: CellGenotype) -> list[str]:
    return [name for node in _parts(genotype, 0) for name in node]


def test_a_change_of_operation_keeps_the_sources_and_a_change_of_source_the_operations() -> None:
    space = create(GREY, SMALL | {"operations": "darts"})
    for seed in range(20):
        parent = space.sample(generator(seed))
        same_sources = space.mutate(parent, generator(seed), "change_operation").genotype
        same_operations = space.mutate(parent, generator(seed), "change_source").genotype
        assert _parts(parent, 1) == _parts(same_sources, 1)
        assert [sorted(n) for n in _parts(parent, 0)] == [sorted(n) for n in _parts(same_operations, 0)]


def _parts(genotype: CellGenotype, part: int) -> list[list[Any]]:
    return [[edge[part] for edge in node] for cell in genotype.cells for node in cell]


def test_mutations_take_small_steps_and_large_ones() -> None:
    space = create(GREY, SMALL)
    parent = space.sample(generator(0))
    before = to_matrix(parent, space.layout)
    sizes = Counter(
        int((to_matrix(space.mutate(parent, generator(seed)).genotype, space.layout) != before).sum())
        for seed in range(200)
    )
    assert set(sizes) == set(range(1, 8))  # of 28 edges
    assert sizes[1] > sizes[2] > sizes[7]


def test_no_operator_is_offered_that_never_applies() -> None:
    assert list(create(GREY, {}).operators) == ["change_operation"]
    assert list(create(GREY, {"operations": "darts", "nodes": 1}).operators) == ["change_operation"]
    assert len(create(GREY, {"operations": "nasbench201"}).operators) == 2


def test_a_child_by_crossover_has_every_node_from_a_parent() -> None:
    space = create(GREY, SMALL | {"operations": "darts"})
    first, second = space.sample(generator(0)), space.sample(generator(1))
    child = space.crossover(first, second, generator(2)).genotype
    origins = {
        node == theirs
        for own, one, other in zip(child.cells, first.cells, second.cells, strict=True)
        for node, ours, theirs in zip(own, one, other, strict=True)
        if node in (ours, theirs)
    }
    assert origins == {True, False}


@pytest.mark.parametrize(
    ("genotype", "sentence"),
    [
        (CellGenotype("darts", ()), "expected the operation set 'firsov', got 'darts'"),
        (CellGenotype("firsov", ()), "expected 2 cells, got 0"),
        (CellGenotype("firsov", (((),),) * 2), "expected 2 nodes in a cell, cell 0 has 1"),
        (CellGenotype("firsov", (((("skip", 0),), ()),) * 2), "node 2 of cell 0 must have 2 edges"),
        (CellGenotype("firsov", (((("skip", 0), ("skip", 0)), ()),) * 2), "different sources from 0 to 1, got [0, 0]"),
        (CellGenotype("firsov", (((("skp", 0), ("skip", 1)), ()),) * 2), "'skp', did you mean 'skip'?"),
    ],
)
def test_a_genotype_of_another_space_is_refused(genotype: CellGenotype, sentence: str) -> None:
    with pytest.raises(InvalidGenotype, match=re.escape(sentence)):
        create(GREY, {"nodes": 2}).validate(genotype)


@pytest.mark.parametrize("column", [-3, -2, 3])
def test_a_stored_column_that_is_no_operation_is_refused(column: int) -> None:
    space = create(GREY, SMALL)
    data = space.encode(space.sample(generator(0)))
    data.arrays["choices"][0, 0] = column
    with pytest.raises(InvalidGenotype, match="columns must be from -1 to 2"):
        space.decode(data)


def test_children_inherit_what_is_on_the_same_edge_with_the_same_operation() -> None:
    space = create(GREY, SMALL)
    parent = space.sample(generator(0))
    child = space.mutate(parent, generator(1)).genotype
    weights = {name: value + np.float32(7) for name, value in initial_weights(space, parent).items()}
    inherited = space.inherit(child, parent, weights, generator(2))
    for name, value in inherited.items():
        assert (value > 5).all() == (name in weights), name
    assert len(set(inherited) - set(weights)) < len(inherited) / 2
    assert "classifier.weight" in weights


@pytest.mark.parametrize("operations", ["firsov", "nasbench201"])
def test_a_diagram_has_every_operation_on_an_edge_and_no_edge_through_a_node(operations: str) -> None:
    space = create(GREY, {"operations": operations, "channels": 2})
    genotype = space.sample(generator(0))
    diagram = space.diagram(genotype)
    drawn = Counter(diagram.edge_labels)
    assert drawn.pop("concatenate", 0) == (8 if operations == "firsov" else 0)
    assert drawn == Counter(name for cell in genotype.cells for node in cell for name, _ in node)
    assert list(diagram.layers) == space.titles
    places = diagram.positions.astype(float)
    for source, target in diagram.edges:
        for other in np.flatnonzero(diagram.layer == diagram.layer[source]):
            if other not in (source, target):
                corners = np.column_stack([np.ones(3), places[[source, target, other]]])
                assert abs(np.linalg.det(corners)) > 1e-3  # twice the triangle's area
