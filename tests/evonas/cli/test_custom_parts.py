"""Runs of a searcher or an evaluator of the user's: the command line goes on with no other, and knows the goals."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evonas.config import RunConfig
from evonas.data import load
from evonas.evaluation import CostEvaluator, Job, merge
from evonas.individual import Evaluation, Trial
from evonas.objectives import Objective, Objectives, parse_objectives
from evonas.report.html.collect import _metric
from evonas.run import loop
from evonas.run.open import open_run
from evonas.run.plugins import create_space
from evonas.search import NSGA2, Searcher
from evonas.store import RunStore, StoreError, create
from evonas.types import UserError
from tests.evonas.cli.conftest import Evonas, Refused


class Greedy(NSGA2[Any]):
    """A searcher of the user's."""


@dataclass(frozen=True)
class Area:
    """An evaluator of the user's: the more edges, the larger its metric."""

    metric_names: tuple[str, ...] = ("auc",)
    shares_memory: bool = True

    def work(self, trial: Trial[Any]) -> float:
        return 0.0

    def __call__(self, job: Job[Any]) -> Evaluation[Any]:
        n_edges = float(job.trial.individual.genotype.n_edges)
        return job.result({"auc": n_edges / 1e6}, weights={"edge": np.zeros(1, np.float32)})


@dataclass(frozen=True)
class DeclaredArea(Area):
    """It says that more is better."""

    goals: Mapping[str, Any] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "goals", {"auc": "max"})


def search(
    evaluator: Area, *, kind: type[Searcher[Any]] = Greedy, out: str = "r", objectives: Objectives | None = None,
    generations: int = 1,
) -> None:
    config = RunConfig(
        objectives=("auc", "flops"), population=4, children=2, generations=generations, self_distillation=False,
        space_options={"edges": (64, 600)},
    )
    splits = load(config.dataset)
    space = create_space(config.space, splits.task, config.space_options)
    both = merge(evaluator, CostEvaluator(space, ("edges", "flops")))
    if objectives is None:
        goals = getattr(evaluator, "goals", {})
        objectives = parse_objectives(config.objectives or (), (), both.metric_names, goals)
    searcher: Any = kind(  # type: ignore[call-arg]
        space, objectives, population=4, children=2, generations=generations, rungs=(1,), rng=np.random.default_rng(0)
    )
    if not Path(out).exists():
        documents = {"config": config.to_json(), "task": asdict(splits.task), "normalisation": asdict(splits.scaling)}
        create(Path(out), fingerprint=splits.fingerprint, **documents)
    with RunStore(Path(out), space, writing=True) as store:
        loop.run(searcher, both, store, seed=0)


def test_a_run_of_another_searcher_is_not_gone_on_with(refused: Refused, evonas: Evonas) -> None:
    search(DeclaredArea())
    message = (
        r"r was searched by .*test_custom_parts\.Greedy, not by NSGA2: go on from Python with .*Greedy, as in "
        r"loop\.run\(searcher, evaluator, RunStore\('r', space, writing=True\), \.\.\.\)"
    )
    refused("resume", "r", "--generations", 3, message=message)
    search(DeclaredArea(), generations=2)
    with pytest.raises(StoreError, match=r"was searched by .*Greedy, not by NSGA2"):
        search(DeclaredArea(), kind=NSGA2)


def test_a_run_of_another_evaluator_is_not_gone_on_with(refused: Refused) -> None:
    search(DeclaredArea(), kind=NSGA2)
    message = r"r was evaluated by .*DeclaredArea\+CostEvaluator, not by the command line's own: go on from Python"
    refused("resume", "r", "--generations", 3, message=message)
    with sqlite3.connect("r/run.db") as db:
        db.execute("UPDATE meta SET value = '\"CostEvaluator\"' WHERE key = 'evaluator'")
        db.execute("UPDATE meta SET value = replace(value, '\"auc\"', '\"val_error\"') WHERE key = 'config'")
    message = r"evaluated by CostEvaluator, not by TrainedEvaluator\+CostEvaluator"
    refused("resume", "r", "--generations", 3, message=message)


def test_what_is_maximised_is_maximised_wherever_the_run_is_looked_at(evonas: Evonas) -> None:
    search(DeclaredArea(), kind=NSGA2)
    rows = json.loads(evonas("front", "r", "--json").stdout)
    with open_run(Path("r")) as run:
        assert run.objectives.items[0] == Objective("auc", "max")
        most = max(run.store.records(), key=lambda r: (r.metrics["auc"], -r.metrics["flops"]))
        assert _metric("auc", run.objectives)["maximised"]
    assert most.id in {row["id"] for row in rows}
    best = json.loads(evonas("front", "r", "--json", "--best-under", "flops=1e9").stdout)
    assert [row["id"] for row in best] == [most.id]
    search(DeclaredArea(), kind=NSGA2, out="s")
    assert "auc is no cost" in evonas("compare", "r", "s", "--cost", "auc").stderr
    store: RunStore[Any] = RunStore(Path("r"), None, writing=True)  # type: ignore[arg-type]
    with store, pytest.raises(StoreError, match="searched for the maximum of auc, not for its minimum"):
        store.declare({"auc": "min"})


@pytest.mark.parametrize("objectives", [None, Objectives((Objective("auc"), Objective("flops")))])
def test_a_metric_without_a_goal_is_refused_with_how_to_declare_it(objectives: Objectives | None) -> None:
    with pytest.raises(UserError, match=r"less or more of the metric 'auc' is better: declare it .*goals = .*'max'"):
        search(Area(), objectives=objectives)


def test_a_run_from_before_goals_were_kept_says_how_to_declare_them(refused: Refused, evonas: Evonas) -> None:
    search(DeclaredArea(), kind=NSGA2)
    with sqlite3.connect("r/run.db") as db:
        db.execute("DELETE FROM meta WHERE key IN ('goals', 'searcher', 'evaluator')")
    refused("front", "r", message=r"'auc' is better: .*RunStore\('r', space, writing=True\)\.declare\(")
    with RunStore(Path("r"), None, writing=True) as store:  # type: ignore[arg-type]
        store.declare({"auc": "max"})
    assert evonas("front", "r").exit_code == 0


def test_a_contradiction_is_refused() -> None:
    objectives = parse_objectives(["auc", "flops"], (), ["auc", "flops"], {"auc": "min"})
    with pytest.raises(UserError, match="maximum of 'auc' is best, the searcher looks for its minimum"):
        search(DeclaredArea(), objectives=objectives)
