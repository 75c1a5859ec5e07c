"""The first stage of a run whose family one training gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from toy_runs import contents

from evonas.capabilities.family import FoundFamily, Report
from evonas.data import load
from evonas.data.samples import Splits
from evonas.evaluation import Job, TrainedEvaluator
from evonas.individual import Evaluation, Individual, Start, Trial
from evonas.run import loop
from evonas.run.one_shot import find_family
from evonas.run.trials import SearchFailed
from evonas.search import RandomSearch
from evonas.space import Offspring, Phenotype
from evonas.store import RunStore, create, spent
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace
from evonas.training import Recipe, Stop
from evonas.types import Floats, Metrics
from search_spaces.neuron.space import create as create_neurons

N_MEMBERS, N_EPOCHS = 5, 3


@dataclass
class ToySearch:
    """Draws digits; every epoch is a checkpoint and takes as long as is said."""

    epochs = N_EPOCHS
    n_members = N_MEMBERS
    training: ClassVar[Mapping[str, Any]] = {}
    calls: int = 0
    error: Exception | None = None
    teacher: Floats | None = None

    def search(
        self, splits: Splits, recipe: Recipe, *, n_members: int, epochs: int, seed: np.random.SeedSequence, stop: Stop,
        directory: Path, report: Report, teacher: Floats | None = None,
    ) -> FoundFamily[Digits]:
        self.calls, self.teacher = self.calls + 1, teacher
        if self.error is not None:
            raise self.error
        for epoch in count(sum(1 for _ in directory.glob("epoch-*")) + 1):
            if epoch > epochs:
                break
            stop.check()
            (directory / f"epoch-{epoch}").touch()
            report(epoch, epochs, {"loss": 1 / epoch})
        rng = np.random.default_rng(seed)
        members = [
            Phenotype(ToySpace().sample(rng), {"depth": np.array([10], np.float32)}) for _ in range(n_members)
        ]
        return FoundFamily(members, edge_updates=1000.0)


class CostlyEvaluator(ToyEvaluator):
    """Counts two edge-updates a trial, none where nothing is trained."""

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        evaluation = super().__call__(job)
        metrics = {**evaluation.metrics, "edge_updates": 2.0 * bool(job.trial.budget)}
        return job.result(metrics, weights=evaluation.weights)


class Interrupting:
    """Ctrl-C at the ``n``-th event."""

    def __init__(self, n: int) -> None:
        self.n = n

    def searching(self, epoch: int, n_epochs: int, metrics: Metrics) -> None:
        self._count()

    def asked(self, *_: object) -> None: ...

    def told(self) -> None: ...

    def evaluated(self, _: object) -> None:
        self._count()

    def _count(self) -> None:
        self.n -= 1
        if not self.n:
            raise KeyboardInterrupt


def play(directory: Path, search: ToySearch, evaluator: ToyEvaluator | None = None, **options: Any) -> bool:
    """Make or resume a run; the searcher trains the members."""
    if not directory.exists():
        create(directory, config={}, task={}, fingerprint="", normalisation={})
    evaluator = evaluator or CostlyEvaluator()
    with RunStore(directory, ToySpace(), writing=True) as store:
        arguments = {"n_members": N_MEMBERS, "epochs": N_EPOCHS, **options}
        if not find_family(search, evaluator, store, load("digits"), Recipe(), name="toy", seed=0, **arguments):
            return False
        searcher = RandomSearch(
            ToySpace(), OBJECTIVES, population=2, children=1, generations=N_MEMBERS - 2, rungs=(4,),
            draw=lambda index, rng: Offspring(store.individual(index).genotype, "toy"), rng=np.random.default_rng(0),
        )
        return loop.run(searcher, evaluator, store, seed=0, observers=options.get("observers", ()))


def test_members_are_measured_as_they_are_and_then_trained_from_the_searchs_weights(tmp_path: Path) -> None:
    assert play(tmp_path / "r", ToySearch())
    with RunStore(tmp_path / "r", ToySpace()) as store:
        records = store.records()
        assert {(r.operator, r.generation, r.parents) for r in records} == {("toy", 0, ())}
    depths = {r.budget: r.metrics["generations_of_weights"] for r in records}
    assert depths == {0: 11.0, 4: 12.0}
    assert sorted((r.id, r.budget) for r in records) == [(id, budget) for id in range(N_MEMBERS) for budget in (0, 4)]


@pytest.mark.usefixtures("clock")
def test_the_cost_of_the_search_is_the_runs(tmp_path: Path) -> None:
    (tmp_path / "r").parent.mkdir(exist_ok=True)
    create(tmp_path / "r", config={}, task={}, fingerprint="", normalisation={})
    (tmp_path / "r" / "seeder").mkdir()
    (tmp_path / "r" / "seeder" / "seconds.json").write_text("500.0")  # of an earlier session
    assert play(tmp_path / "r", ToySearch())
    with RunStore(tmp_path / "r", ToySpace()) as store:
        cost = spent(store.records(), store.elapsed, ())
    assert cost.edge_updates == pytest.approx(1000 + 2 * N_MEMBERS)
    assert cost.seconds == pytest.approx(500)
    assert cost.elapsed == pytest.approx(500)


def test_a_run_that_is_interrupted_at_every_event_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    play(tmp_path / "whole", ToySearch())
    n_interrupts = 0
    while True:
        try:
            assert play(tmp_path / "r", ToySearch(), observers=[Interrupting(1)])
            break
        except KeyboardInterrupt:
            n_interrupts += 1
    assert N_EPOCHS < n_interrupts <= N_EPOCHS + 2 * N_MEMBERS  # evaluations that are stored together are one event
    with RunStore(tmp_path / "r", ToySpace()) as one, RunStore(tmp_path / "whole", ToySpace()) as other:
        assert contents(one) == contents(other)
        assert one.state == other.state


def test_a_family_that_is_complete_is_not_searched_for_again(tmp_path: Path) -> None:
    search = ToySearch()
    with pytest.raises(KeyboardInterrupt):
        play(tmp_path / "r", search, observers=[Interrupting(N_EPOCHS + N_MEMBERS + 1)])
    play(tmp_path / "r", search)
    assert search.calls == 1


def test_the_search_is_told_what_the_teacher_says(tmp_path: Path) -> None:
    search, teacher = ToySearch(), np.ones((3, 2), np.float32)
    assert play(tmp_path / "r", search, teacher=teacher)
    assert search.teacher is teacher


def test_the_time_limit_counts_the_search(tmp_path: Path) -> None:
    assert not play(tmp_path / "r", ToySearch(), time_limit=1e-9)
    with RunStore(tmp_path / "r", ToySpace()) as store:
        assert not store.records()
    assert play(tmp_path / "r", ToySearch(), time_limit=100.0)


@pytest.mark.parametrize(("search", "evaluator", "message"), [
    (ToySearch(error=FloatingPointError("the loss became nan")), ToyEvaluator(), "toy failed: the loss became nan"),
    (ToySearch(error=ValueError("ask for more edges")), ToyEvaluator(), "the search toy failed: ask for more edges"),
    (ToySearch(), ToyEvaluator("raise-all"), "no member of the family could be measured, the first: Arithmetic"),
])
def test_a_search_that_fails_says_why(
    tmp_path: Path, search: ToySearch, evaluator: ToyEvaluator, message: str
) -> None:
    for _ in ("begun", "resumed"):
        with pytest.raises(SearchFailed, match=message):
            play(tmp_path / "r", search, evaluator)


def test_a_budget_of_no_epochs_measures_what_the_trial_starts_with() -> None:
    splits = load("digits")
    space = create_neurons(splits.task, {"founders": "log-uniform"})
    genotype = space.sample(np.random.default_rng(0))
    evaluator = TrainedEvaluator(space, splits, Recipe())
    trial, seed = Trial(Individual(0, genotype, 0, "toy"), 1), np.random.SeedSequence(0)
    trained = evaluator(Job(trial, seed, None, Stop()))
    assert trained.weights is not None
    start = Start(genotype, trained.weights, True)
    evaluation = evaluator(Job(Trial(trial.individual, 0), seed, start, Stop()))
    assert evaluation.metrics["val_loss"] == trained.metrics["val_loss"]
    assert evaluation.metrics["edge_updates"] == 0
    assert evaluation.weights is not None
    assert 0 < evaluation.metrics["train_loss"] < 10
    np.testing.assert_array_equal(evaluation.weights["edge"], trained.weights["edge"])
