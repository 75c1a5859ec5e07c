"""Parts of the pages of ``docs/`` for mkdocs: reference of commands, settings and metrics, a map of the packages, and
notebooks.

A page asks for a part by a line ``<!-- generated: NAME ARGUMENT -->``. Everything is drawn from the commands, models,
dataclasses and docstrings themselves, so that none of it is typed twice.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: Line that asks for a generated part, with its name and argument.
ASKED = re.compile(r"^<!-- generated: (\w+) ?(.*?) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return the text of a page with the generated parts in their places; called by mkdocs for each page."""
    return ASKED.sub(lambda match: GENERATED[match[1]](*match[2].split()), markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Return a page without the Sphinx markup of docstrings; mkdocs calls this for each page.

    The markup is roles like ``:class:``, and ``::``.
    """
    return re.sub(r":(?:attr|class|data|func|meth|mod):(?=<code>)", "", html).replace("::</p>", ":</p>")


def command_line() -> str:
    """Return every command: usage, description, and its arguments and options by panel."""
    from typer.main import get_command

    from evonas.cli.app import app

    return "\n\n".join(_commands(get_command(app), "evonas", None))


def _commands(command: Any, name: str, parent: Any) -> Iterator[str]:
    """Yield a command, and those of a group, each with its path as the heading.

    Args:
        command: The command.
        name: Its path.
        parent: Context of the group.
    """
    from evonas.cli.help import parameters_of

    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    usage = " ".join(command.get_usage(context).removeprefix("Usage:").split())
    yield f"## {context.command_path}"
    yield f"```text\n{usage}\n```"
    yield "\n\n".join(plain(part) for part in (command.help or "").split("\n\n"))
    for panel, entries in parameters_of(command, context).items():
        if entries:
            rows = [(code(entry.name), plain(entry.text)) for entry in entries]
            yield table((panel, ""), rows)
    for each in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _commands(command.get_command(context, each), each, context)


def settings(name: str) -> str:
    """Return the fields of one class of settings, named by its path like ``evonas.config.RunConfig``."""
    from importlib import import_module

    from evonas.capabilities.option_models import describe_options

    module, _, kind = name.rpartition(".")
    return _options(describe_options(getattr(import_module(module), kind)))


def spaces() -> str:
    """Return the options, operators and seeders of every installed space."""
    from evonas.capabilities.option_models import describe_options
    from evonas.run.examples import example_of
    from evonas.run.initialization import seeder_names
    from evonas.run.plugins import available_spaces

    parts = []
    for name in sorted(available_spaces(), reverse=True):
        example = example_of(name)
        weights = ", ".join(f"`{operator}` {weight:g}" for operator, weight in example.space.operators.items())
        seeders = ", ".join(f"`{seeder}`" for seeder in seeder_names(example.space))
        parts += [
            f"### The space `{name}`", _options(describe_options(type(example.space.options))),
            f"Operators and their weights, for {example.samples}: {weights}.", f"Methods of `evonas seed`: {seeders}.",
        ]
    return "\n\n".join(parts)


def searcher_options() -> str:
    """Return the options of every searcher that has any."""
    from evonas.capabilities.option_models import describe_options
    from evonas.run.plugins import find_searcher, searcher_names
    from evonas.search import traits_of

    kinds = {name: traits_of(find_searcher(name)).settings for name in searcher_names()}
    return "\n\n".join(f"### The searcher `{name}`\n\n{_options(describe_options(kind))}"
                       for name, kind in kinds.items() if kind is not None)


def search_options() -> str:
    """Return the options of a search for a whole family, by its method."""
    from evonas.capabilities.family import FamilySearchable
    from evonas.capabilities.option_models import describe_options
    from evonas.run.examples import example_of
    from evonas.run.plugins import available_spaces
    from evonas.supernet.settings import METHODS

    kinds: dict[str, Any] = dict(METHODS)
    for name in sorted(available_spaces()):
        space = example_of(name).space
        if isinstance(space, FamilySearchable):
            kinds |= {method: type(search.settings) for method, search in space.family_searches.items()}
    return "\n\n".join(f"### `{name}`\n\n{_options(describe_options(kind))}" for name, kind in kinds.items())


def former_names() -> str:
    """Return the names that have changed, by what they are."""
    from evonas.serialization import renamed

    kinds = {
        "setting": renamed.SETTINGS, "value": {k: v for names in renamed.VALUES.values() for k, v in names.items()},
        "field of the training": renamed.TRAINING, "metric": renamed.METRICS, "column": renamed.COLUMNS,
        "option of `evonas seed`": {f"--{k}": f"--{v.replace('_', '-')}" for k, v in renamed.OPTIONS.items()},
        **{f"mutation of the space `{space}`": names for space, names in renamed.OPERATORS.items()},
    }
    rows = [(code(old), code(new), kind) for kind, names in kinds.items() for old, new in names.items()]
    return table(("former name", "name", "what it is"), rows)


def presets() -> str:
    """Return the settings of the preset ``published``, by space and method, with the paper."""
    from evonas.capabilities.option_models import value_text
    from evonas.capabilities.presets import flat
    from evonas.run.examples import example_of
    from evonas.run.plugins import available_spaces
    from evonas.run.presets import presets_of

    rows: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(available_spaces(), reverse=True):
        for method, preset in presets_of(example_of(name).space).items():
            paper = f"[{plain(preset.paper)}]({preset.link})" if preset.link else plain(preset.paper)
            values = flat(preset.settings)
            if preset.validation_share is not None:
                values["validation share"] = preset.validation_share
            told = ", ".join(code(f"{key} = {value_text(value)}") for key, value in values.items())
            row = (code(method), paper, told, plain(" ".join(preset.remarks)))
            rows.setdefault(row, []).append(code(name))
    found = [(method, ", ".join(names), *others) for (method, *others), names in rows.items()]
    return table(("method", "space", "paper", "what it sets", "remarks"), found)


def _options(options: Iterable[Any]) -> str:
    rows = [(code(o.name), code(o.takes), code(o.default), plain(o.text)) for o in options]
    return table(("name", "takes", "default", "what it does"), rows)


def metrics(suffix: str = "") -> str:
    """Return every metric, or with a suffix like ``@TARGET`` those on targets, with goal, unit and place."""
    from evonas.objectives.metrics import METRICS, ON_TARGET

    known = {f"{kind}{suffix}": metric for kind, metric in ON_TARGET.items()} if suffix else METRICS
    rows = [(code(name), plain(m.text), m.goal, plain(m.unit), plain(m.place)) for name, m in known.items()]
    return table(("name", "what it is", "goal", "unit", "measured"), rows)


def api() -> str:
    """Return all names that ``import evonas`` offers, documented by mkdocstrings."""
    import evonas

    return "\n\n".join(f"::: {evonas._MODULES[name]}.{name}" for name in evonas.__all__ if name in evonas._MODULES)


def laws(contract: str) -> str:
    """Return the laws of a contract, a class of a module of ``evonas.testing``: the names of its tests as sentences."""
    module, _, name = contract.partition(".")
    tree = ast.parse((ROOT / "evonas" / "testing" / f"{module}.py").read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    tests = [node.name.removeprefix("test_") for node in found.body
             if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return "\n".join(["Its laws, each a test of the class:", "", *(f"- {test.replace('_', ' ')}" for test in tests)])


def layers() -> str:
    """Return the packages of the engine from the highest to the lowest, each with the summary of its docstring."""
    (order,) = (contract["layers"] for contract in _contracts() if contract["type"] == "layers")
    rows = [
        (str(len(order) - place), code(f"evonas/{name}"), first_sentence(ROOT / "evonas" / name))
        for place, layer in enumerate(order) for name in layer.split(" | ")
    ]
    return table(("floor", "package or module", "what is in it"), rows)


def contracts() -> str:
    """Return the rules for the imports of the packages."""
    return "\n".join(f"- {contract['name']}." for contract in _contracts())


def _contracts() -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    return found


def modules(package: str) -> str:
    """Return the modules and packages directly in a package, each with the summary of its docstring."""
    places = sorted(
        place for place in (ROOT / package).iterdir()
        if not place.name.startswith("__") and (place.suffix == ".py" or (place / "__init__.py").is_file())
    )
    return table(
        ("module", "what is in it"),
        [(code(place.relative_to(ROOT).as_posix()), first_sentence(place.with_suffix(""))) for place in places],
    )


def importers(name: str) -> str:
    """Return packages with the modules that import something when they are used, not only for the names of types."""
    found: dict[str, list[str]] = {}
    for package in ("evonas", "search_spaces"):
        for source in sorted((ROOT / package).rglob("*.py")):
            if name in _imports(ast.parse(source.read_text()).body):
                found.setdefault(source.parent.relative_to(ROOT).as_posix(), []).append(code(source.stem))
    return table(("package", "modules"), [(code(package), ", ".join(names)) for package, names in found.items()])


def _imports(body: Iterable[ast.stmt]) -> set[str]:
    """Return the first names of the modules that statements import, without those for type checkers."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            continue
        for node in ast.walk(statement):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found |= {name.partition(".")[0] for name in names}
    return found


def notebook(name: str) -> str:
    """The cells of a notebook in ``docs/notebooks``, each with what it gave when it was executed."""
    cells = json.loads((ROOT / "docs" / "notebooks" / f"{name}.ipynb").read_text())["cells"]
    return "\n\n".join(part for cell in cells for part in _shown(cell))


def _shown(cell: dict[str, Any]) -> Iterator[str]:
    """A cell in Markdown. HTML loses the style that pandas gives its tables, so that they look like all others."""
    text = "".join(cell["source"])
    yield text if cell["cell_type"] == "markdown" else f"````python\n{text}\n````"
    for output in cell.get("outputs", ()):
        data = {kind: "".join(lines) for kind, lines in output.get("data", {"text/plain": output.get("text")}).items()}
        if "text/html" in data:
            html = re.sub(r'<style.*?</style>| border="1" class="dataframe"', "", data["text/html"], flags=re.DOTALL)
            yield f'<div class="output">\n{html}\n</div>'
        elif "image/png" in data:
            picture = "".join(data["image/png"].split())
            alt = output["metadata"].get("image/png", {}).get("alt", "plot")
            yield f'<img class="output" alt="{escape(alt)}" src="data:image/png;base64,{picture}">'
        else:
            yield f"```` {{ .text .output }}\n{data['text/plain'].rstrip()}\n````"


def first_sentence(place: Path) -> str:
    """Return the first paragraph of the docstring of a module or a package, whose path has no suffix."""
    source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    return plain(docstring.split("\n\n")[0])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Return text as code in a cell; empty text stays empty. Bars are escaped, since they would end the cell."""
    return f"<code>{escape(text).replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`" if text else ""


def plain(text: str) -> str:
    """Return the prose of a docstring or of a help text as Markdown in one line, without roles."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*_\[\]|])", r"\\\1", escape(part, quote=False)) for part in parts[::2]]
    parts[1::2] = [code(part) for part in parts[1::2]]
    return "".join(parts)


#: Parts by the name that a page uses.
GENERATED: dict[str, Callable[..., str]] = {
    part.__name__: part
    for part in (
        command_line, settings, spaces, searcher_options, search_options, former_names, presets, metrics, api, laws,
        layers, contracts, modules, importers, notebook,
    )
}
