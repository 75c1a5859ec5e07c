"""Plots are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from evonas.objectives import parse_objectives
from evonas.report.plot import front_figure, plot_front
from evonas.store import Record
from evonas.types import UserError

NAMES = ["val_error", "flops"]
OBJECTIVES = parse_objectives(NAMES, [], NAMES)


def record(id: int, error: float, flops: float, generation: int = 0) -> Record:
    return Record(id, 3, generation, "sample", (), "ok", {"val_error": error, "flops": flops}, 1.0, 1.0, None)


MEMBERS = [record(0, 0.3, 100), record(1, 0.2, 1000, generation=2)]


@pytest.mark.parametrize("members", [MEMBERS, MEMBERS[:1]])
def test_a_front_of_any_size_is_drawn(tmp_path: Path, members: list[Record]) -> None:
    plot_front(tmp_path / "front", members, members, OBJECTIVES, others=[("empty", []), ("other", MEMBERS)])
    assert (tmp_path / "front").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "message"),
    [("front.xyz", "Format 'xyz' is not supported"), ("none/front.png", "No such file"), ("", "Is a directory")],
)
def test_a_plot_that_cannot_be_written_leaves_nothing(tmp_path: Path, name: str, message: str) -> None:
    tmp_path = tmp_path / "alone"
    tmp_path.mkdir()
    with pytest.raises(UserError, match=message):
        plot_front(tmp_path / name, MEMBERS, MEMBERS, OBJECTIVES)
    assert list(tmp_path.rglob("*")) == []
    assert [p.name for p in tmp_path.parent.iterdir()] == [tmp_path.name]


def test_what_has_no_front_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the front is empty"):
        plot_front(tmp_path / "front.png", [], [], OBJECTIVES)
    with pytest.raises(UserError, match="one objective is a single number"):
        plot_front(tmp_path / "front.png", MEMBERS, MEMBERS, parse_objectives(["flops"], [], ["flops"]))


def test_a_front_of_three_objectives_is_drawn_over_any_of_its_costs(tmp_path: Path) -> None:
    names = [*NAMES, "params"]
    members = [
        record(i, 0.5 - i / 10, 100 + 10 * i)._replace(
            metrics={"val_error": 0.5 - i / 10, "flops": 100.0 + 10 * i, "params": 50.0 - i}
        )
        for i in range(4)
    ]
    objectives = parse_objectives(names, [], names)
    for cost in (None, "params", "flops"):
        plot_front(tmp_path / f"{cost}.svg", members, members, objectives, others=[("other", members)], cost=cost)
    by_default, by_params, by_flops = ((tmp_path / f"{n}.svg").read_text() for n in (None, "params", "flops"))
    assert ["<!-- parameters -->" in text for text in (by_default, by_params, by_flops)] == [True, True, False]
    with pytest.raises(UserError, match="unknown metric 'flosp', did you mean 'flops'"):
        plot_front(tmp_path / "n.svg", members, members, objectives, cost="flosp")


@pytest.mark.parametrize("n_others", [0, 3, 12])
def test_the_legend_is_below_the_plot_and_covers_nothing(n_others: int) -> None:
    members = [record(i, 1 / edges, edges) for i, edges in enumerate((10, 100, 1000))]
    others = [(f"a-run-with-some-name-{i}", members) for i in range(n_others)]
    figure = front_figure(members, members, OBJECTIVES, others=others)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    axes, box = figure.axes[0].get_tightbbox(), legend.get_window_extent()
    assert axes is not None
    assert box.y1 <= axes.y0 + 1
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert figure.axes[0].get_position().height * figure.get_figheight() > 2.5
