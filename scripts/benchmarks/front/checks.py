"""Checks of the arguments, all before any time is spent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from evonas.cli.console import print_stderr
from evonas.cli.options import parse_names
from evonas.data import load
from evonas.types import Task, UserError, suggestion

from .methods import ABLATIONS, METHODS, obstacle, settings_of
from .schedule import Benchmark


def task_of(dataset: str, data_root: Path | None) -> Task:
    """Return the task of a data set; raise :class:`UserError` for a task without accuracies."""
    task = load(dataset, root=data_root).task
    if task.kind != "classification":
        raise UserError(f"the benchmark compares accuracies, expected a classification data set, got a {task.kind}: "
                        f"{dataset}")
    return task


def chosen_methods(
    texts: Sequence[str] | None, task: Task, dataset: str, setting: str | None = None
) -> list[str]:
    """The methods that were named, each once; for None all but ablations that can take part.

    Args:
        texts: Names, each text one or several with commas.
        task: Task of the data set.
        dataset: Its name or file.
        setting: A setting of the data set, by name.

    Raises:
        UserError: A method is unknown, or it was named and cannot take part; the data set has no such setting.
    """
    settings_of(dataset, setting)
    whole = [name for name in METHODS if name not in ABLATIONS]
    names = list(dict.fromkeys(parse_names(texts) or () if texts else whole))
    if not names:
        raise UserError(f"--methods names none, there are: {', '.join(METHODS)}")
    for name in names:
        if name not in METHODS:
            raise UserError(f"unknown method {name!r}{suggestion(name, METHODS)}")
    reasons = {name: reason for name in names if (reason := obstacle(name, task, dataset, setting))}
    for name, reason in reasons.items():
        if texts:
            raise UserError(f"the method {name} cannot take part ({reason}): leave it out of --methods")
        print_stderr(f"note: the method {name} is left out: {reason}")
    return [name for name in names if name not in reasons]


def check(benchmark: Benchmark) -> None:
    """Raise :class:`UserError` for a benchmark that cannot be measured.

    It is also raised if results of other methods would be overwritten.
    """
    if not 0 < benchmark.minutes < float("inf"):
        raise UserError(f"--minutes must be a positive number, got {benchmark.minutes:g}")
    lost = sorted(_measured_methods(benchmark.file("json")) - set(benchmark.methods))
    if lost:
        raise UserError(f"{benchmark.file('json')} has results of {', '.join(lost)}, which these would replace: name "
                        "them in --methods too, or choose another --out")


def _measured_methods(file: Path) -> set[str]:
    try:
        return set(json.loads(file.read_bytes())["methods"])
    except FileNotFoundError:
        return set()
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise UserError(f"cannot read {file}, where results will be written ({error}): move it away, or choose another "
                        "--out") from None
