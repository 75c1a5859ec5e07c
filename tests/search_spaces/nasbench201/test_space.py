"""The cells of NAS-Bench-201: the laws of all spaces, their strings and classes, their neighbours."""

from __future__ import annotations

import re

import numpy as np
import pytest

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.variation import HasFeatures, HasNeighbours
from evonas.space import InvalidGenotype
from evonas.testing.lineage import generator
from evonas.testing.space_contract import SpaceContract
from evonas.types import Task
from search_spaces.nasbench201.genotype import (
    N_CELLS,
    all_cells,
    cell_of,
    columns_of,
    isomorphism_class,
    number_of,
    parse,
    to_string,
)
from search_spaces.nasbench201.space import NasBench201Space, create
from search_spaces.nasbench201.table import DATA_SETS, count_sizes

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


class TestSmall(SpaceContract):
    task = Task("classification", (1, 8, 8), 10)

    @pytest.fixture
    def space(self) -> NasBench201Space:
        return create(self.task, {"cells": 3, "channels": 2})


@pytest.fixture(scope="module")
def published() -> NasBench201Space:
    return create(DATA_SETS["cifar10"].task, {})


def test_every_cell_has_a_number_and_a_string_of_its_own() -> None:
    cells = [cell_of(columns) for columns in all_cells()]
    assert len(cells) == len(set(cells)) == N_CELLS == 15_625
    assert [number_of(columns_of(cell)) for cell in cells] == list(range(N_CELLS))
    assert all(parse(to_string(cell)) == cell for cell in cells[::97])
    assert to_string(parse(BEST)) == BEST


def test_there_are_as_many_classes_as_were_published() -> None:
    assert len({isomorphism_class(cell_of(columns)) for columns in all_cells()}) == 6466


def test_cells_of_a_class_differ_in_what_does_not_matter() -> None:
    first, swapped, other, after_nothing = (isomorphism_class(parse(text)) for text in (
        "|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|nor_conv_1x1~1|none~2|",
        "|skip_connect~0|+|none~0|none~1|+|nor_conv_1x1~0|nor_conv_3x3~1|none~2|",
        "|skip_connect~0|+|none~0|none~1|+|nor_conv_1x1~0|nor_conv_1x1~1|none~2|",
        "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|nor_conv_3x3~1|none~2|",
    ))
    assert first == swapped
    assert len({first, other, after_nothing}) == 3
    assert after_nothing == isomorphism_class(parse("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected |op~0|"), ("|none~0|", "expected 6 operations"), (NOTHING + "+|none~0|", "expected |op~0|"),
        (NOTHING.replace("none~2", "none~1"), "expected |op~0|"),
        (NOTHING.replace("none~2", "none"), "expected |op~0|"),
        (BEST.replace("nor_conv_1x1", "nor_conv_7x7"), "unknown operation 'nor_conv_7x7'"),
        (BEST.replace("nor_conv_1x1", "conv_1x1"), "did you mean 'nor_conv_1x1'"),
    ],
)
def test_other_strings_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidGenotype, match=re.escape(message)):
        parse(text)


def test_sizes_are_those_that_were_published(published: NasBench201Space) -> None:
    best, nothing = parse(BEST), parse(NOTHING)
    params, flops = count_sizes(DATA_SETS["cifar10"].task)
    for cell in (best, nothing):
        number = number_of(columns_of(cell))
        costs = published.cost(cell)
        assert costs["params"] == pytest.approx(1e6 * params[number])
        assert costs["flops"] / 2 + 10 == pytest.approx(1e6 * flops[number])
    # (Dong 2020) lists the first and the last of these with 1.0737 and 0.0733 million parameters
    assert round(published.cost(best)["params"] / 1e6, 6) == 1.073466
    assert round(published.cost(nothing)["params"] / 1e6, 6) == 0.073306


def test_neighbours_are_all_cells_with_another_operation_on_one_edge(published: NasBench201Space) -> None:
    assert isinstance(published, HasNeighbours)
    cell = published.sample(generator(0))
    around = published.neighbours(cell)
    assert len(around) == len(set(around)) == 24
    assert {sum(a != b for a, b in zip(columns_of(cell), columns_of(n), strict=True)) for n in around} == {1}
    mutants = {published.mutate(cell, generator(seed)).genotype for seed in range(400)}
    assert mutants == set(around)


def test_founders_are_uniform_over_all_cells(published: NasBench201Space) -> None:
    rng = generator(1)
    columns = np.array([columns_of(published.sample(rng)) for _ in range(4000)])
    counts = np.stack([(columns == operation).mean(axis=0) for operation in range(5)])
    np.testing.assert_allclose(counts, 0.2, atol=0.03)


def test_features_tell_cells_apart(published: NasBench201Space) -> None:
    assert isinstance(published, HasFeatures)
    assert isinstance(published, Relaxable)
    cells = [published.sample(generator(seed)) for seed in range(50)]
    features = np.stack([published.features(cell) for cell in cells])
    assert np.isfinite(features).all()
    assert len(np.unique(features, axis=0)) == len(set(cells))


def test_a_cell_is_described_as_the_benchmark_writes_it(published: NasBench201Space) -> None:
    *_, (_, _, ((string, _),)) = published.describe(parse(BEST))
    assert string == BEST
