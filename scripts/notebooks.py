"""Executes the notebooks of the documentation: ``python -m scripts.notebooks`` all, with names only those.

The source of a notebook is a Python file in percent format in ``scripts/examples/notebooks``, where a change can be
read. Its executed cells are stored in ``docs/notebooks``, without paths, times and other noise of an execution.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "scripts" / "examples" / "notebooks"
EXECUTED = ROOT / "docs" / "notebooks"
#: Seconds that a cell may take on a busy machine.
PATIENCE = 600
#: Pictures in outputs, in which letters mean nothing.
PICTURE = re.compile(r"data:image/png;base64,[\w+/=]*")
#: Colours of a terminal, which kernels ask commands for.
COLOUR = re.compile(r"\x1b\[[\d;]*m")
#: Absolute paths, addresses in memory, and other codes of a terminal.
NOISE = re.compile(r"(?<![\w<:./])(?:/[\w.-]+/|[A-Z]:\\)|\b0x[0-9a-f]{6,}\b|\x1b\[")


class Cell(NamedTuple):
    """A part of a source: ``kind`` is ``"markdown"`` or ``"code"``."""

    kind: str
    text: str


def cells_of(source: str) -> list[Cell]:
    """The cells of a text in percent format: each begins with a line ``# %%``, one of prose with ``# %% [markdown]``.

    Raises:
        ValueError: The text begins with something else, or a line of prose is no comment.
    """
    before, *parts = re.split(r"^# %%(.*)\n", source, flags=re.MULTILINE)
    if before.strip():
        raise ValueError(f"expected a line '# %%' first, got {before.splitlines()[0]!r}: begin with a cell")
    cells = []
    for head, text in zip(parts[::2], parts[1::2], strict=True):
        is_prose = head.strip() == "[markdown]"
        lines = list(_prose(text)) if is_prose else text.splitlines()
        cells.append(Cell("markdown" if is_prose else "code", "\n".join(lines).strip("\n")))
    return cells


def _prose(text: str) -> Iterator[str]:
    for line in text.strip("\n").splitlines():
        if not line.startswith("#"):
            raise ValueError(f"expected prose in comments after '# %% [markdown]', got {line!r}: begin it with '# '")
        yield line[1:].removeprefix(" ")


def source_of(name: str) -> Path:
    """The source of a notebook, which is called as that is, with ``_`` for ``-``."""
    return SOURCES / f"{name.replace('-', '_')}.py"


def names() -> list[str]:
    """Every notebook that has a source."""
    return sorted(path.stem.replace("_", "-") for path in SOURCES.glob("*.py"))


def outputs_in_text(outputs: Iterable[Any]) -> Iterator[str]:
    """Text of all outputs; pictures are left out."""
    for output in outputs:
        for kind, text in {"text": output.get("text", ""), **output.get("data", {})}.items():
            if not kind.startswith("image/"):
                yield PICTURE.sub("", "".join(text))


def clean(outputs: Iterable[Any]) -> list[Any]:
    """Outputs without colours, what was printed in pieces in one piece.

    Raises:
        ValueError: An output is an error or a warning, or has in it what differs from one machine to the next.
    """
    kept: list[Any] = []
    for output in outputs:
        if output["output_type"] == "error" or output.get("name") == "stderr":
            raise ValueError(f"expected no error and no warning, got {output.get('text') or output['ename']!r}: mend "
                             f"the cell")
        if output["output_type"] == "stream":
            output["text"] = COLOUR.sub("", "".join(output["text"]))
            if kept and kept[-1]["output_type"] == "stream":
                kept[-1]["text"] += output["text"]
                continue
        kept.append(output)
    for text in outputs_in_text(kept):
        if noise := NOISE.search(text):
            around = text[max(noise.start() - 40, 0) : noise.end() + 40]
            raise ValueError(f"expected outputs that are the same on every machine, got {around!r}: print less")
    return kept


def execute(name: str) -> None:
    """Run a notebook in an empty folder, and store it.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell fails.
        ValueError: As of :func:`cells_of` and :func:`clean`.
    """
    import nbformat
    from nbclient import NotebookClient

    make = {"markdown": nbformat.v4.new_markdown_cell, "code": nbformat.v4.new_code_cell}
    cells = [
        make[cell.kind](cell.text, id=f"cell-{number}")
        for number, cell in enumerate(cells_of(source_of(name).read_text()))
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=PATIENCE, record_timing=False, resources={"metadata": {"path": folder}}
        ).execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = clean(cell.outputs)
    nbformat.validate(notebook)
    EXECUTED.mkdir(exist_ok=True)
    (EXECUTED / f"{name}.ipynb").write_text(nbformat.writes(notebook) + "\n")


def main(asked: list[str]) -> None:
    """Execute the notebooks that are named, or all."""
    if unknown := set(asked) - set(names()):
        raise SystemExit(f"unknown notebook {', '.join(sorted(unknown))}: expected any of {', '.join(names())}")
    for name in asked or names():
        execute(name)
        print(f"wrote {(EXECUTED / name).relative_to(ROOT)}.ipynb")


if __name__ == "__main__":
    main(sys.argv[1:])
