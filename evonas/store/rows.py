"""Rows as others may have written them become checked records: parsed once, here.

SQLite keeps what it is given, whatever a column is declared as, and a run may come from elsewhere. What leaves this
module has the types, ranges and sizes that the rest of the program relies on. Everything raises :class:`BadRow`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from evonas.individual import Origin
from evonas.serialization import renamed
from evonas.store.records import ComputeCost, Record, Retraining, RunInfo, SeedSource, TeacherSource
from evonas.types import Json, UserError

V = TypeVar("V")

#: The first format with the present names of settings, metrics, operators and the column of generations.
WITH_NAMES = 5
#: Largest id, generation, budget and seed: exact in a double, so that no reader rounds them.
MOST_WHOLE = 2**53
#: Largest size in characters of a list of parents, of metrics, of an entry of ``meta``, of a searcher's state.
PARENTS_SIZE, METRICS_SIZE, META_SIZE, STATE_SIZE = 10_000, 100_000, 2**26, 2**28
#: Largest size in characters of a name and of the message of a failed trial.
NAME_SIZE, ERROR_SIZE = 200, 10_000_000
#: Largest depth of a document.
MOST_NESTED = 30
_DIGEST = re.compile(r"[0-9a-f]{8,128}")
#: A list of ids below :data:`MOST_WHOLE` as JSON, which a run has by the hundred thousand.
_PLAIN_IDS = re.compile(r"\[(?:(?:0|[1-9][0-9]{0,14})(?:, (?:0|[1-9][0-9]{0,14}))*)?\]")
_START = re.compile(r"(fresh|inherited)[\w.+-]{0,100}")


class BadRow(ValueError):
    """Raised if a row of a run's database is not one that this program writes; the message says why."""


def info_of(meta: dict[Any, Any]) -> RunInfo:
    """The header of a run, from its table ``meta``; that of an old run has the present names."""
    documents = {key: _document(meta, key) for key in ("config", "task", "normalisation")}
    for key, document in documents.items():
        if type(document) is not dict:
            raise BadRow(f"its {key} is {_shown(document)}, expected a table")
    _check_numbers(documents["normalisation"])
    seeds = [_seed_source(source) for source in _list(_document(meta, "seeds", "[]"), "seeds")]
    teacher, source = None, _document(meta, "teacher", "null")
    if source is not None:
        run, ids, digest = _items(source, 3, "teacher")
        teacher = TeacherSource(_text(run, "a teacher", META_SIZE), _ids(ids, "ids of a teacher"), digest_of(digest))
    fingerprint = _text(meta.get("fingerprint"), "the fingerprint", NAME_SIZE)
    names = (_document(meta, key, "null") for key in ("searcher", "evaluator"))
    searcher, evaluator = (None if name is None else name_of(name, "a searcher", META_SIZE) for name in names)
    goals = _document(meta, "goals", "{}")
    if type(goals) is not dict or any(goal not in ("min", "max") for goal in goals.values()):
        raise BadRow("its goals are not min or max by metric")
    if (found := format_of(meta)) < WITH_NAMES:
        goals = by_present_names(goals, renamed.METRICS)
        try:
            documents["config"] = renamed.settings(documents["config"], renamed.ignore)
        except UserError as error:
            raise BadRow(f"its config: {error}") from None
    return RunInfo(
        found, **documents, fingerprint=fingerprint, seeds=tuple(seeds), teacher=teacher, searcher=searcher,
        evaluator=evaluator, goals=goals,
    )


def by_present_names(values: dict[str, V], names: Mapping[str, str]) -> dict[str, V]:
    """Values of an old run by the present names; a run that has a value by both is none of this program's.

    Args:
        values: Values by former or present names.
        names: Present names by the former ones.
    """
    try:
        return renamed.keys(values, names, renamed.ignore)
    except UserError as error:
        raise BadRow(str(error)) from None


def format_of(meta: dict[Any, Any]) -> int:
    """The number of the run's format."""
    return whole(_document(meta, "format"), "the format")


def record_of(row: Sequence[Any]) -> Record:
    """An evaluation with its individual's lineage, from the columns in the order of :class:`Record`, the origin as two.
    """
    id, budget, generation, operator, parents, status, metrics, seconds, elapsed, error, run, id_there = row
    return Record(
        whole(id, "an id"), whole(budget, "a budget"), whole(generation, "a generation"),
        name_of(operator, "an operator"), parents_of(parents, id), status_of(status), metrics_of(metrics),
        seconds_of(seconds), seconds_of(elapsed), error_of(error), origin_of(run, id_there),
    )


def retraining_of(row: Sequence[Any]) -> Retraining:
    """A final training, from the columns in the order of :class:`Retraining`."""
    id, start, epochs, seed, metrics, seconds = row
    if type(start) is not str or not _START.fullmatch(start):
        raise BadRow(f"a retraining starts from {_shown(start)}, expected fresh or inherited")
    return Retraining(
        whole(id, "an id"), start, whole(epochs, "a number of epochs"), whole(seed, "a seed"), metrics_of(metrics),
        seconds_of(seconds),
    )


def state_of(text: object) -> Json:
    """A searcher's state; only the searcher can check its contents."""
    return json_of(text, "the searcher's state", STATE_SIZE)


def parents_of(text: object, id: int) -> tuple[int, ...]:
    """Ids of parents, all smaller than the child's: no individual is its own ancestor."""
    if type(text) is str and len(text) <= PARENTS_SIZE and _PLAIN_IDS.fullmatch(text):  # what this program writes
        parents = tuple(map(int, text[1:-1].split(", "))) if len(text) > 2 else ()
    else:
        parents = _ids(json_of(text, "a list of parents", PARENTS_SIZE), "parents")
    if parents and max(parents) >= id:
        raise BadRow(f"individual {id} has the parent {max(parents)}, expected ids below its own")
    return parents


def metrics_of(text: object) -> dict[str, float]:
    """Metrics by name, all finite."""
    if type(text) is not str or len(text) > METRICS_SIZE:
        raise BadRow(f"metrics are {_shown(text)}, expected a JSON object of up to {METRICS_SIZE:,} characters")
    metrics = _loads(text, "metrics")
    if type(metrics) is not dict:
        raise BadRow(f"metrics are {_shown(metrics)}, expected numbers by name")
    for name, value in metrics.items():
        if type(value) is not float:
            metrics[name] = value = _float(value, f"the metric {name!r}")
        if not math.isfinite(value):
            raise BadRow(f"the metric {name[:NAME_SIZE]!r} is {value}, expected a finite number")
        if len(name) > NAME_SIZE or not name.isprintable():
            raise BadRow(f"a metric is called {name[:NAME_SIZE]!r}, expected a printable name")
    return metrics


def whole(value: object, what: str) -> int:
    """A whole number from 0 to :data:`MOST_WHOLE`."""
    if type(value) is not int or not 0 <= value <= MOST_WHOLE:
        raise BadRow(f"{what} is {_shown(value)}, expected a whole number from 0 to 2^53")
    return value


def seconds_of(value: object) -> float:
    """A time in seconds."""
    seconds = _float(value, "a time")
    if not 0 <= seconds < math.inf:
        raise BadRow(f"a time is {seconds} seconds, expected a number from 0")
    return seconds


def status_of(value: object) -> Literal["ok", "failed"]:
    """The status of a trial."""
    if value == "ok":
        return "ok"
    if value == "failed":
        return "failed"
    raise BadRow(f"a status is {_shown(value)}, expected ok or failed")


def error_of(value: object) -> str | None:
    """The message of a failed trial."""
    return None if value is None else _text(value, "an error", ERROR_SIZE)


def origin_of(run: object, id: object) -> Origin | None:
    """The run that made an evaluation, and the id there; None where both columns are empty: the run itself made it."""
    if run is None and id is None:
        return None
    return Origin(_text(run, "the run of an origin", META_SIZE), whole(id, "the id of an origin"))


def with_device(metrics: dict[str, float]) -> dict[str, float]:
    """Metrics of a network, with a latency that a command measured under its present name.

    In versions without ``latency_device`` both targets shared the name ``latency``; only this machine's had a spread.
    """
    if "latency" in metrics and "latency_spread" not in metrics:
        return {("latency_device" if name == "latency" else name): value for name, value in metrics.items()}
    return metrics


def name_of(value: object, what: str, most: int = NAME_SIZE) -> str:
    """A short printable text; raises :class:`BadRow` for anything else.

    Args:
        value: Value in the database.
        what: Name of the value, for the message.
        most: Characters.
    """
    name = _text(value, what, most)
    if not name.isprintable():
        raise BadRow(f"{what} is {name!r}, expected a printable name")
    return name


def digest_of(value: object) -> str:
    """A digest in hex digits."""
    if type(value) is not str or not _DIGEST.fullmatch(value):
        raise BadRow(f"a digest is {_shown(value)}, expected hex digits")
    return value


def json_of(text: object, what: str, most: int) -> Json:
    """A JSON document.

    Args:
        what: Name of the value, for the message.
        most: Characters.
    """
    document = _loads(_text(text, what, most), what)
    waiting = [(document, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if depth > MOST_NESTED:
            raise BadRow(f"{what} is nested more than {MOST_NESTED} times")
        if type(inner) is dict:
            waiting += [(value, depth + 1) for value in inner.values()]
        elif type(inner) is list:
            waiting += [(value, depth + 1) for value in inner if type(value) in (dict, list)]
    return document


def _loads(text: str, what: str) -> Json:
    try:
        document = json.loads(text)
        if "\\u" in text:  # an unpaired surrogate cannot be printed
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = "it is nested too often" if isinstance(error, RecursionError) else error
        raise BadRow(f"{what} cannot be read as JSON: {reason}") from None
    return document


def _document(meta: dict[Any, Any], key: str, absent: str | None = None) -> Json:
    if key not in meta and absent is None:
        raise BadRow(f"it has no {key}")
    return json_of(meta.get(key, absent), f"its {key}", META_SIZE)


def _seed_source(value: object) -> SeedSource:
    run, ids, cost = _items(value, 3, "a seed run")
    elapsed, seconds, evaluations, updates = _items(cost, 4, "the cost of a seed run")
    spent = ComputeCost(
        seconds_of(elapsed), seconds_of(seconds), whole(evaluations, "a number of evaluations"),
        None if updates is None else seconds_of(updates),
    )
    return SeedSource(_text(run, "a seed run", META_SIZE), _ids(ids, "founders"), spent)


def _list(value: object, what: str) -> list[Any]:
    if type(value) is not list:
        raise BadRow(f"{what} are {_shown(value)}, expected a list")
    return value


def _items(value: object, n: int, what: str) -> list[Any]:
    items = _list(value, f"the parts of {what}")
    if len(items) != n:
        raise BadRow(f"{what} has {len(items)} parts, expected {n}")
    return items


def _ids(value: object, what: str) -> tuple[int, ...]:
    return tuple(whole(id, f"one of the {what}") for id in _list(value, what))


def _text(value: object, what: str, most: int) -> str:
    if type(value) is not str:
        raise BadRow(f"{what} is {_shown(value)}, expected a text")
    if len(value) > most:
        raise BadRow(f"{what} has {len(value):,} characters, expected at most {most:,}")
    return value


def _float(value: object, what: str) -> float:
    if type(value) is float:
        return value
    if type(value) is int and abs(value) <= 2**1000:
        return float(value)
    raise BadRow(f"{what[:NAME_SIZE]} is {_shown(value)}, expected a number")


def _check_numbers(value: Json) -> None:
    """Check that all numbers in a document are finite."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if type(inner) in (dict, list):
            waiting += inner.values() if type(inner) is dict else inner
        elif type(inner) in (int, float) and not math.isfinite(_float(inner, "the normalisation")):
            raise BadRow("the normalisation has a number that is not finite")


def _shown(value: object) -> str:
    """A value, short enough for a sentence."""
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**50):
        return repr(value)
    return "nothing" if value is None else f"of the type {type(value).__name__}"
