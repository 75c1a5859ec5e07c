"""Reports of errors: one sentence and an exit code. Only a defect of the program ends in a traceback."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

from evonas.cli.console import print_stderr
from evonas.cli.interruption import exit_code, signals_interrupt
from evonas.cli.usage import USAGE_ERROR
from evonas.serialization.renamed import RenamedWarning
from evonas.types import UserError, damaged_by

#: Exit codes: bad input or missing resources; and the code that shells report if a pipe's reader has ended.
FAILED, BROKEN_PIPE = 2, 141
#: Environment variable that shows the traceback of an error that is reported as damage.
TRACEBACK_VARIABLE = "EVONAS_TRACEBACK"
#: Characters of an error that are printed, in all, of its beginning and of its end, since some errors quote unreadable
#: input; and most characters of a file name.
MOST_TOLD, BEGIN, END, MOST_NAME = 980, 600, 375, 200


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into exits, warnings into notes, signals into interrupts; scripts can use it, too."""
    with warnings.catch_warnings(), signals_interrupt():
        warnings.showwarning = _show_warning
        warnings.simplefilter("default", RenamedWarning)  # else shown only to programmers
        try:
            yield
        except (USAGE_ERROR, typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt as interrupt:
            _say("interrupted")
            raise typer.Exit(exit_code(interrupt)) from None
        except BrokenPipeError:
            _discard_output()
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            sentence = sentence_of(error)
            if sentence is None or (os.environ.get(TRACEBACK_VARIABLE) and not isinstance(error, UserError)):
                raise
            _say(f"error: {sentence}")
            raise typer.Exit(FAILED) from None


@contextmanager
def written_output() -> Iterator[None]:
    """Write all output when the whole program ends, or report that this failed."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        _discard_output()
        _say(f"error: cannot write the output: {error.strerror}")
        sys.exit(FAILED)


def sentence_of(error: Exception) -> str | None:
    """Return the sentence for the user; None for an error that can only be a defect of the program."""
    text = " ".join(line.strip() for line in str(error).splitlines())  # SQLite quotes lines
    if len(text) > MOST_TOLD:
        text = f"{text[:BEGIN]} ... {text[-END:]}"
    damage = damaged_by(error)
    match error:
        case UserError():
            return text
        case MemoryError():
            detail = f" ({text})" if text else ""
            return f"there is not enough memory{detail}: fewer samples, smaller networks or fewer jobs need less"
        case OSError():
            name = str(error.filename)
            short = name if len(name) <= MOST_NAME else f"{name[:MOST_NAME]}..., {len(name)} characters"
            return f"the system says: {error.strerror or text}" + ("" if error.filename is None else f": {short}")
        case _ if damage is not None:
            return f"{damage} is damaged, or from another version: {type(error).__name__}: {text or 'no message'}"
        case RecursionError():
            return "what was to be read is nested too deeply: expected a file that evonas wrote"
        case OverflowError():
            return f"a number is too large ({text}): give a smaller one"
    return None


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"note: {message}")


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may have been closed
        print_stderr(text)


def _discard_output() -> None:
    """Discard the rest of the output, which Python would try to write once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
