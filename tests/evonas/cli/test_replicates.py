"""Retrainings are replicates of the run's own individuals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evonas.evaluation import Job
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Evaluation
from evonas.run import retrain as retraining
from evonas.run.open import open_run
from evonas.store import Retraining
from evonas.types import Weights


def retrained(run: Path, ids: list[int], **options: Any) -> list[tuple[Retraining, Weights]]:
    """Retrainings for one epoch with two seeds each, and their weights."""
    with open_run(run, writing=True) as opened:
        found = retraining.retrain(
            opened, ids, start="fresh", epochs=1, n_seeds=2, report=lambda *_: None, **options
        )
        return [(r._replace(seconds=0.0), opened.store.retrained_weights(r)) for r in found]


def test_a_retraining_is_a_trial_of_the_individual_itself(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Job[Any]] = []

    def watched(evaluator: Any, jobs: Iterable[Job[Any]], **options: Any) -> Iterator[Evaluation[Any]]:
        seen.extend(jobs)
        return evaluate_all(evaluator, list(seen), **options)

    monkeypatch.setattr(retraining, "evaluate_all", watched)
    with open_run(run) as opened:
        ids = [r.id for r in opened.store.records() if r.parents][:2]
        expected = {id: opened.store.member(id) for id in ids}
    found = retrained(run, ids, n_jobs=1)
    assert [(r.id, r.seed) for r, _ in found] == [(id, seed) for id in ids for seed in (0, 1)]
    assert [(*job.trial.key, job.trial.replicate) for job in seen] == [(id, 1, seed) for id in ids for seed in (0, 1)]
    for job in seen:
        member, individual = expected[job.trial.individual.id], job.trial.individual
        assert individual.genotype == member.genotype
        born = member.individual
        lineage = (born.generation, born.operator, born.parents)
        assert (individual.generation, individual.operator, individual.parents) == lineage


def test_replicates_are_the_same_for_one_and_two_workers_and_differ_from_each_other(
    run: Path, best: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = retrained(run, [best], n_jobs=1)
    with open_run(run, writing=True) as opened:
        opened.store._db.execute("DELETE FROM retrainings")
        opened.store._db.commit()
    two = retrained(run, [best], n_jobs=2)
    as_bytes = [
        [(r, {name: array.tobytes() for name, array in weights.items()}) for r, weights in sorted(found, key=str)]
        for found in (one, two)
    ]
    assert as_bytes[0] == as_bytes[1]
    (_, first), (_, second) = as_bytes[0]
    assert first != second
