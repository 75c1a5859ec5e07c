"""The reference of the site is drawn from what there is, and has all of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from evonas.cli.app import app
from evonas.config import RunConfig
from evonas.objectives.metrics import METRICS, ON_TARGET
from evonas.run.examples import example_of
from evonas.run.plugins import available_spaces
from evonas.runtimes.targets import Target
from evonas.supernet.settings import METHODS
from evonas.training import Pruning, Recipe, Regrowth
from scripts import site_hook

DOCS = Path(__file__).parents[2] / "docs"
#: What each page asks for, with its argument.
ASKED = [(page.relative_to(DOCS).as_posix(), *match) for page in sorted(DOCS.rglob("*.md"))
         for match in site_hook.ASKED.findall(page.read_text())]


def names(table: str) -> list[str]:
    """The first cells of the rows of a table."""
    return re.findall(r"^\| `([^` ]+)", table, re.MULTILINE)


@pytest.mark.parametrize(("page", "part", "argument"), ASKED)
def test_every_part_that_a_page_asks_for_is_generated(page: str, part: str, argument: str) -> None:
    text = site_hook.on_page_markdown(f"before\n\n<!-- generated: {f'{part} {argument}'.strip()} -->\n\nafter")
    assert text.startswith("before")
    assert text.endswith("after")
    assert len(text) > 100
    assert "generated:" not in text


def test_every_part_is_asked_for() -> None:
    assert {part for _, part, _ in ASKED} == set(site_hook.GENERATED)


def test_every_law_of_the_contracts_is_there() -> None:
    page = (DOCS / "reference" / "testing.md").read_text()
    text = site_hook.on_page_markdown(page)
    for module in (site_hook.ROOT / "evonas" / "testing").glob("*_contract.py"):
        for law in re.findall(r"def test_(\w+)", module.read_text()):
            assert f"- {law.replace('_', ' ')}\n" in text, law
        for name in re.findall(r"^class (\w+)\(\w*Contract\)", module.read_text(), re.MULTILINE):
            assert f"::: evonas.testing.{module.stem}.{name}\n" in page, name


def test_every_command_is_there_with_every_option() -> None:
    text = site_hook.command_line()
    commands = dict(get_command(app).commands)  # type: ignore[attr-defined]
    commands |= {f"datasets {name}": command for name, command in commands["datasets"].commands.items()}
    for name, command in commands.items():
        _, _, section = text.partition(f"## evonas {name}\n")
        section = section.partition("\n## ")[0]
        assert section, name
        for parameter in command.params:
            assert all(option in section for option in parameter.opts if option.startswith("--")), (name, parameter)


@pytest.mark.parametrize("kind", [
    RunConfig, Target, Recipe, Pruning, Regrowth, *METHODS.values(),
    *(type(example_of(name).space.options) for name in available_spaces()),
])
def test_every_setting_is_there_with_what_it_does(kind: type) -> None:
    text = site_hook.settings(f"{kind.__module__}.{kind.__qualname__}")
    assert names(text) == list(getattr(kind, "model_fields", None) or kind.__dataclass_fields__)
    for row in text.splitlines()[2:]:
        cells = re.split(r"(?<!\\)\|", row)
        assert cells[4].strip(), f"{kind.__name__}: {row}"


def test_every_metric_is_there() -> None:
    assert names(site_hook.metrics()) == list(METRICS)
    assert names(site_hook.metrics("@TARGET")) == [f"{kind}@TARGET" for kind in ON_TARGET]


def test_prose_loses_its_roles_and_cannot_break_a_table() -> None:
    prose = "See :class:`a.B`,\n ``x|y``  or [none] <b>."
    assert site_hook.plain(prose) == r"See `a.B`, <code>x&#124;y</code> or \[none\] &lt;b&gt;."


def test_modules_that_import_something_for_types_only_are_no_importers() -> None:
    text = site_hook.importers("torch")
    assert "`module`" in text
    assert "`evonas/search`" not in text
