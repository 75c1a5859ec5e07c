"""Everything that the page shows of a run, as JSON."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evonas.front import default_reference, distinct, equals, front, knee
from evonas.objectives import MAXIMISED, SHARES, Objectives
from evonas.objectives.metrics import is_logarithmic
from evonas.report.choice import why_front
from evonas.report.html.drawings import Drawings
from evonas.report.html.timeline import hypervolume_over_time, operator_shares, throughput
from evonas.report.plot import LABELS
from evonas.report.population import ages_and_lines, replay
from evonas.space import SearchSpace
from evonas.store import Record, RunStore
from evonas.types import Json, UserError

#: Labels for places without room for those of the axes.
SHORT_LABELS = {
    "val_error": "error", "val_accuracy": "accuracy", "val_loss": "loss", "val_mse": "squared error", "val_r2": "R²",
    "val_nmse": "error in squared deviations", "trainval_nmse": "trainval, squared deviations",
    "trainval_error": "trainval error", "trainval_mse": "trainval squared error", "train_loss": "training loss",
    "trainval_balanced_error": "balanced trainval error", "val_balanced_error": "balanced error",
    "flops": "FLOPs", "flops_total": "FLOPs in all", "latency": "latency (µs)", "flash": "flash (bytes)",
    "ram": "RAM (bytes)", "int8_flash": "int8 flash (bytes)", "int8_error": "int8 error",
    "latency_estimate": "latency by table (µs)", "latency_device": "latency on the device (µs)",
}
#: Metrics that follow the objectives, and metrics of training, which come last.
FIRST = ("val_accuracy", "val_r2", "edges", "params", "latency", "latency_device", "flash", "ram", "depth", "neurons")
LAST = ("val_loss", "train_loss", "edge_updates", "latency_spread")
#: Metrics that are shares of 1; the page shows them in percent.
PERCENT = SHARES | {"val_accuracy"}


@dataclass(frozen=True)
class Subject:
    """A run that is reported on.

    Attributes:
        path: Path as the user wrote it, for the commands that the page shows.
        preset: Preset whose settings the run has, and the differences; None for a run without a preset.
    """

    path: Path
    objectives: Objectives
    space: SearchSpace[Any]
    store: RunStore[Any]
    preset: str | None = None

    @property
    def name(self) -> str:
        return self.path.resolve().name


def collect(
    subject: Subject, others: Sequence[Subject], *, formats: Mapping[str, Sequence[str]], drawings: Drawings,
    made_by: tuple[str, str] = ("", ""),
) -> Json:
    """The data of a run that the scripts of the page read.

    Args:
        subject: The run.
        others: Runs whose fronts and hypervolumes are drawn in addition.
        formats: Formats of `evonas export` with their precisions.
        drawings: Cache of earlier drawings.
        made_by: The command that makes such a run, and the file of settings that it reads; empty texts for none.

    Raises:
        UserError: A run among ``others`` has other objectives.
    """
    records, objectives = subject.store.records(), subject.objectives
    whole = front(records, objectives)
    members = distinct(whole, objectives)
    equal = equals(whole, objectives)
    place = {(r.id, r.budget): i for i, r in enumerate(records)}
    point = default_reference(records, objectives)
    reference = objectives.reference(point)
    rivals = [(other, _comparable_records(other, subject)) for other in others]
    curves = [(subject, records), *rivals]
    return {
        "version": [[len(rows), len(s.store.measurements())] for s, rows in curves],
        "run": _run(subject, records),
        "objectives": [{"metric": o.metric, "goal": o.goal} for o in objectives.items],
        "metrics": [_metric(name, objectives) for name in _metric_names(records, objectives)],
        "evaluations": _evaluations(records, _metric_names(records, objectives)),
        "front": [place[r.id, r.budget] for r in members],
        "equal": [equal[r.id] for r in members],
        "knee": place[(middle := knee(members, objectives)).id, middle.budget] if members else None,
        "why": why_front(whole, objectives),
        "others": [_other(other, front(theirs, other.objectives)) for other, theirs in rivals],
        "hypervolume": {
            "reference": [{"metric": name, "value": _number(value)} for name, value in point.items()],
            "logarithmic": [o.metric for o in objectives.items if o.log],
            "curves": [
                {"name": s.name, **_numbers(hypervolume_over_time(theirs, s.objectives, reference))}
                for s, theirs in curves
            ],
        },
        "throughput": _numbers(throughput(records)),
        **_breeding(subject, records),
        "drawings": drawings.of(members, subject.store, subject.space),
        "commands": {
            "export": f"evonas export {shlex.quote(str(subject.path))}",
            "show": f"evonas show {shlex.quote(str(subject.path))}",
            "made": made_by[0], "file": made_by[1],
            "formats": [_format(name, p, formats[name]) for name in formats for p in formats[name]],
        },
    }


def _breeding(subject: Subject, records: Sequence[Record]) -> Json:
    """Data of searches with operators and a population."""
    config, state = subject.store.info.config, subject.store.state
    if config["searcher"] != "nsga2":
        return {"credit": None, "population": None}
    whole = [r for r in records if state is not None and r.generation < state["generation"]]
    rungs = tuple(config.get("rungs") or (config["epochs"],))
    survival, size = config["survival"], config["population"]
    return {
        "credit": operator_shares(whole, subject.objectives, subject.space.operators, rungs=rungs),
        "adaptive_operators": bool(config.get("adaptive_operators")),
        "population": ages_and_lines(replay(whole, subject.objectives, rungs=rungs, survival=survival, size=size)),
    }


def _format(name: str, precision: str, precisions: Sequence[str]) -> Json:
    """A way to export: its name, its options, and the suffix of the file.

    Args:
        name: Name of the format.
        precision: One of its precisions.
        precisions: All its precisions.
    """
    suffix = "safetensors" if name == "torch" else name
    if len(precisions) == 1:
        return {"name": name, "options": f"--format {name}", "suffix": suffix}
    return {"name": f"{name}, {precision}", "options": f"--format {name} --precision {precision}", "suffix": suffix}


def _comparable_records(other: Subject, subject: Subject) -> list[Record]:
    expected, got = (", ".join(o.metric for o in s.objectives.items) for s in (subject, other))
    if expected != got:
        raise UserError(f"{other.path} has other objectives than {subject.path}: expected {expected}, got {got}")
    return other.store.records()


def _run(subject: Subject, records: Sequence[Record]) -> Json:
    config, task = subject.store.info.config, subject.store.info.task
    dataset = Path(str(config["dataset"])).stem
    objectives = ", ".join(o.metric for o in subject.objectives.items)
    told = {"preset": subject.preset} if subject.preset is not None else {}
    others = {key: value for key, value in {**config, **told}.items() if key != "objectives"}
    settings = [["objectives", objectives], *_settings(others)]
    return {
        "name": subject.name, "dataset": dataset, "space": str(config["space"]), "task": str(task["kind"]),
        "made": time.time(), "elapsed": subject.store.elapsed, "nFailed": sum(r.status == "failed" for r in records),
        "generation": max((r.generation for r in records), default=0), "generations": config["generations"],
        "settings": settings,
        "seeds": [Path(source.run).name for source in subject.store.info.seeds if source.ids],
        "lastError": next((str(r.error) for r in reversed(records) if r.status == "failed"), None),
    }


def _settings(config: Mapping[str, Json], before: str = "") -> list[list[str]]:
    """Settings that have a value; settings of tables have the table's name as prefix."""
    found = []
    for key, value in config.items():
        name = f"{before}{key.replace('_', ' ')}"
        if isinstance(value, dict):
            found += _settings(value, f"{name}: ")
        elif value is not None and value != [] and value != "":
            found.append([name, _text(value)])
    return found


def _text(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _metric_names(records: Sequence[Record], objectives: Objectives) -> list[str]:
    """The objectives, then all other metrics in the order of :data:`FIRST` and :data:`LAST`."""
    objective = [o.metric for o in objectives.items]
    others = dict.fromkeys(name for record in records for name in record.metrics if name not in objective)
    rank = {name: place - len(FIRST) for place, name in enumerate(FIRST)} | dict.fromkeys(LAST, 1)
    return [*objective, *sorted(others, key=lambda name: rank.get(name, 0))]


def _metric(name: str, objectives: Objectives) -> Json:
    maximised = MAXIMISED | {o.metric for o in objectives.items if o.goal == "max"}
    label = LABELS.get(name, name.replace("_", " "))
    return {
        "name": name, "label": label, "short": SHORT_LABELS.get(name, label), "percent": name in PERCENT,
        "log": is_logarithmic(name) or name == "edge_updates", "maximised": name in maximised,
    }


def _evaluations(records: Sequence[Record], metrics: Sequence[str]) -> Json:
    """Evaluations as columns: a list with an entry per evaluation for each field, operators as indices."""
    operators = {name: i for i, name in enumerate(dict.fromkeys(r.operator for r in records))}
    return {
        "id": [r.id for r in records], "budget": [r.budget for r in records],
        "generation": [r.generation for r in records],
        "parents": [list(r.parents) for r in records], "failed": [int(r.status == "failed") for r in records],
        "elapsed": [_number(r.elapsed) for r in records], "operators": list(operators),
        "operator": [operators[r.operator] for r in records],
        "values": [[_number(r.metrics.get(name, math.nan)) for r in records] for name in metrics],
    }


def _other(subject: Subject, members: Sequence[Record]) -> Json:
    members = distinct(members, subject.objectives)
    names = _metric_names(members, subject.objectives)
    values = [[name, [_number(r.metrics.get(name, math.nan)) for r in members]] for name in names]
    return {"name": subject.name, "ids": [r.id for r in members], "values": values}


def _numbers(columns: Mapping[str, Sequence[float]]) -> Json:
    return {name: [_number(value) for value in values] for name, values in columns.items()}


def _number(value: float) -> float | int | None:
    """A number rounded to six digits, more than a reader needs; None for infinity and NaN, which JSON lacks."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else float(f"{value:.6g}")
