"""What a shell completes: names from where they are defined, at once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evonas.data.sources import SOURCES
from evonas.run.examples import seeders_of, uses_of_metrics
from evonas.run.plugins import available_spaces

PROGRAM = "import sys; sys.argv[0] = 'evonas'; from evonas.cli import main; main()"


def completed(line: str) -> list[str]:
    """What bash is offered at the end of the line; fails where torch is imported for it."""
    words = line.split(" ")
    environment = {
        **os.environ, "_EVONAS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)
    }
    code = f"import sys; sys.modules['torch'] = None; {PROGRAM}"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("evonas evol", ["evolve"]),
        ("evonas evolve --time", ["--time-limit"]),
        ("evonas evolve --dataset ", list(SOURCES)),
        ("evonas evolve --dataset fas", ["fashion-mnist"]),
        ("evonas datasets fetch ", ["mnist", "fashion-mnist"]),
        ("evonas seed --space ", sorted(available_spaces())),
        ("evonas spaces neu", ["neuron"]),
        ("evonas seed --method ", list(seeders_of())),
        ("evonas seed --space cnn --method ", ["random", "spread"]),
        ("evonas seed --space nosuch --method ", []),
        ("evonas evolve --objectives val_", [name for name in uses_of_metrics() if name.startswith("val_")]),
        ("evonas evolve --objectives trainval_error,flops,flo", ["trainval_error,flops,flops_total"]),
        ("evonas front r --cost int8_f", ["int8_flash"]),
        ("evonas evolve --survival ", ["aging", "aging-dominated", "elitist"]),
        ("evonas evolve --task r", ["regression"]),
        ("evonas front ", []),
    ],
)
def test_a_word_is_completed(line: str, names: list[str]) -> None:
    assert sorted(completed(line)) == sorted(names)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", PROGRAM, "--show-completion", shell]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "_EVONAS_COMPLETE" in done.stdout
