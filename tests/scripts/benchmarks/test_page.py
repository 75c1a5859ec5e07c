"""Stored results come into the page, and nothing else of it changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from evonas.types import UserError
from scripts.benchmarks.page import PARTS, filled, main

PAGE = Path(__file__).parents[3] / "docs" / "methods-benchmarks.md"
DOCUMENT = {"sentence": "Mean over 3 seeds.", "header": "setting | accuracy, %", "rows": ["kappa 10 | 84.6 ± 0.1"]}


def script(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_page_has_a_place_for_every_part() -> None:
    text = PAGE.read_text()
    for name in PARTS:
        assert filled(text, name, "X") != text


def test_a_stored_table_and_its_plot_come_into_the_page(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results"
    results.mkdir()
    shutil.copy(PAGE, page)
    (results / "cells-kappa.json").write_text(json.dumps(DOCUMENT))
    (results / "cells-kappa.png").write_bytes(b"picture")
    for _ in range(2):  # the second time changes nothing
        result = script("--page", page, "--results", results)
        assert result.exit_code == 0, result.output
        text = page.read_text()
        assert "| kappa 10 | 84.6 ± 0.1 |" in text
        assert text.count("](methods-kappa.png)") == 1
        assert (tmp_path / "methods-kappa.png").read_bytes() == b"picture"
        assert "proxies.json is not there" in result.output
    assert filled(text, "kappa", "") == filled(PAGE.read_text(), "kappa", "")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n")
    (tmp_path / "cells-kappa.json").write_text(json.dumps(DOCUMENT))
    result = script("--page", page, "--results", tmp_path)
    assert result.exit_code == 2
    assert "expected a part between <!-- kappa --> and <!-- end of kappa -->, once, got 0" in result.output
    assert page.read_text() == "# Page\n"
    assert "expected a page, got" in script("--page", tmp_path / "none.md").output
    with pytest.raises(UserError, match="got 2"):
        filled("<!-- a --><!-- end of a --><!-- a --><!-- end of a -->", "a", "")
