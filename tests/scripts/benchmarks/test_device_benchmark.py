"""The benchmark of a GPU, small and in Triton's interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from interpreted import quicken

from evonas.training.device import VARIABLE
from scripts.benchmarks.device import main

pytest.importorskip("triton")
ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(900)  # the interpreter takes a quarter of a minute of an idle core
def test_a_dry_run_checks_gradients_and_measures_every_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv(VARIABLE, "cpu")
    quicken()
    main(dry_run=True)
    printed = capsys.readouterr().out
    for part in ("against float64", "candidate-epochs/s", "search on digits", "spos", "a step of DARTS"):
        assert part in printed


def test_without_a_gpu_it_says_so_in_one_sentence() -> None:
    code = (
        "import torch; torch.backends.cuda.is_built = lambda: False\n"
        "import typer; from scripts.benchmarks.device import main\n"
        "typer.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "finds no CUDA device on this machine: give --device cpu" in done.stdout + done.stderr
