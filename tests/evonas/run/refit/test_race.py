"""A race keeps those that are not clearly behind, and spends no more than it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evonas.config import RunConfig
from evonas.data.samples import Samples, Splits
from evonas.individual import Evaluation, Individual, Member
from evonas.run.plugins import create_space
from evonas.run.refit.folds import FOLDS
from evonas.run.refit.purse import Purse
from evonas.run.refit.race import Entrant, Race, Standing
from evonas.types import Task

TASK = Task("classification", (2,), 2)
N = 200


@pytest.fixture(scope="module")
def rings() -> Splits:
    """A disc within a ring, which no line divides."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, N), rng.normal(np.where(labels, 2.0, 0.7), 0.1)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
    samples = Samples(x, labels)
    return Splits("rings", TASK, samples, samples.take(np.arange(0)), "")


def entrant(id: int, n_edges: int, epochs: int, *, price: float = 1.0) -> Entrant:
    """A network of about so many edges; with 4 it is a linear one."""
    options = {"norm": "none", "founders": "log-uniform", "founder_edges": [2, n_edges]}
    space: Any = create_space("neuron", TASK, options)
    rng = np.random.default_rng(id)
    genotype = max((space.sample(rng) for _ in range(20)), key=lambda g: g.n_edges)
    if n_edges == 4:
        genotype = replace(genotype, ids=np.empty(0, np.int64), layers=np.empty(0, np.int32),
                           positions=np.empty((0, 2), np.float32), ties=np.empty(0, np.int32),
                           edges=np.array([[0, 2], [1, 2], [0, 3], [1, 3]], np.int32), prune_to=0,
                           origins=np.empty(0, np.int64), channels=np.empty(0, np.int32),
                           activations=np.empty(0, np.int8))
    evaluation: Evaluation[Any] = Evaluation(id, 1, "ok", {"flops": 2.0 * genotype.n_edges}, 0.1)
    return Entrant(Member(Individual(id, genotype, 0, "sample"), evaluation), epochs, price)


def run(splits: Splits, entrants: list[Entrant], total: float, *, n_jobs: int = 1) -> list[Standing]:
    space: Any = create_space("neuron", TASK, {"norm": "none"})
    return Race(space, RunConfig(), splits, np.ones(len(splits.train)), n_jobs).run(entrants, Purse(total=total))


def test_a_network_that_cannot_learn_the_task_leaves_the_race_and_the_best_is_first(rings: Splits) -> None:
    entrants = [entrant(0, 4, 40), entrant(1, 80, 40), entrant(2, 80, 80)]
    standings = run(rings, entrants, total=3 * FOLDS + 2)
    assert {s.entrant.id for s in standings} == {1, 2}
    assert standings[0].behind == 0 == standings[0].error
    assert standings[0].loss < 0.1
    assert [s.loss for s in standings] == sorted(s.loss for s in standings)


def test_two_stay_whatever_they_lose(rings: Splits) -> None:
    standings = run(rings, [entrant(0, 4, 40), entrant(1, 80, 80)], total=3 * FOLDS)
    assert [s.entrant.id for s in standings] == [1, 0]
    assert standings[1].behind > 2 * standings[1].error > 0


def test_all_held_out_samples_are_counted_as_often_for_every_entrant(rings: Splits) -> None:
    entrants = [entrant(1, 80, 40), entrant(2, 80, 40)]
    run(rings, entrants, total=2 * 2 * FOLDS)
    assert {float(n) for e in entrants for n in e.n_repeats} == {2.0}


def test_what_cannot_be_paid_does_not_run(rings: Splits) -> None:
    cheap = [entrant(1, 80, 2), entrant(2, 80, 2)]
    standings = run(rings, [*cheap, entrant(3, 80, 2, price=100.0)], total=2 * FOLDS)
    assert {s.entrant.id for s in standings} == {1, 2}
    assert run(rings, cheap, total=FOLDS) == [], "one alone is no race"
    assert run(replace(rings, train=rings.train.take(np.arange(FOLDS - 1))), cheap, total=100) == []


def test_the_number_of_jobs_changes_nothing(rings: Splits) -> None:
    first, second = (
        [(s.entrant.id, s.loss, s.behind) for s in
         run(rings, [entrant(1, 80, 4), entrant(2, 60, 4)], total=2 * FOLDS, n_jobs=n)]
        for n in (1, 2)
    )
    assert first == second


def test_a_training_that_diverges_leaves_the_race(rings: Splits) -> None:
    wild = entrant(3, 80, 4)
    splits = replace(rings, train=Samples(rings.train.x * np.float32(1e38), rings.train.y))
    assert run(splits, [wild, entrant(1, 80, 4)], total=100) == []
    assert not wild.n_repeats.any()


def test_samples_that_count_more_decide(rings: Splits) -> None:
    space: Any = create_space("neuron", TASK, {"norm": "none"})
    importance = np.where(rings.train.y == 0, 1.0, 1e-9)
    entrants = [entrant(0, 4, 40), entrant(1, 80, 40)]
    standings = Race(space, RunConfig(), rings, importance, 1).run(entrants, Purse(total=2 * FOLDS))
    for s in standings:
        assert s.loss == pytest.approx(s.entrant.means[rings.train.y == 0].mean(), rel=1e-6)
