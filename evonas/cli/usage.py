"""Wrong usage of the command line in one sentence: what was given, what was expected, and where more is said."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import typer

from evonas.cli.console import print_stderr
from evonas.types import nearest

#: Error of typer for wrong usage: a class of click, of which newer versions bring a copy of their own.
USAGE_ERROR = next(
    kind for kind in typer.BadParameter.__mro__ if issubclass(kind, Exception) and kind.__name__ == "ClickException"
)
#: Its exit code.
WRONG_USAGE = 2
#: Names of values by their type.
KINDS = {int: "a whole number", float: "a number", bool: "true or false"}
#: Beginning of a message of click that tells a value.
_TOLD = re.compile(r"^(?P<value>.+?) is not (?:a valid|in the range)")
#: Message of click about a command that does not exist.
_NO_COMMAND = re.compile(r"^no such command '(.*?)'")
#: Characters of a value that are told.
MOST_TOLD = 80


@contextmanager
def usage_in_a_sentence(context: Any = None) -> Iterator[None]:
    """Turns what typer raises for wrong usage, and would print in a box, into a sentence and an exit code.

    Args:
        context: Context of the application, for errors that have none themselves.
    """
    try:
        yield
    except USAGE_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # newer versions print the help by it
            raise
        with suppress(OSError):  # the terminal may have been closed
            print_stderr(f"error: {usage_sentence(error, context)}")
        raise typer.Exit(WRONG_USAGE) from None


def usage_sentence(error: Any, outer: Any = None) -> str:
    """Sentence with what was wrong, what was expected, and the command that says more.

    Args:
        error: Instance of :data:`USAGE_ERROR`.
        outer: The context of the application, for errors that have none themselves.
    """
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    wrong = _misspelled(error, context) if parameter is None or context is None else _bad_value(error, parameter)
    path = _path(context, outer)
    if path is None:
        return wrong
    return f"{wrong}{'' if wrong.endswith('?') else ';'} `{path} --help` says what there is"


def _path(context: Any, outer: Any) -> str | None:
    """The command that an error is about, as far as that is known."""
    if context is not None:
        return str(context.command_path)
    if outer is None:
        return None
    return " ".join([outer.command_path, *([outer.invoked_subcommand] if outer.invoked_subcommand else [])])


def _bad_value(error: Any, parameter: Any) -> str:
    """Message for a parameter without a value, or with a wrong one."""
    name = parameter.opts[0] if parameter.param_type_name == "option" else (parameter.metavar or parameter.name).upper()
    expected = _expected(error.ctx.command, parameter.name)
    if type(error).__name__ == "MissingParameter":
        return f"{name}: expected {expected or 'a value'}, got none"
    if expected is None:
        return f"{name}: {' '.join(str(error.message).split()).rstrip('.')}"
    return f"{name}: expected {expected}, got {_got(error)}"


def _misspelled(error: Any, context: Any) -> str:
    """Message for an option or a command that does not exist, with the one that is near; else that of typer."""
    said = " ".join(str(error.message).split()).rstrip(".")
    said = f"{said[:1].lower()}{said[1:]}"
    command = getattr(context, "command", None)
    option, name = getattr(error, "option_name", None), _NO_COMMAND.match(said)
    if type(error).__name__ == "NoSuchOption" and option:
        known = [text for parameter in getattr(command, "params", ()) for text in parameter.opts]
        close = nearest(option, known)
        said = f"no such option: {option}"
    elif name is not None:
        close, said = nearest(name[1], getattr(command, "commands", {})), name[0]
    else:
        return said
    return said if close is None else f"{said}, did you mean {close!r}?"


def _got(error: Any) -> str:
    """The value, where the error or its cause, which is pydantic's in newer versions, tells it."""
    with suppress(AttributeError, LookupError, TypeError):
        return repr(error.__cause__.errors()[0]["input"])[:MOST_TOLD]
    told = _TOLD.match(str(error.message))
    return "something else" if told is None else told["value"][:MOST_TOLD]


def _expected(command: Any, name: str) -> str | None:
    """Kind and range of a parameter of a command, by its annotation; None if its type does not tell them."""
    try:
        hint = typing.get_type_hints(inspect.unwrap(command.callback), include_extras=True)[name]
    except (AttributeError, KeyError, NameError, TypeError):
        return None
    kind, *info = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    kinds = [each for each in typing.get_args(kind) or (kind,) if each is not type(None)]
    if len(kinds) != 1 or kinds[0] not in KINDS:
        return None
    return KINDS[kinds[0]] + _range(*((getattr(info[0], "min", None), getattr(info[0], "max", None)) if info else ()))


def _range(low: float | None = None, high: float | None = None) -> str:
    if low is not None and high is not None:
        return f" from {low} to {high}"
    return f" of at least {low}" if low is not None else f" of at most {high}" if high is not None else ""
