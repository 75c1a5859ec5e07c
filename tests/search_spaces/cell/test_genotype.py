"""The literal form of cells."""

from __future__ import annotations

import pytest

from evonas.space import InvalidGenotype
from evonas.testing.lineage import generator
from evonas.types import Task
from search_spaces.cell.genotype import CellGenotype, nasbench201_string, parse
from search_spaces.cell.space import create

GREY = Task("classification", (1, 8, 8), 10)
RESNET = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


@pytest.mark.parametrize("operations", ["firsov", "darts", "nasbench201"])
def test_a_printed_genotype_is_read_back(operations: str) -> None:
    genotype = create(GREY, {"operations": operations}).sample(generator(0))
    assert parse(repr(genotype)) == genotype
    assert parse(repr(genotype)).digest == genotype.digest


def test_a_cell_of_nasbench201_is_read_and_written_in_its_own_form() -> None:
    genotype = parse(RESNET)
    assert genotype.cells[0] == ((("conv_3x3", 0),), (("conv_3x3", 1),), (("skip", 0), ("skip", 2)))
    assert nasbench201_string(genotype.cells[0]) == RESNET
    create(GREY, {"operations": "nasbench201"}).validate(genotype)


def test_the_order_of_edges_and_edges_that_are_cut_make_no_difference() -> None:
    first = CellGenotype("darts", (((("skip", 1), ("max_pool_3x3", 0)), (("none", 0),)),))
    second = CellGenotype("darts", (((("max_pool_3x3", 0), ("skip", 1)), ()),))
    assert first == second
    assert first.digest == second.digest


@pytest.mark.parametrize("text", ["", "Genotype(1)", "CellGenotype('darts', 3)", "|skip~x|", "CellGenotype(a=1)", "1("])
def test_text_that_is_no_genotype_is_refused(text: str) -> None:
    with pytest.raises(InvalidGenotype, match=r"expected|must be"):
        parse(text)
