"""Help: panels, nothing cut at any width, defaults that are the defaults, and -h everywhere."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from evonas.cli import search
from evonas.cli.app import app
from evonas.config import RunConfig
from evonas.run.examples import seeders_of
from evonas.training import Recipe

FRAME = "╭╮╰╯─│"


def commands(group: Any = None, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with the words that name it, the application first."""
    group = group or get_command(app)
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name) if hasattr(command, "commands") else [((*path, name), command)]


ALL = list(commands())
NAMES = [" ".join(path) or "evonas" for path, _ in ALL]


def shown(*arguments: str, width: int = 80) -> str:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": str(width), "TERMINAL_WIDTH": ""})
    assert result.exit_code == 0, result.output
    return result.stdout


def joined(text: str) -> str:
    """Without frames, and without the spaces at which lines break."""
    return re.sub(rf"[{FRAME}\s`]", "", text)


@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_h_is_help_everywhere(path: tuple[str, ...], command: Any) -> None:
    assert shown(*path, "-h") == shown(*path, "--help")


@pytest.mark.parametrize("width", [10, 24, 40, 60, 80, 100, 200])
@pytest.mark.parametrize(("path", "command"), ALL, ids=NAMES)
def test_no_width_cuts_a_name_a_text_or_a_default(path: tuple[str, ...], command: Any, width: int) -> None:
    text = shown(*path, "--help", width=width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= max(width, 20)
    lines = text.splitlines()
    alone = [line.strip(f"{FRAME} ") for line in lines]
    context = command.make_context("evonas", [], resilient_parsing=True)
    for parameter in command.get_params(context):
        name, described = parameter.get_help_record(context)
        assert joined(name) in joined(text)
        default = re.search(r"\[[^\[\]]*\]", described)
        if default and width < 60:  # names stand above their texts, which are whole then
            assert joined(described) in joined(text)
        if default and width >= 60 and " " not in default[0]:
            assert any(default[0] in line for line in alone)


@pytest.mark.parametrize(("path", "command"), ALL[1:], ids=NAMES[1:])
def test_options_stand_in_panels_by_what_they_are_about(path: tuple[str, ...], command: Any) -> None:
    panels = {p.rich_help_panel for p in command.params if p.param_type_name == "option"}
    assert panels <= {"Data", "Search", "Training", "Machine", "Choice", "Output"}
    titles = re.findall(r"╭─ (.*?) ─", shown(*path, "--help"))
    assert panels <= set(titles)
    assert "Options" in titles, "that of --help"


def test_evolve_has_all_panels_and_commands_have_theirs() -> None:
    titles = re.findall(r"╭─ (.*?) ─", shown("evolve", "--help"))
    assert titles == ["Arguments", "Search", "Data", "Training", "Machine", "Output", "Options"]
    assert {"Search", "Look", "Take away", "What there is"} <= set(re.findall(r"╭─ (.*?) ─", shown("--help")))


@pytest.mark.parametrize("name", ["evolve", "seed"])
def test_the_help_names_the_defaults_of_the_configuration(name: str) -> None:
    (command,) = (command for path, command in ALL if path == (name,))
    defaults = {**asdict(Recipe()), **RunConfig().model_dump()}
    different = {"data_root", "method", "objectives", "axes", "task", "out", "epochs", "self_distillation", "members"}
    compared = 0
    for parameter in command.params:
        bracket = re.search(r"\[([^\[\]]*)\]", getattr(parameter, "help", "") or "")
        default = defaults.get(parameter.name)
        if bracket is None or parameter.name in different or default is None:
            continue
        text = f"{default:g}" if isinstance(default, float) else str(default)
        assert bracket[1] == (text.lower() if isinstance(default, bool) else text), parameter.name
        compared += 1
    assert compared >= 4


def test_the_help_names_every_method() -> None:
    spaces = r"\b(of neurons|of cells and blocks|of blocks|of cnn|or)\b"
    named = set(re.findall(r"[a-z][\w-]*", re.sub(spaces, "", search.METHOD)))
    assert named == set(seeders_of())


def test_help_waits_for_no_slow_import() -> None:
    code = ("import sys\nfrom evonas.cli.app import app\napp(['evolve', '-h'], standalone_mode=False)\n"
            "print('LOADED', *[m for m in ('torch', 'scipy', 'pymoo', 'matplotlib') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


def test_a_wrong_option_names_the_way_to_the_help() -> None:
    result = CliRunner().invoke(app, ["evolve", "--nonsense"])
    assert result.exit_code == 2
    assert "evonas evolve --help" in result.stderr or "--help" in result.stderr
