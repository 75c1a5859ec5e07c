"""What a shell completes: names from where they are defined, at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from evonas.data.sources import SOURCES
from evonas.run.examples import seeders_of, uses_of_metrics
from evonas.run.plugins import available_spaces

PROGRAM = "import sys; sys.argv[0] = 'evonas'; from evonas.cli import main; main()"
#: Completes lines of JSON; one process for all, in which torch cannot be imported.
COMPLETES = """
import contextlib, io, json, os, sys
sys.modules["torch"] = None
sys.argv[0] = "evonas"
from evonas.cli import main
for line in map(json.loads, sys.stdin):
    os.environ |= {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""
Completed = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def completed() -> Iterator[Completed]:
    """What bash is offered at the end of a line; fails where torch is imported for it."""
    environment = {**os.environ, "_EVONAS_COMPLETE": "complete_bash"}
    with subprocess.Popen(
        [sys.executable, "-c", COMPLETES], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        lines, answers = process.stdin, process.stdout
        assert lines is not None
        assert answers is not None

        def complete(line: str) -> list[str]:
            lines.write(json.dumps(line) + "\n")
            lines.flush()
            code, out, err = json.loads(answers.readline())
            assert (code or 0, err) == (0, "")
            return str(out).split()

        yield complete
        lines.close()


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
def test_a_word_is_completed(completed: Completed, line: str, names: list[str]) -> None:
    assert sorted(completed(line)) == sorted(names)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(shell: str) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", PROGRAM, "--show-completion", shell]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "_EVONAS_COMPLETE" in done.stdout
