"""A run ends after as many evaluations as it was asked for, and goes on exactly, whatever its searcher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_runs import contents

from evonas.evaluation import Job
from evonas.individual import Evaluation
from evonas.run import loop
from evonas.run.trials import FEW_TRIALS, SearchFailed
from evonas.search import SEARCHERS, RegularizedEvolution, traits_of
from evonas.search.regularized_evolution import RegularizedEvolutionSettings
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace


def run(
    directory: Path, name: str, n_evaluations: int, evaluator: ToyEvaluator | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """Begin or go on; returns what the run holds then."""
    if not directory.exists():
        create(directory, config={}, task={}, fingerprint="", normalisation={})
    several = traits_of(SEARCHERS[name]).rungs == "several"
    searcher = SEARCHERS[name](
        ToySpace(), OBJECTIVES, population=9, children=4, generations=1000, rungs=(1, 3, 9) if several else (1,),
        rng=np.random.default_rng(0),
    )
    with RunStore(directory, ToySpace(), writing=True) as store:
        assert loop.run(searcher, evaluator or ToyEvaluator(), store, seed=0, n_evaluations=n_evaluations, **options)
        assert len(store.records()) == n_evaluations
        return contents(store)


@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_a_run_that_is_cut_goes_on_to_the_same_end(tmp_path: Path, name: str) -> None:
    expected = run(tmp_path / "whole", name, 30)
    for n in (5, 20, 30, 30):  # within the first batch, within another, and what is reached already
        found = run(tmp_path / "cut", name, n)
    assert found == expected


def test_as_many_are_evaluated_by_any_number_of_workers(tmp_path: Path) -> None:
    assert run(tmp_path / "one", "nsga2", 15) == run(tmp_path / "two", "nsga2", 15, n_jobs=2)


class Unlucky(ToyEvaluator):
    """Fails after the first ``n_lucky`` individuals."""

    n_lucky = 0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        if job.trial.individual.id >= self.n_lucky:
            raise ArithmeticError("out of luck")
        return super().__call__(job)


def test_small_batches_that_fail_end_a_run_only_after_many(tmp_path: Path) -> None:
    create(tmp_path / "r", config={}, task={}, fingerprint="", normalisation={})
    evaluator, n_lucky = Unlucky(), 10
    evaluator.__class__.n_lucky = n_lucky
    settings = RegularizedEvolutionSettings(sample=3)
    searcher = RegularizedEvolution(
        ToySpace(), OBJECTIVES, population=n_lucky, children=1, settings=settings, rng=np.random.default_rng(0)
    )
    with RunStore(tmp_path / "r", ToySpace(), writing=True) as store:
        with pytest.raises(SearchFailed, match="out of luck"):
            loop.run(searcher, evaluator, store, seed=0)
        assert len(store.records()) == n_lucky + FEW_TRIALS
