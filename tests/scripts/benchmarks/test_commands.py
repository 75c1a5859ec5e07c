"""Benchmarks without tests of their own: those that can be small run, others check their options."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from scripts.benchmarks import bookkeeping


def test_the_bookkeeping_of_a_small_run_is_timed() -> None:
    app = typer.Typer()
    app.command()(bookkeeping.main)
    result = CliRunner().invoke(app, ["--most", "200"])
    assert result.exit_code == 0, result.output
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("│")]
    evaluations, front, *times = row.strip("│").split("│")
    assert int(evaluations) == 200
    assert 0 < int(front) <= 200
    assert all(float(number.replace(",", "")) >= 0 for number in times)


def test_places_are_compared_for_at_least_one_worker() -> None:
    pytest.importorskip("distributed", reason="a cluster needs evonas[dask]")
    from scripts.benchmarks import places

    app = typer.Typer()
    app.command()(places.main)
    help = CliRunner().invoke(app, ["--help"])
    assert help.exit_code == 0
    assert {"--workers", "--trials"} <= {word for word in help.stdout.split() if word.startswith("--")}
    assert CliRunner().invoke(app, ["--workers", "0"]).exit_code == 2
