"""The notebooks of the documentation were executed from their sources as these are now, and use what there is."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import evonas
from evonas.cli.app import app
from evonas.config import RunConfig
from scripts import notebooks, site_hook

ROOT = Path(__file__).parents[2]
NAMES = notebooks.names()
#: Packages that a user of a notebook has, beside the standard library.
INSTALLED = {"evonas", "IPython", "matplotlib", "numpy", "pandas", "sklearn"}
#: What calls of the public API give.
GIVEN: dict[str, type] = {"EvoClassifier": evonas.EvoClassifier, "Run": evonas.Run, "evolve": evonas.Run}


def stored(name: str) -> dict[str, Any]:
    """A notebook as it is on disk."""
    found: dict[str, Any] = json.loads((notebooks.EXECUTED / f"{name}.ipynb").read_text())
    return found


def code_cells(name: str) -> list[dict[str, Any]]:
    """Those that were executed, with what they printed in one piece."""
    cells = [cell for cell in stored(name)["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        cell["outputs"] = [o | {"text": "".join(o["text"])} if "text" in o else o for o in cell["outputs"]]
    return cells


def outputs(name: str) -> list[dict[str, Any]]:
    return [output for cell in code_cells(name) for output in cell["outputs"]]


def tree(name: str) -> ast.Module:
    """The code of a notebook."""
    return ast.parse("\n".join("".join(cell["source"]) for cell in code_cells(name)))


def calls(code: ast.AST) -> Iterator[tuple[Any, str, ast.Call]]:
    """Attributes that are used of the public API and of what it gave: their owner, their name, and where they are
    called."""
    given = {
        target.id: GIVEN[node.value.func.attr]
        for node in ast.walk(code) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute) and ast.unparse(node.value.func.value) == "evonas"
        for target in node.targets if isinstance(target, ast.Name)
    }
    for node in ast.walk(code):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            text = ast.unparse(node.func.value)
            if text == "evonas" or text in given:
                yield evonas if text == "evonas" else given[text], node.func.attr, node
            elif isinstance(node.func.value, ast.Call) and ast.unparse(node.func.value.func) == "evonas.Run":
                yield evonas.Run, node.func.attr, node


def check_calls(code: ast.AST) -> int:
    """How many calls of the public API there are; fails where one names what is not there."""
    found = list(calls(code))
    for owner, name, node in found:
        assert owner is not evonas or name in evonas.__all__, f"evonas.{name} is not public"
        function = getattr(owner, name)
        taken = list(inspect.signature(function).parameters.values())
        keywords = {keyword.arg for keyword in node.keywords}
        known = {parameter.name for parameter in taken}
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken):
            known |= set(RunConfig.model_fields)
        assert keywords <= known, f"{name} takes no {keywords - known}"
    return len(found)


def test_every_source_has_a_notebook_a_page_and_a_link() -> None:
    assert NAMES
    assert sorted(path.stem for path in notebooks.EXECUTED.glob("*.ipynb")) == NAMES
    for name in NAMES:
        page = f"notebooks/{name}.md"
        assert f"generated: notebook {name} " in (ROOT / "docs" / page).read_text()
        assert page in (ROOT / "mkdocs.yml").read_text()
        assert f"({page})" in (ROOT / "docs" / "index.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_its_source(name: str) -> None:
    cells = [notebooks.Cell(cell["cell_type"], "".join(cell["source"])) for cell in stored(name)["cells"]]
    assert cells == notebooks.cells_of(notebooks.source_of(name).read_text()), (
        "execute it anew: python -m scripts.notebooks"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_and_was_executed_in_order_without_an_error(name: str) -> None:
    notebook = stored(name)
    assert notebook["nbformat"] == 4
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    cells = notebook["cells"]
    assert [cell["id"] for cell in cells] == [f"cell-{number}" for number in range(len(cells))]
    for cell in cells:
        extra = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | extra
        assert not cell["metadata"]
    numbers = [cell["execution_count"] for cell in code_cells(name)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {output["output_type"] for output in outputs(name)} <= {"stream", "display_data", "execute_result"}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_pictures_and_numbers_that_are_of_no_machine(name: str) -> None:
    for cell in code_cells(name):
        assert notebooks.clean(copy.deepcopy(cell["outputs"])) == cell["outputs"]
    assert any("image/png" in output.get("data", {}) for output in outputs(name))
    assert any(output["output_type"] == "stream" for output in outputs(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_imports_what_a_user_has(name: str) -> None:
    for node in ast.walk(tree(name)):
        imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
        for each in imported:
            assert each.partition(".")[0] in INSTALLED | set(sys.stdlib_module_names), each
            assert each == "evonas" or not each.startswith("evonas."), f"{each} is no part of the public API"


@pytest.mark.parametrize("name", NAMES)
def test_what_a_notebook_calls_exists_and_takes_these_arguments(name: str) -> None:
    assert check_calls(tree(name)) >= 2


@pytest.mark.parametrize("name", NAMES)
def test_options_of_commands_in_a_notebook_exist(name: str) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    words = [node.value for node in ast.walk(tree(name)) if isinstance(node, ast.Constant)]
    named = [commands[word] for word in words if isinstance(word, str) and word in commands]
    options = {option for command in named for parameter in command.params for option in parameter.opts}
    assert {word for word in words if isinstance(word, str) and word.startswith("--")} <= options


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_notebook_has_its_prose_code_and_outputs(name: str) -> None:
    page, cells = site_hook.notebook(name), stored(name)["cells"]
    for cell in cells:
        assert "".join(cell["source"]) in page
    shown = page.count('<div class="output">') + page.count('<img class="output"') + page.count("{ .text .output }")
    assert shown == len(outputs(name))
    assert "<style" not in page


@pytest.mark.parametrize("line", [
    "evonas.search('digits')", "evonas.evolve('digits', out='x', generation=3)", "evonas.Run('x').fronts()",
    "run = evonas.evolve('digits', out='x')\nrun.export('x')",
    "model = evonas.EvoClassifier()\nmodel.fit(x, y, time=3)",
])
def test_a_call_of_what_is_not_there_is_found(line: str) -> None:
    with pytest.raises((AssertionError, AttributeError)):
        check_calls(ast.parse(line))


def test_a_source_in_percent_format_is_read_cell_by_cell() -> None:
    prose = "# %% [markdown]\n# # Title\n#\n# - one\n#   two\n\n"
    source = prose + '# %%\n\nx = 1\n\n\ndef f():\n    """# %%"""\n\n# %%\nf()\n'
    assert notebooks.cells_of(source) == [
        ("markdown", "# Title\n\n- one\n  two"), ("code", 'x = 1\n\n\ndef f():\n    """# %%"""'), ("code", "f()"),
    ]


@pytest.mark.parametrize("source", ["import x\n# %%\n", "# %% [markdown]\nx = 1\n"])
def test_a_source_that_is_not_in_percent_format_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=r"expected .* got .*: begin"):
        notebooks.cells_of(source)


def test_what_was_printed_in_pieces_is_one_output_without_colours() -> None:
    pieces = [{"output_type": "stream", "name": "stdout", "text": text} for text in ("\x1b[1ma\x1b[0m\n", "b\n")]
    assert notebooks.clean(pieces) == [{"output_type": "stream", "name": "stdout", "text": "a\nb\n"}]


@pytest.mark.parametrize("text", [
    "wrote /home/me/runs/digits", "C:\\Users\\me", "<object at 0x7f00deadbeef>", "\x1b[2Kerased", "('/srv/x/y',)",
])
def test_an_output_of_one_machine_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the same on every machine"):
        notebooks.clean([{"output_type": "stream", "name": "stdout", "text": text}])


@pytest.mark.parametrize("text", ["runs/digits/x", "</td><td>", "8/10", "https://doi.org/10.1/2", "a / b"])
def test_relative_paths_addresses_and_fractions_are_kept(text: str) -> None:
    notebooks.clean([{"output_type": "execute_result", "data": {"text/html": text}}])


@pytest.mark.parametrize("output", [
    {"output_type": "stream", "name": "stderr", "text": "a warning"},
    {"output_type": "error", "ename": "KeyError", "evalue": "", "traceback": []},
])
def test_a_warning_or_an_error_is_refused(output: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no error and no warning"):
        notebooks.clean([output])
