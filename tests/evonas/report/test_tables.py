"""Tables at every width: columns go, numbers stay whole."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from evonas.objectives import parse_objectives
from evonas.report.tables import Column, front_table, number, table
from evonas.store import Record

OBJECTIVES = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])
MEMBERS = [
    Record(id, 3, 7, "remove_edges", (0,), "ok", {
        "val_error": error, "flops": float(flops), "edges": flops / 2, "depth": 4.0, "neurons": 123.0, "params": 98765.0
    }, 1.0, 1.0, None)
    for id, error, flops in [(1021, 0.4321, 1_234), (87, 0.1023, 12_346), (455, 0.0987, 123_456_788)]
]


def rendered(width: int) -> list[str]:
    """The lines that a terminal of this width is sent."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    tests = {87: {"test accuracy": "0.8912", "fresh 20 epochs": "0.9012 ± 0.0034 (3)"}}
    console.print(front_table(MEMBERS, OBJECTIVES, title="front", width=width, test_cells=tests), soft_wrap=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@given(width=st.integers(20, 200))
@settings(max_examples=40, deadline=None)
def test_no_number_is_cut_at_any_width(width: int) -> None:
    text = "\n".join(rendered(width))
    assert "…" not in text
    for whole in ("1021", "0.4321", "12 346", "123 456 788", "0.8912", "0.9012 ± 0.0034 (3)"):
        assert whole in text


@pytest.mark.parametrize(
    ("width", "secondary"),
    [(200, ["edges", "operator", "born", "depth", "neurons", "params"]), (100, ["edges", "operator"]), (85, ["edges"]),
     (75, []), (30, [])],
)
def test_the_least_telling_columns_are_dropped_first(width: int, secondary: list[str]) -> None:
    lines = rendered(width)
    names = [name.strip() for name in lines[2].split("┃")[1:-1]]
    assert names == ["id", "val_error", "flops", "test accuracy", "fresh 20 epochs", *secondary]
    assert (max(map(len, lines)) <= width) == (width > 30)


def test_the_knee_is_named_where_there_is_one() -> None:
    assert rendered(200)[0].startswith("front, knee 87")
    lone = front_table(MEMBERS[:1], OBJECTIVES, title="front")
    assert lone.title == "front"


def test_an_empty_front_is_an_empty_table() -> None:
    assert front_table([], OBJECTIVES, title="front").row_count == 0


def test_texts_stand_left_and_numbers_right() -> None:
    columns = table([Column("operator", ["split"], numbers=False), Column("flops", ["12"])]).columns
    assert [c.justify for c in columns] == ["left", "right"]


@pytest.mark.parametrize(
    ("value", "text"), [(1234567.0, "1 234 567"), (0.0, "0.0000"), (0.05, "0.0500"), (12.5, "12.5000"), (3.0, "3")]
)
def test_whole_numbers_are_grouped_and_shares_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text
