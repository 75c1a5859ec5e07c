"""The report in a browser: what a reader clicks and sees, and that nothing of a run is ever executed."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from evonas.cli.report import collect_runs
from evonas.report.html import Drawings
from evonas.report.html.serve import Feed, make_server
from evonas.run.open import open_run

Evonas = Callable[..., Result]
HOSTILE = "</script><img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script><b>%{x}"


def drawn_pixels(page: Any, canvas: str) -> int:
    """How many pixels of a canvas are not empty."""
    return int(page.evaluate(
        f"(() => {{ const c = document.getElementById('{canvas}');"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"
    ))


def front_ids(evonas: Evonas, run: Path) -> list[int]:
    return [row["id"] for row in json.loads(evonas("front", run, "--json").stdout)]


def test_a_click_on_a_point_shows_its_network(open_page: Any, report: Path, evonas: Evonas, finished: Path) -> None:
    page = open_page(report)
    cheapest = front_ids(evonas, finished)[0]
    points = page.locator("#front-chart .scatterlayer .trace").last.locator(".point")
    points.last.click(force=True)
    before = page.evaluate("document.getElementById('drawing').toDataURL()")
    page.wait_for_timeout(500)  # two clicks at once are a double click to plotly
    points.first.click(force=True)
    page.wait_for_function(f"document.getElementById('network-title').textContent.startsWith('Network #{cheapest},')")
    assert page.evaluate("document.getElementById('drawing').toDataURL()") != before
    assert drawn_pixels(page, "drawing") > 1000
    assert drawn_pixels(page, "use") > 10
    assert f" {cheapest} --format torch --out network-{cheapest}.safetensors" in page.locator("#command").inner_text()
    assert page.locator("#lineage li").last.inner_text().count(f"#{cheapest}") == 1


def test_the_pickers_pick(open_page: Any, report: Path, evonas: Evonas, finished: Path) -> None:
    page, rows = open_page(report), json.loads(evonas("front", finished, "--json").stdout)
    title = page.locator("#network-title")
    page.click("#pick-best")
    objective = "trainval_error" if "trainval_error" in rows[0] else "val_error"
    best = min(rows, key=lambda row: row[objective])["id"]
    assert title.inner_text().startswith(f"Network #{best}")
    page.click("#pick-knee")
    assert "the knee" in title.inner_text()
    page.locator("#budget").fill("0")
    assert title.inner_text().startswith(f"Network #{rows[0]['id']}")
    middle = (rows[0]["flops"] * rows[-1]["flops"]) ** 0.5
    page.locator("#budget").fill("500")
    under = json.loads(evonas("front", finished, "--json", "--best-under", f"flops={middle}").stdout)[0]["id"]
    assert title.inner_text().startswith(f"Network #{under}")


def test_the_table_sorts_and_a_row_shows_its_network(
    open_page: Any, report: Path, evonas: Evonas, finished: Path
) -> None:
    page = open_page(report)
    cells = page.locator("#members tbody tr")
    ids = [int(row.get_attribute("data-id")) for row in cells.all()]
    assert ids == front_ids(evonas, finished)
    page.locator("#members th button").first.click()
    assert [int(row.get_attribute("data-id")) for row in cells.all()] == sorted(ids)
    page.locator("#members th button").first.click()
    assert [int(row.get_attribute("data-id")) for row in cells.all()] == sorted(ids, reverse=True)
    cells.last.click()
    assert page.locator("#network-title").inner_text().startswith(f"Network #{min(ids)}")
    assert cells.last.get_attribute("aria-selected") == "true"


def test_the_axes_can_be_any_two_metrics(open_page: Any, report: Path) -> None:
    page = open_page(report)
    page.select_option("#axis-y", "val_loss")
    page.select_option("#axis-x", "edges")
    titles = page.locator("#front-chart .infolayer")
    assert "validation loss (nats)" in titles.text_content()
    assert "edges" in titles.text_content()


def test_what_only_some_members_measure_can_be_a_budget(
    open_page: Any, evonas: Evonas, finished: Path, run: Path, tmp_path: Path
) -> None:
    ids = front_ids(evonas, finished)
    with open_run(run, writing=True) as opened:
        for id, latency in ((ids[0], 2.0), (ids[-1], 8.0)):
            measured = {"latency": latency, "latency_spread": 0.1}
            opened.store.add_measurement(id, opened.store.member(id).evaluation.budget, measured)
    assert evonas("report", run, "--out", "page.html").exit_code == 0
    page = open_page(tmp_path / "page.html")
    page.select_option("#budget-metric", "latency")
    page.locator("#budget").fill("500")
    assert page.locator("#budget-value").inner_text() == "4"
    assert page.locator("#network-title").inner_text().startswith(f"Network #{ids[0]}")
    page.get_by_role("button", name="latency (µs)").click()
    page.get_by_role("button", name="latency (µs)").click()
    found = [int(row.get_attribute("data-id")) for row in page.locator("#members tbody tr").all()]
    assert found[:2] == [ids[-1], ids[0]]


def test_nothing_of_a_hostile_run_is_executed(open_page: Any, evonas: Evonas, run: Path, tmp_path: Path) -> None:
    hostile = run.rename(tmp_path / "<img src=x onerror=window.hacked=1>")
    with sqlite3.connect(hostile / "run.db") as database:
        database.execute("UPDATE individuals SET operator = ? || id", (HOSTILE,))
        config = json.loads(database.execute("SELECT value FROM meta WHERE key = 'config'").fetchone()[0])
        config |= {"dataset": HOSTILE, "constraints": []}
        database.execute("UPDATE meta SET value = ? WHERE key = 'config'", (json.dumps(config),))
        database.execute("UPDATE evaluations SET status = 'failed', error = ? WHERE id = 0", (HOSTILE,))
    assert evonas("report", hostile, "--out", "page.html").exit_code == 0
    page = open_page(tmp_path / "page.html")
    for row in page.locator("#members tbody tr").all():
        row.click()
    page.locator("#front-chart .point").first.hover(force=True)
    assert HOSTILE in page.locator("#lineage").inner_text()
    assert HOSTILE in page.locator("#notice").inner_text()
    assert page.locator("img, script[src], a[href]").count() == 0
    assert page.evaluate("window.hacked") is None


def test_an_empty_run_says_so(open_page: Any, evonas: Evonas, run: Path, tmp_path: Path) -> None:
    with sqlite3.connect(run / "run.db") as database:
        database.execute("DELETE FROM evaluations")
        database.execute("DELETE FROM states")
    assert evonas("report", run, "--out", "page.html").exit_code == 0
    page = open_page(tmp_path / "page.html")
    assert "No evaluation has ended yet" in page.locator("#notice").inner_text()
    assert page.locator("#drawing").is_hidden()


def test_a_served_page_follows_its_run_and_keeps_what_was_chosen(browser: Any, finished: Path, run: Path) -> None:
    with sqlite3.connect(run / "run.db") as database:
        database.execute("DELETE FROM evaluations WHERE id > 9")
    with make_server(Feed(lambda: collect_runs([run], Drawings())), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/", timeout=60_000)
        assert page.locator("#facts dd").first.inner_text() == "10"
        page.locator("#members tbody tr").last.click()
        chosen = page.locator("#network-title").inner_text().split(",")[0]
        with sqlite3.connect(run / "run.db") as database:
            database.execute("ATTACH ? AS whole", (str(finished / "run.db"),))
            database.execute("INSERT INTO evaluations SELECT * FROM whole.evaluations WHERE id > 9")
        page.locator("#facts dd:text-is('14')").wait_for(timeout=60_000)
        assert page.locator("#network-title").inner_text().split(",")[0] == chosen
        page.close()
        server.shutdown()
        thread.join()
