"""The commands and snippets of README and ``docs`` work as they stand there, one after the other in an empty folder.

Only numbers that decide how long it takes are made smaller (``SHORTER``); ``NOT_RUN`` says what is not run, and why.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click import Command
from documented import NOT_RUN, PAGES, README, ROOT, Section, User, sections, text_of
from typer.main import get_command

from evonas.cli.app import app
from evonas.config import RunConfig, build_config
from evonas.run.plugins import installed
from evonas.types import Task
from scripts.benchmarks.tables.__main__ import main as bench_tables
from scripts.benchmarks.trainer.command import main as bench_trainer
from search_spaces.neuron.space import create

N_TRAIN, N_TEST = 60, 10
SECTIONS = [section for page in PAGES for section in sections(page)]
SNIPPETS = [snippet for section in SECTIONS for snippet in section.snippets]
RUNNABLE = [section for section in SECTIONS if any(snippet.is_run for snippet in section.snippets)]


def idx(array: np.ndarray) -> bytes:
    header = (0x0800 + array.ndim).to_bytes(4, "big") + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working folder that is also the user's home, with two small data sets where the pages have them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
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
    yield
    installed.cache_clear()  # of packages that a page has made
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("section", RUNNABLE, ids=lambda section: section.title)
@pytest.mark.usefixtures("home")
def test_what_a_section_says_works_in_its_order(section: Section) -> None:
    if reason := section.missing:
        pytest.skip(reason)
    for language, text, file in section.snippets:
        if language == "toml" and not file:
            Path("run.toml").write_text(text)
    user = User()
    for snippet in section.snippets:
        user.follow(snippet)


def test_every_block_is_in_a_language_that_is_run() -> None:
    assert {snippet.language for snippet in SNIPPETS} <= {"", "bash", "c", "python", "toml", "text"}


def test_every_reason_not_to_run_a_command_is_of_a_command_that_is_there() -> None:
    commands = [command for snippet in SNIPPETS for command in snippet.commands]
    for begin in NOT_RUN:
        assert any(command.startswith(begin) for command in commands), begin


def test_the_settings_are_the_defaults_but_for_the_data_set(tmp_path: Path) -> None:
    block = next(snippet.text for snippet in SNIPPETS if snippet.language == "toml" and "searcher" in snippet.text)
    (tmp_path / "run.toml").write_text(block)
    config, default = build_config(tmp_path / "run.toml", {}), RunConfig()
    assert config.dataset == "fashion-mnist"
    plain = set(RunConfig.model_fields) - {"dataset", "objectives", "training", "space_options"}
    assert config.model_dump(include=plain) == default.model_dump(include=plain)
    assert config.recipe == default.recipe
    assert config.objectives == ("trainval_error", "flops")
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
    known |= {f"--{name}" for bench in (bench_trainer, bench_tables) for name in signature(bench).parameters}
    for language, text, _ in SNIPPETS:
        words = text.split()
        named = {word for word in words if word.startswith("--")}
        if not language and words[0] == "evonas" and len(words) > 1 and words[1] != "-h":
            assert named <= options[words[1]], text
        elif not language and words[0] in named:
            assert named <= known, text


def test_files_and_folders_named_in_the_text_exist() -> None:
    for page in PAGES:
        text = text_of(page)
        named = re.findall(r"\b(?:scripts|docs|tests|evonas|search_spaces)/[\w/]+\.(?:py|sh|png)\b", text)
        named += re.findall(r"`((?:scripts|docs|tests|evonas|search_spaces|runs/benchmarks)/?[\w/.-]*/[\w.-]*)`", text)
        for path in named:
            assert (ROOT / path).exists(), f"{page}: {path}"


def test_links_of_the_readme_lead_somewhere_and_it_is_short() -> None:
    text = README.read_text()
    links = re.findall(r"\]\(([^)#]+)", text)
    assert links
    for link in links:
        assert (ROOT / link).is_file(), link
    assert len(text.splitlines()) <= 150
