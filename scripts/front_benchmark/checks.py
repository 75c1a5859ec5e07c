"""What may be asked for: everything is checked before any time is spent."""

from __future__ import annotations

import json
from pathlib import Path

from evonas.cli.console import say_aside
from evonas.cli.options import parse_names
from evonas.data import load
from evonas.types import UserError, suggestion

from .methods import ABLATIONS, METHODS, missing_seeder
from .schedule import Benchmark


def chosen_methods(text: str | None) -> list[str]:
    """The methods that were named, each once; for None all but ablations, those whose seeders exist.

    Raises:
        UserError: A method is unknown, or its seeder does not exist.
    """
    whole = [name for name in METHODS if name not in ABLATIONS]
    names = list(dict.fromkeys(whole if text is None else parse_names(text) or ()))
    if not names:
        raise UserError(f"--methods names none, there are: {', '.join(METHODS)}")
    for name in names:
        if name not in METHODS:
            raise UserError(f"unknown method {name!r}{suggestion(name, METHODS)}")
    missing = {name: seeder for name in names if (seeder := missing_seeder(name))}
    for name, seeder in missing.items():
        sentence = f"the method {name} needs the seeder {seeder!r}, which the neuron space does not have"
        if text is not None:
            raise UserError(f"{sentence}: leave it out of --methods")
        say_aside(f"note: {sentence}: it is left out")
    return [name for name in names if name not in missing]


def check(benchmark: Benchmark) -> None:
    """Raises :class:`UserError` for what cannot be measured, and where results of other methods would be lost."""
    if not 0 < benchmark.minutes < float("inf"):
        raise UserError(f"--minutes must be a positive number, got {benchmark.minutes:g}")
    kind = load(benchmark.dataset, root=benchmark.data_root).task.kind
    if kind != "classification":
        raise UserError(f"the benchmark compares accuracies, expected a classification data set, got a {kind}: "
                        f"{benchmark.dataset}")
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
