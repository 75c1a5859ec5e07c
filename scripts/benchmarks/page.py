"""Tables and plots of stored results for a page: python -m scripts.benchmarks.page

Where the page has ``<!-- NAME -->`` and ``<!-- end of NAME -->``, what is between them is replaced by the table of the
stored results of that name, and its plot is copied beside the page. Parts without stored results stay as they are.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import typer

from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.serialization.files import atomic_write
from evonas.types import UserError
from scripts.benchmarks.blocks.results import markdown as blocks
from scripts.benchmarks.cells.lab import markdown as cells
from scripts.benchmarks.front.table import markdown as front
from scripts.benchmarks.microcontroller.table import markdown as microcontroller
from scripts.benchmarks.proxies.report import markdown as proxies
from scripts.benchmarks.searchers.report import markdown as searchers


class Part(NamedTuple):
    """A table of a page.

    Attributes:
        stem: Name of its results, without suffix.
        markdown: Makes the table of the stored document.
        plot: Description of its plot, if it has one.
    """

    stem: str
    markdown: Callable[[Any], str]
    plot: str = ""


#: By the name in the page.
PARTS: Mapping[str, Part] = MappingProxyType({
    "searchers": Part("searchers-cifar10", searchers, "What searchers have found after each number of queries"),
    "proxies": Part("proxies", proxies, "Rank of the accuracy over the rank of each proxy"),
    "blocks": Part("blocks", blocks, "Accuracy from scratch over the accuracy with shared weights"),
    "kappa": Part("cells-kappa", cells, "Accuracy over parameters for each penalty and setting"),
    "collapse": Part("cells-collapse", cells, "Edges that prefer the skip along the search"),
    "microcontroller-fashion-mnist": Part("microcontroller-fashion-mnist", microcontroller),
    "microcontroller-mnist": Part("microcontroller-mnist", microcontroller),
    "front-searchers": Part("fashion-mnist-searchers", front, "Fronts on validation at equal time"),
})


def filled(text: str, name: str, content: str) -> str:
    """Return a page with other content between the marks of a name.

    Args:
        text: The page.
        name: Name of the part.
        content: What is to stand there.

    Raises:
        UserError: The page has no such marks, or has them twice.
    """
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(first)}.*?{re.escape(last)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise UserError(f"expected a part between {first} and {last}, once, got {len(pattern.findall(text))}")
    return pattern.sub(lambda _: f"{first}\n\n{content.strip()}\n\n{last}", text)


@exit_codes()
def main(
    page: Annotated[Path, typer.Option(help="The page.")] = Path("docs/methods-benchmarks.md"),
    results: Annotated[Path, typer.Option(help="Folder of the stored results.")] = Path("runs/benchmarks"),
) -> None:
    """Bring the tables of stored results into the page."""
    if not page.is_file():
        raise UserError(f"expected a page, got {page}: name it with --page")
    text = page.read_text()
    for name, part in PARTS.items():
        stored = results / f"{part.stem}.json"
        if not stored.exists():
            say(f"{name}: {stored} is not there")
            continue
        content = part.markdown(json.loads(stored.read_bytes()))
        plot = stored.with_suffix(".png")
        if plot.exists():
            copied = page.with_name(f"methods-{name}.png")
            shutil.copyfile(plot, copied)
            content = f"{content}\n![{part.plot}]({copied.name})\n"
        text = filled(text, name, content)
        say(f"{name}: from {stored}")
    atomic_write(page, text.encode())


if __name__ == "__main__":
    typer.run(main)
