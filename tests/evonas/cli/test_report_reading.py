"""The report as a reader uses it: what it opens on, by finger, by key, by link; and what the run was told."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from evonas.cli.report import collect_runs
from evonas.report.html import Drawings, render

Evonas = Callable[..., Result]
#: Two frames, after which the page has come to rest where it was scrolled to, and knows what is in sight.
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def ids(evonas: Evonas, finished: Path) -> list[int]:
    return [row["id"] for row in json.loads(evonas("front", finished, "--json").stdout)]


@pytest.fixture
def changed(finished: Path, tmp_path: Path) -> Callable[[Callable[[Any], None]], Path]:
    """The page of the run with other data."""

    def make(change: Callable[[Any], None]) -> Path:
        data = json.loads(json.dumps(collect_runs([finished], Drawings())))
        change(data)
        (tmp_path / "changed.html").write_text(render(data))
        return tmp_path / "changed.html"

    return make


def title(page: Any) -> str:
    return str(page.locator("#network-title").inner_text())


def n_lines(page: Any) -> int:
    """Lines in the chart of the front, whatever they join."""
    return int(page.locator("#front-chart .scatterlayer path.js-line").count())


def test_it_opens_on_the_objectives_of_the_search(open_page: Any, report: Path) -> None:
    page = open_page(report)
    assert (page.input_value("#axis-y"), page.input_value("#axis-x")) == ("trainval_error", "flops")
    assert "error, mean of validation and training samples" in page.locator("#front-chart .infolayer").text_content()


def test_only_points_that_are_a_staircase_are_joined(
    open_page: Any, report: Path, changed: Callable[[Callable[[Any], None]], Path]
) -> None:
    page = open_page(report)
    assert n_lines(page) == 1
    for axis, name in (("#axis-y", "val_accuracy"), ("#axis-y", "val_loss"), ("#axis-x", "params")):
        page.select_option(axis, name)
        assert n_lines(page) == 0
    page.select_option("#axis-x", "flops")
    page.select_option("#axis-y", "trainval_error")
    assert n_lines(page) == 1
    page = open_page(changed(lambda data: data["objectives"].insert(1, {"metric": "params", "goal": "min"})))
    assert (page.input_value("#axis-y"), page.input_value("#axis-x")) == ("trainval_error", "flops")
    assert n_lines(page) == 0


def test_a_tap_on_a_phone_shows_what_it_chose(open_page: Any, report: Path, ids: list[int]) -> None:
    page = open_page(report, **PHONE)
    peek = page.locator("#peek")
    assert peek.is_hidden()
    page.locator(f"#members tr[data-id='{ids[-1]}']").tap()
    assert title(page).startswith(f"Network #{ids[-1]}")
    peek.wait_for(state="visible")
    assert peek.inner_text().startswith(f"#{ids[-1]} · trainval error ")
    box = peek.bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 800
    peek.tap()
    peek.wait_for(state="hidden")
    assert 0 <= page.locator("#network-title").bounding_box()["y"] < 800
    page.locator("#front-chart").scroll_into_view_if_needed()
    page.evaluate(FRAMES)
    page.locator("#front-chart .scatterlayer .trace").last.locator(".point").first.tap(force=True)
    page.locator("#network-title", has_text=f"Network #{ids[0]},").wait_for()


def test_the_address_names_what_is_shown(open_page: Any, report: Path, ids: list[int]) -> None:
    other = next(id for id in range(14) if id not in ids)
    page = open_page(report, f"#{other}")
    assert title(page) == f"Network #{other}"
    page.locator(f"#members tr[data-id='{ids[0]}']").click()
    assert page.evaluate("location.hash") == f"#{ids[0]}"
    page.evaluate(f"location.hash = '#{ids[-1]}'")
    page.locator("#network-title", has_text=f"Network #{ids[-1]},").wait_for()
    assert page.locator(f"#members tr[data-id='{ids[-1]}']").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("fragment", ["#99999", "#settings-title", "#-1", "#1e3", "#%00<b>"])
def test_an_address_that_names_nothing_shows_the_knee(open_page: Any, report: Path, fragment: str) -> None:
    page = open_page(report, fragment)
    assert "the knee of the front" in title(page)
    told = "this run has no such individual" in (page.locator("#notice").text_content() or "")
    assert told == (fragment == "#99999")


def test_keys_move_along_the_front_and_open_the_network(open_page: Any, report: Path, ids: list[int]) -> None:
    page = open_page(report, f"#{ids[0]}", viewport={"width": 800, "height": 500})
    page.keyboard.press("ArrowLeft")
    assert title(page).startswith(f"Network #{ids[0]},")
    for id in ids[1:]:
        page.keyboard.press("ArrowRight")
        assert title(page).startswith(f"Network #{id},")
    page.keyboard.press("ArrowLeft")
    assert title(page).startswith(f"Network #{ids[-2]},")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "network-title"
    assert 0 <= page.locator("#network-title").bounding_box()["y"] < 500
    page.focus("#budget")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.id") == "budget", "a slider keeps its keys"


def test_keys_in_the_table_go_by_its_order(open_page: Any, report: Path, ids: list[int]) -> None:
    page = open_page(report)
    page.locator("#members th button").first.click()
    by_id = sorted(ids)
    page.focus(f"#members tr[data-id='{by_id[0]}']")
    page.keyboard.press("ArrowDown")
    assert title(page).startswith(f"Network #{by_id[1]},")
    assert page.evaluate("document.activeElement.dataset.id") == str(by_id[1])
    page.focus(f"#members tr[data-id='{by_id[0]}']")
    page.keyboard.press("Enter")
    assert title(page).startswith(f"Network #{by_id[0]},")
    assert page.evaluate("document.activeElement.id") == "network-title"


def test_settings_and_the_command_stand_on_the_page(
    open_page: Any, report: Path, changed: Callable[[Callable[[Any], None]], Path]
) -> None:
    page = open_page(report)
    settings = page.locator("#settings").inner_text()
    for text in ("objectives\ntrainval_error, flops", "epochs\n20", "space options: edges\n64, 600", "seed\n3"):
        assert text in settings
    words = shlex.split(page.locator("#made").inner_text())
    assert words[:2] == ["evonas", "evolve"]
    assert {"--seed=3", "--epochs=20", "--generations=2", "--space-option=edges=[64, 600]"} <= set(words)
    assert page.locator("#made-file").is_hidden()
    page = open_page(changed(lambda data: data["commands"].update(file="split_seed = 1\n")))
    assert page.locator("#file").inner_text().strip() == "split_seed = 1"


def test_empty_columns_are_hidden(open_page: Any, changed: Callable[[Callable[[Any], None]], Path]) -> None:
    def blank(data: Any) -> None:
        names = [metric["name"] for metric in data["metrics"]]
        for row in data["front"]:
            data["evaluations"]["values"][names.index("params")][row] = None
        data["evaluations"]["values"][names.index("depth")][data["front"][0]] = None

    heads = open_page(changed(blank)).locator("#members th").all_inner_texts()
    assert "parameters" not in heads
    assert {"id", "depth in layers", "edges"} <= set(heads)
    assert "equal" not in heads


def test_members_of_one_point_are_one_row_and_can_all_be_seen(
    open_page: Any, changed: Callable[[Callable[[Any], None]], Path], ids: list[int]
) -> None:
    others = [id for id in range(14) if id not in ids][:2]
    page = open_page(changed(lambda data: data["equal"].__setitem__(0, others)), f"#{ids[0]}")
    assert page.locator("#members tbody tr").count() == len(ids)
    assert page.locator("#members td", has_text="+2 equal").count() == 1
    assert f"{len(ids)} (+2 equal)" in page.locator("#facts").inner_text()
    page.locator("#equal button").last.click()
    assert title(page) == f"Network #{others[1]}, equal to #{ids[0]} of the front"
    assert page.locator(f"#members tr[data-id='{ids[0]}']").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowRight")
    assert title(page).startswith(f"Network #{ids[1]},")
