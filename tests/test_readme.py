"""The README's commands and snippets work as they stand there, one after the other in an empty folder.

Only numbers that decide how long it takes are made smaller (``SHORTER``); ``NOT_RUN`` says what is not run, and why.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from click import Command
from sklearn.datasets import load_digits
from trainer_benchmark.command import main as bench_trainer
from typer.main import get_command
from typer.testing import CliRunner

import evonas
from evonas.cli.app import app
from evonas.config import RunConfig, build_config
from evonas.runtimes.compiled import STRICT, find_compiler
from evonas.types import Task
from search_spaces.neuron.space import create

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()

#: What a user would wait for: pattern and replacement. No time limits: on a busy machine they could cut all short.
SHORTER = (
    (r"--generations \d+", "--generations 0"),
    (r"--epochs \d+", "--epochs 2"),
    (r"--n-train \d+", "--n-train 20"),
    (r"^(evonas evolve --dataset .*)", r"\1 --population 8"),
    (r"^(evonas seed --method .*)", r"\1 --members 4"),
    (r"^(evonas seed --space cell .*)", r"\1 --search-epochs 1 --members 2 --epochs 1"),
    (r"^(evonas seed run.toml .*)", r"\1 --search-epochs 1 --members 2 --epochs 1"),
    (r"^(evonas evolve --space cell .*)", r"\1 --population 2 --children 1 --generations 1 --epochs 1"),
    (r"^(evonas evolve run.toml)", r"\1 --generations 0"),
    (r"time_limit=\d+", "population=4, generations=0, epochs=2"),
)
#: Commands of the README that no test runs from there, as they begin.
NOT_RUN = {
    "bash scripts/quickstart.sh": "makes an environment and installs the project into it",
    "pip install": "installs the project",
    "bash scripts/test.sh": "runs this test",
    "bash .ci/run": "runs this test",
    "bash scripts/sanitize.sh": "builds the native trainer anew, minutes; the CI runs it",
    ".venv/bin/python scripts/bench_": "minutes; their parts have tests in tests/scripts",
    ".venv/bin/python scripts/benchmark_front.py": "hours; tests/scripts/test_benchmark_front.py runs it",
    ".venv/bin/python scripts/benchmark_cells.py": "a quarter of an hour; test_benchmark_cells.py runs it",
    "evonas datasets fetch": "downloads",
}
#: The individual in whose place the knee of the run stands.
EXAMPLE_ID = "440"
#: Runs that the README assumes, and the ones that stand in for them.
ASSUMED = {"runs/e0": "runs/seeded", "runs/e1": "runs/seeded", "runs/e2": "runs/seeded", "runs/r0": "runs/prune",
           "runs/r1": "runs/prune", "runs/r2": "runs/prune"}
N_TRAIN, N_TEST = 60, 10
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
    """A block of code, or code within a sentence, which has no language."""

    language: str
    text: str

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


class Section(NamedTuple):
    title: str
    snippets: list[Snippet]


def sections() -> Iterator[Section]:
    pattern = re.compile(r"^```(\w*)\n(.*?)^```$|`([^`]+)`", re.DOTALL | re.MULTILINE)
    for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        yield Section(title, [Snippet(m[1] or "", m[3] or m[2]) for m in pattern.finditer(body) if m[1] or m[3]])


def is_run(command: str) -> bool:
    return not command.startswith(tuple(NOT_RUN))


SNIPPETS = [snippet for section in sections() for snippet in section.snippets]
RUNNABLE = [s for s in sections() if any(is_run(command) for snippet in s.snippets for command in snippet.commands)]


def idx(array: np.ndarray) -> bytes:
    header = (0x0800 + array.ndim).to_bytes(4, "big") + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder that is also the user's home, with two small data sets where the README has them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("EVONAS_DATA", str(tmp_path / "data"))
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 256, (10, 28, 28))
    for name in ("mnist", "fashion-mnist"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for prefix, n in (("train", N_TRAIN), ("t10k", N_TEST)):
            labels = np.arange(n) % 10
            images = (classes[labels] + rng.integers(0, 256, (n, 28, 28))) // 2
            (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx(images))
            (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(labels))


class User:
    """Types what the README says."""

    def __init__(self) -> None:
        self.pixels = np.random.default_rng(1).integers(0, 256, (3, 1, 28, 28)).astype(np.uint8)
        x, y = load_digits(return_X_y=True)
        self.names: dict[str, Any] = {"pixels": self.pixels, "X": x[:100], "y": y[:100]}

    def follow(self, snippet: Snippet) -> None:
        language, text = snippet
        for command in filter(is_run, snippet.commands):
            self._command(command)
        if language == "python":
            exec(shorter(text), self.names)
        elif language == "c" and find_compiler() is not None:
            self._c(text)
        elif re.fullmatch(r"evonas\.\w+\(.*\)", text):
            self.names |= {"evonas": evonas, "last": None}
            self.names["last"] = eval(shorter(text), self.names)
        elif re.fullmatch(r"\.\w+\(.*\)", text):
            eval(f"last{text}", self.names)

    def _command(self, command: str) -> None:
        program, *words = shlex.split(shorter(command))
        if program == "export":
            name, _, value = words[0].partition("=")
            assert os.environ[name] == os.path.expanduser(value)
            return
        assert program == "evonas", f"neither run nor named in NOT_RUN: {command}"
        for path in set(re.findall(r"runs/\w+", command)) & set(ASSUMED):
            shutil.copytree(ASSUMED[path], path)
        if EXAMPLE_ID in words:
            run = next(word for word in words if word.startswith("runs/"))
            (row,) = json.loads(CliRunner().invoke(app, ["front", run, "--json", "--knee"]).stdout)
            words[words.index(EXAMPLE_ID)], self.names["id"] = str(row["id"]), row["id"]
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


def shorter(text: str) -> str:
    for pattern, replacement in SHORTER:
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize("section", RUNNABLE, ids=lambda section: section.title)
@pytest.mark.usefixtures("home")
def test_what_a_section_says_works_in_its_order(section: Section) -> None:
    for language, text in section.snippets:
        if language == "toml":
            Path("run.toml").write_text(text)
    user = User()
    for snippet in section.snippets:
        user.follow(snippet)


def test_every_block_is_in_a_language_that_is_run() -> None:
    assert {snippet.language for snippet in SNIPPETS} <= {"", "bash", "c", "python", "toml"}


def test_every_reason_not_to_run_a_command_is_of_a_command_that_is_there() -> None:
    commands = [command for snippet in SNIPPETS for command in snippet.commands]
    for begin in NOT_RUN:
        assert any(command.startswith(begin) for command in commands), begin


def test_the_settings_are_the_defaults_but_for_the_data_set(tmp_path: Path) -> None:
    block = next(text for language, text in SNIPPETS if language == "toml" and "searcher" in text)
    (tmp_path / "run.toml").write_text(block)
    config, default = build_config(tmp_path / "run.toml", {}), RunConfig()
    assert config.dataset == "fashion-mnist"
    plain = set(RunConfig.model_fields) - {"dataset", "objectives", "training", "space_options"}
    assert config.model_dump(include=plain) == default.model_dump(include=plain)
    assert config.recipe == default.recipe
    assert config.objectives == ("fitness_error", "flops")
    space, usual = (
        create(Task("classification", (1, 28, 28), 10), options) for options in (config.space_options, {})
    )
    resolved = {"edges", "founder_edges", "operators"}
    assert space.options.model_dump(exclude=resolved) == usual.options.model_dump(exclude=resolved)
    assert vars(space)["_edges"] == vars(usual)["_edges"]
    assert space.operators == usual.operators
    assert space.sample(np.random.default_rng(0)) == usual.sample(np.random.default_rng(0))


def test_commands_and_options_named_in_sentences_exist() -> None:
    application: Any = get_command(app)
    commands: dict[str, Command] = application.commands
    options = {
        name: {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        for name, command in commands.items()
    }
    known = set().union(*options.values(), *(parameter.opts for parameter in application.params))
    known |= {f"--{name}" for name in signature(bench_trainer).parameters}
    for language, text in SNIPPETS:
        words = text.split()
        named = {word for word in words if word.startswith("--")}
        if not language and words[0] == "evonas" and len(words) > 1:
            assert named <= options[words[1]], text
        elif not language and words[0] in named:
            assert named <= known, text


def test_files_named_in_the_text_exist() -> None:
    for path in re.findall(r"\b(?:scripts|docs|tests|evonas|search_spaces)/[\w/]+\.(?:py|sh|png)\b", TEXT):
        assert (ROOT / path).is_file(), path
