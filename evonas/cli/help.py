"""Layout of help and lists: names with their meanings, in panels. No text is cut on a narrow terminal."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from evonas.cli.console import Console

#: Panels of entries without one.
ARGUMENTS, OPTIONS, COMMANDS = "Arguments", "Options", "Commands"
#: Characters: longest name to the left of its text, fewest for texts on the right, gap between both, and indentation of
#: texts below their names.
LONGEST_NAME, LEAST_TEXT, GAP, INDENT = 32, 36, 2, 4
#: Characters of a panel's frame, and fewest that remain of a line.
FRAME, LEAST = 4, 16


class Entry(NamedTuple):
    """Name with its meaning.

    Attributes:
        name: Name like ``--jobs <int>``.
        text: Meaning of the name.
    """

    name: str
    text: str


def wide_enough() -> Console:
    """Return a console as wide as the terminal, but at least as wide as names and texts need."""
    console = Console()
    console.width = max(console.width, LEAST + FRAME)
    return console


def print_help(command: Any, context: Any) -> None:
    """Print the help of a command or a group: usage, description, and possible arguments.

    Args:
        command: A command of typer's, which are classes of click's or of a copy of them.
        context: Its context.
    """
    console = wide_enough()
    console.print(Padding(Text(command.get_usage(context), "bold", overflow="fold"), 1))
    paragraphs = [prose(part) for part in inspect.cleandoc(command.help or "").split("\n\n")]
    console.print(Padding(Group(*_parted(paragraphs)), (0, 1, 1, 1)))
    print_panels(parameters_of(command, context), console)
    if hasattr(command, "list_commands"):
        print_panels(_commands(command, context), console)


def parameters_of(command: Any, context: Any) -> dict[str, list[Entry]]:
    """Return arguments and options of a command in their panels; arguments come first, general options last.

    Args:
        command: See :func:`print_help`.
        context: Its context.
    """
    panels: dict[str, list[Entry]] = {}
    for parameter in command.get_params(context):
        usual = ARGUMENTS if parameter.param_type_name == "argument" else OPTIONS
        if record := parameter.get_help_record(context):
            panels.setdefault(_panel(parameter, usual), []).append(Entry(*record))
    general = panels.pop(OPTIONS, [])  # like --help: they matter least
    return {ARGUMENTS: panels.pop(ARGUMENTS, []), **panels, OPTIONS: general}


def _panel(item: Any, usual: str) -> str:
    name = getattr(item, "rich_help_panel", None)
    return name if isinstance(name, str) else usual  # typer has a placeholder for no panel


def _commands(group: Any, context: Any) -> dict[str, list[Entry]]:
    panels: dict[str, list[Entry]] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        first = inspect.cleandoc(command.help or "").split("\n\n")[0]
        panels.setdefault(_panel(command, COMMANDS), []).append(Entry(name, first))
    return panels


def _parted(paragraphs: Sequence[Text]) -> Iterator[Text]:
    for i, paragraph in enumerate(paragraphs):
        if i:
            yield Text()
        yield paragraph


def print_panels(panels: Mapping[str, Sequence[Entry]], console: Console | None = None) -> None:
    """Print each panel that is not empty; texts begin at the same column in all of them."""
    console = console or wide_enough()
    room = console.width - FRAME
    lengths = [len(entry.name) for entries in panels.values() for entry in entries]
    left = max((length for length in lengths if length <= LONGEST_NAME), default=0)
    if room < left + GAP + LEAST_TEXT:
        left = INDENT - GAP
    for title, entries in panels.items():
        if entries:
            lines = [*_lines(entries, left, room, console)]
            if len(title) > room - FRAME:  # the frame would cut it
                lines, title = [*Text(title, "bold").wrap(console, room, overflow="fold"), *lines], ""
            body = Group(*lines)
            console.print(Panel(body, title=title or None, title_align="left", border_style="dim", width=room + FRAME))


def _lines(entries: Iterable[Entry], left: int, room: int, console: Console) -> Iterator[Text]:
    """Yield names on the left and texts on the right; a name longer than ``left`` characters is above its text.

    Args:
        entries: Names and texts.
        left: Width of the left column.
        room: Width of both columns.
        console: Wraps the texts.
    """
    indent = left + GAP
    for entry in entries:
        name, texts = _name(entry.name), list(prose(entry.text).wrap(console, room - indent, overflow="fold"))
        if name.cell_len > left:
            yield from name.wrap(console, room, overflow="fold")
        else:
            first = texts.pop(0) if texts else Text()
            yield Text.assemble(name, " " * (indent - name.cell_len), first)
        yield from (Text.assemble(" " * indent, text) for text in texts)


def _name(name: str) -> Text:
    """Return the name, with its values in another colour."""
    text = Text(name, "bold cyan")
    text.highlight_regex(r" (?![/-]).*", "not bold yellow")
    return text


def prose(text: str) -> Text:
    """Return a paragraph of a docstring or of a help text without markup: code is bold, defaults are dim."""
    plain = re.sub(r":\w+:`~?([^`]*)`", r"`\1`", " ".join(text.split())).replace("``", "`")
    result = Text(overflow="fold")
    for i, part in enumerate(plain.split("`")):
        result.append(part, "bold" if i % 2 else "")
    result.highlight_regex(r"\[[^\[\]]+\]", "dim")
    return result
