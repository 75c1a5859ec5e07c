"""Tables at every width: columns go, numbers stay whole."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from evonas.objectives import parse_objectives
from evonas.report.tables import Column, check_columns, fitting, front_columns, front_table, hidden, number, table
from evonas.store import Record
from evonas.types import UserError

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
@settings(max_examples=40)
def test_no_number_is_cut_at_any_width(width: int) -> None:
    text = "\n".join(rendered(width))
    assert "…" not in text
    for whole in ("1021", "0.4321", "12 346", "123 456 788", "0.8912", "0.9012 ± 0.0034 (3)"):
        assert whole in text


@pytest.mark.parametrize(
    ("width", "secondary"),
    [(200, ["edges", "operator", "generation", "depth", "neurons", "params"]), (100, ["edges", "operator"]),
     (85, ["edges"]), (75, []), (30, [])],
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


def measured(record: Record, **metrics: float) -> Record:
    return record._replace(metrics={**record.metrics, **metrics})


def names(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns]


def test_what_was_measured_for_deployment_stands_before_other_costs() -> None:
    first = measured(MEMBERS[0], flash=1000.0, int8_error=0.43, latency=2.5, ram=64.0, latency_device=7.0)
    columns = front_columns([first, *MEMBERS[1:]], OBJECTIVES)
    deployed = ["latency", "latency_device", "flash", "ram", "int8_error"]
    assert names(columns)[:9] == ["id", "val_error", "flops", *deployed, "edges"]
    assert columns[3].cells == ["2.5000", "", ""]
    assert names(front_columns(MEMBERS, OBJECTIVES))[3] == "edges"


def test_a_metric_that_is_bounded_has_a_column() -> None:
    bounded = parse_objectives(["val_error", "flops"], ["val_loss<=9"], ["val_error", "flops", "val_loss"])
    assert names(front_columns([measured(r, val_loss=1.0) for r in MEMBERS], bounded))[3] == "val_loss"


def test_what_a_person_reads_stands_beside_a_first_objective_that_says_less() -> None:
    members = [measured(r, trainval_error=0.1, val_accuracy=0.9) for r in MEMBERS]
    both = parse_objectives(["trainval_error", "flops"], [], ["trainval_error", "flops"])
    assert names(front_columns(members, both))[:4] == ["id", "trainval_error", "val_accuracy", "flops"]
    assert "val_accuracy" not in names(front_columns(members, OBJECTIVES))


def test_equal_members_are_counted_where_there_are_any() -> None:
    columns = front_columns(MEMBERS, OBJECTIVES, equal={1021: [3, 4], 87: []})
    assert [(c.title, c.cells) for c in columns if c.name == "equal"] == [("", ["+2 equal", "", ""])]
    assert "equal" not in names(front_columns(MEMBERS, OBJECTIVES, equal={1021: []}))


def test_named_columns_stand_in_their_order_and_are_never_dropped() -> None:
    asked = check_columns(["depth", "generation", "id", "depth", "parents"], MEMBERS, MEMBERS)
    assert asked == ["depth", "generation", "id", "parents"]
    columns = front_columns(MEMBERS, OBJECTIVES, names=asked, test_cells={87: {"test accuracy": "0.9"}})
    titles = [column.title for column in fitting(columns, 10)]
    assert titles == ["depth", "generation", "id", "parents", "test accuracy"]
    assert columns[3].cells == ["0", "0", "0"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (["flop"], "unknown column 'flop', did you mean 'flops'"),
        (["edge"], "unknown column 'edge', did you mean 'edges'"),
        ([], "--columns names no column, there are: budget, "),
        (["id", "x" * 40], "unknown column 'x+', there are: budget, depth"),
        (["latency"], "latency was measured for 0 of 3 members: `evonas measure RUN` measures all"),
        (["test_accuracy"], "test_accuracy is measured on the test set: give --test"),
    ],
)
def test_columns_that_are_not_there_are_refused(asked: list[str], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        check_columns(asked, MEMBERS, MEMBERS)


def test_what_is_not_shown_is_known() -> None:
    columns = front_columns(MEMBERS, OBJECTIVES)
    assert hidden(columns, MEMBERS, {}) == ["parents", "budget"]
    assert hidden(fitting(columns, 45), MEMBERS, {}) == [
        "generation", "operator", "parents", "budget", "edges", "depth", "neurons", "params"
    ]
    assert "equal" in hidden([Column("id", [])], MEMBERS, {87: [3]})
