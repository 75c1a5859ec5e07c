"""The benchmark of a GPU, small and in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton")
ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(900)  # the interpreter takes half a minute of an idle core
def test_a_dry_run_checks_gradients_and_measures_every_part() -> None:
    environment = {**os.environ, "COLUMNS": "160", "EVONAS_DEVICE": "cpu"}
    command = [sys.executable, "-m", "scripts.benchmarks.device", "--dry-run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for part in ("against float64", "candidate-epochs/s", "search on digits", "spos", "a step of DARTS"):
        assert part in done.stdout


def test_without_a_gpu_it_says_so_in_one_sentence() -> None:
    code = (
        "import torch; torch.backends.cuda.is_built = lambda: False\n"
        "import typer; from scripts.benchmarks.device import main\n"
        "typer.run(main)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "finds no CUDA device on this machine: give --device cpu" in done.stdout + done.stderr
