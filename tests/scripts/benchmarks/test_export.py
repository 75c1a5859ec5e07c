"""The benchmark of exported C compares what it says it compares."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.runtimes.compiled import find_compiler
from scripts.benchmarks import export as bench_export


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_a_row_has_times_ratios_and_sizes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bench_export, "SIZES", (900,))
    monkeypatch.setattr(bench_export, "ROUNDS", 1)
    bench_export.main()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    cells = [float(cell.replace(",", "")) for cell in line.strip("│").split("│")]
    edges, params, fast, _, _, run, bound, to_run, to_bound, an_edge, *_, flash, flash8 = cells
    assert edges < params
    assert to_run == pytest.approx(run / fast, rel=0.2)
    assert to_bound == pytest.approx(bound / fast, rel=0.2)
    assert an_edge == pytest.approx(1000 * fast / edges, rel=0.2)
    assert 4 < flash < 8
    assert 2 < flash8 < 4


def test_the_dense_network_has_as_many_parameters() -> None:
    for n_params in (2_000, 50_000):
        session = bench_export.dense_session(784, 10, n_params)
        assert session.run(None, {"x": np.ones((1, 784), np.float32)})[0].shape == (1, 10)
        width = bench_export.dense_width(784, 10, n_params)
        assert 784 * width + width + width * 10 + 10 == pytest.approx(n_params, rel=0.3)
