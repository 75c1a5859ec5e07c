"""What README and the pages of ``docs`` say: their sections, the snippets in them, and a user who types these."""

from __future__ import annotations

import importlib
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import evonas
from evonas.cli.app import app
from evonas.run.plugins import installed
from evonas.runtimes.compiled import STRICT, find_compiler
from evonas.runtimes.targets import built_in_targets
from tests.evonas.runtimes.targets.targets_of_tests import reason_to_skip

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").rglob("*.md")))

#: What a user would wait for: pattern and replacement. No time limits: on a busy machine they could cut all short.
SHORTER: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"--generations \d+", "--generations 0"),
    (r"(?<=--evaluations )\d+", lambda match: str(int(match[0]) // 5)),
    (r"--rungs \d+,\d+,\d+", "--rungs 1,2,3"),
    (r"--epochs \d+", "--epochs 2"),
    (r"--n-train \d+", "--n-train 20"),
    (r"^(evonas evolve --dataset .*)", r"\1 --population 8"),
    (r"^(evonas evolve --dataset windows.npz .*)", r"\1 --population 3"),
    (r"^(evonas seed --method .*)", r"\1 --members 4"),
    (r"^(evonas seed --space (?:cell|block) .*)", r"\1 --search-epochs 1 --members 2 --epochs 1"),
    (r"(--method sandwich)", r"\1 --search-option candidates=10"),
    (r"^(evonas seed run.toml .*)", r"\1 --search-epochs 1 --members 2 --epochs 1"),
    (r"^(evonas evolve --space (?:cell|block) .*)", r"\1 --population 2 --children 1 --generations 1 --epochs 1"),
    (r"^(evonas evolve run.toml)", r"\1 --generations 0 --population 8"),
    (r"time_limit=\d+", "population=4, generations=0, epochs=20"),
    (r"generations=\d+, epochs=\d+,", "generations=1, epochs=1,"),
)
#: Commands that no test runs from there, as they begin.
NOT_RUN = {
    "bash scripts/quickstart.sh": "makes an environment and installs the project into it",
    "source .venv/bin/activate": "gives the command that the tests call themselves",
    "pip install": "installs the project, or a package of the user's: see User._declare",
    "bash scripts/test.sh": "runs this test",
    "bash scripts/docs.sh": "builds these pages; the CI runs it",
    "bash .ci/run": "runs this test",
    "bash scripts/sanitize.sh": "builds the native trainer anew, minutes; the CI runs it",
    ".venv/bin/python -m scripts.benchmarks.": "minutes; their parts have tests in tests/scripts",
    ".venv/bin/python -m scripts.benchmarks.front": "hours; tests/scripts/benchmarks/test_front.py runs it",
    ".venv/bin/python -m scripts.benchmarks.cells": "a quarter of an hour; test_cells.py runs it",
    "evonas datasets fetch": "downloads",
    "dask scheduler": "runs until it is ended; test_cluster_programs.py starts one",
    "dask worker": "runs until it is ended; test_cluster_programs.py starts some",
    "evonas evolve --cluster tcp://head:8786": "needs these",
}
#: The individuals in whose place the knee of the run stands.
EXAMPLE_IDS = ("440", "2463")
PROGRAM = """
%(include)s
#include <stdio.h>

int main(void)
{
    uint8_t pixels[NETWORK_INPUTS];
    while (fread(pixels, sizeof pixels, 1, stdin) == 1) {
        %(statement)s
        printf("%%u ", label);
    }
    return 0;
}
"""


class Snippet(NamedTuple):
    """A block of code, or code within a sentence, which has no language.

    Attributes:
        file: The file that the block is the content of; empty where it is none.
    """

    language: str
    text: str
    file: str = ""

    @property
    def commands(self) -> list[str]:
        """Command lines, without their comments."""
        if self.language not in ("bash", ""):
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        if not self.language:  # a command that is only named has no arguments
            whole = " ".join(self.text.split())
            lines = [whole] if re.match(r"(evonas \w+|pip \w+|bash) ", whole) else []
        commands = (re.sub(r"\s+# .*", "", line) for line in lines)
        return [" ".join(command.split()) for command in commands]

    @property
    def is_run(self) -> bool:
        """Whether following it does anything."""
        return self.language in ("python", "c") or any(map(is_run, self.commands))


class Section(NamedTuple):
    """Snippets that are followed one after the other: a section of README, or a whole page."""

    title: str
    snippets: list[Snippet]

    @property
    def missing(self) -> str:
        """Tools of the targets that the section names and that are not here; empty if there are all."""
        named = {name for snippet in self.snippets for command in snippet.commands for name in built_in_targets()
                 if re.search(rf"[@,\s]{name}\b", command)}
        return "; ".join(filter(None, (reason_to_skip(built_in_targets()[name]) for name in sorted(named))))


def text_of(page: Path) -> str:
    """What a page says, with the files that it includes."""
    included = re.compile(r'^--8<-- "(.*)"\n', re.MULTILINE)
    return included.sub(lambda match: (ROOT / match[1]).read_text(), page.read_text())


def sections(page: Path) -> Iterator[Section]:
    """The sections of a page."""
    pattern = re.compile(r"^```(\w*)([^\n`]*)\n(.*?)^```$|`([^`]+)`", re.DOTALL | re.MULTILINE)
    name, parts = page.relative_to(ROOT).as_posix(), [text_of(page)]
    if page == README:
        parts = re.split(r"^## ", parts[0], flags=re.MULTILINE)[1:]
    for part in parts:
        snippets = []
        for match in pattern.finditer(part):
            title = re.search(r'title="(.*)"', match[2] or "")
            snippets.append(Snippet(match[1] or "", match[4] or match[3], title[1] if title else ""))
        yield Section(f"{name}: {part.partition(chr(10))[0].lstrip('# ')}", snippets)


def is_run(command: str) -> bool:
    """Whether a test runs a command."""
    return not command.startswith(tuple(NOT_RUN))


def shorter(text: str) -> str:
    """The same with the numbers that decide how long it takes made smaller."""
    for pattern, replacement in SHORTER:
        text = re.sub(pattern, replacement, text)
    return text


class User:
    """Types what a section says, in the working folder."""

    def __init__(self) -> None:
        self.pixels = np.random.default_rng(1).integers(0, 256, (3, 1, 28, 28)).astype(np.uint8)
        x, y = load_digits(return_X_y=True)
        self.names: dict[str, Any] = {"pixels": self.pixels, "X": x[:100], "y": y[:100]}

    def follow(self, snippet: Snippet) -> None:
        """Run a snippet, or write the file that it is."""
        language, text, file = snippet
        for command in filter(is_run, snippet.commands):
            self._command(command)
        if file:
            Path(file).write_text(shorter(text))
            if file == "pyproject.toml":
                self._declare(tomllib.loads(text)["project"])
        elif language == "python":
            np.random.seed(0)  # noqa: NPY002  (what estimators draw a seed from that are given none)
            exec(shorter(text), self.names)
        elif language == "c" and find_compiler() is not None:
            self._c(text)
        elif re.fullmatch(r"evonas\.\w+\(.*\)", text):
            self.names |= {"evonas": evonas, "last": None}
            self.names["last"] = eval(shorter(text), self.names)
        elif re.fullmatch(r"\.\w+\(.*\)", text):
            eval(f"last{text}", self.names)

    def _declare(self, project: dict[str, Any]) -> None:
        """What an installation in the working folder leaves there for entry points to be found by."""
        folder = Path(f"{project['name'].replace('-', '_')}-{project['version']}.dist-info")
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
        groups = (
            "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in points.items())])
            for group, points in project["entry-points"].items()
        )
        (folder / "entry_points.txt").write_text("\n".join(groups))
        importlib.invalidate_caches()
        installed.cache_clear()

    def _command(self, command: str) -> None:
        program, *words = shlex.split(shorter(command))
        if program == "export":
            name, _, value = words[0].partition("=")
            assert os.environ[name] == os.path.expanduser(value)
            return
        if program == "pytest":
            done = subprocess.run([sys.executable, "-m", "pytest", *words], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}\n{done.stdout}"
            return
        if program == "python":
            with patch.object(sys, "argv", words):
                runpy.run_path(words[0], run_name="__main__")
            return
        assert program == "evonas", f"neither run nor named in NOT_RUN: {command}"
        if example := next((word for word in words if word in EXAMPLE_IDS), None):
            run = next(word for word in words if word.startswith("runs/"))
            (row,) = json.loads(CliRunner().invoke(app, ["front", run, "--json", "--knee"]).stdout)
            words[words.index(example)], self.names["id"] = str(row["id"]), row["id"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, f"{command}\n{result.output}"

    def _c(self, text: str) -> None:
        """Includes and a statement that sets ``label``."""
        include, statement = text.split("\n\n")
        Path("program.c").write_text(PROGRAM % {"include": include, "statement": statement})
        compiler = [*(find_compiler() or ()), *STRICT]
        subprocess.run([*compiler, "program.c", "network.c", "-lm", "-o", "program"], check=True)
        done = subprocess.run(["./program"], input=self.pixels.tobytes(), capture_output=True, check=True)
        assert len(done.stdout.split()) == len(self.pixels)
