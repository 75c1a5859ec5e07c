"""What is particular to the searchers beside NSGA-II and random search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evonas.individual import Evaluation, Trial
from evonas.objectives import parse_objectives
from evonas.objectives.pareto import contributions, front, hypervolume, hypervolume_gains, niched, reference_directions
from evonas.search import (
    NSGA2,
    NSGA3,
    SEARCHERS,
    Hyperband,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    SuccessiveHalving,
    SurrogateSearch,
)
from evonas.search.base import Searcher
from evonas.search.nsga3 import NSGA3Settings
from evonas.search.regularized_evolution import RegularizedEvolutionSettings
from evonas.search.reinforce import ReinforceSettings
from evonas.search.successive_halving import HalvingSettings
from evonas.search.surrogate import SurrogateSettings, expected_improvement, normal_scores
from evonas.testing.searcher_contract import Memory, evaluate, rng
from evonas.testing.toy import LENGTH, LEVELS, OBJECTIVES, Digits, ToySpace
from tests.evonas.search.test_searchers import ListingSpace

ERROR = parse_objectives(["val_error"], [], ["val_error"])


def best_of(memory: Memory) -> float:
    return min(e.metrics["val_error"] for e in memory.evaluations.values() if e.status == "ok")


def played(searcher: Searcher[Digits], n: int) -> Memory:
    """At least so many evaluations."""
    memory = Memory()
    while len(memory.evaluations) < n and memory.step(searcher):
        pass
    return memory


def test_local_search_evaluates_all_neighbours_of_the_best_and_moves_to_the_best_of_them() -> None:
    space, memory = ListingSpace(), Memory()
    searcher = LocalSearch(space, ERROR, population=3, children=LENGTH * LEVELS, generations=9, rng=rng(0))
    memory.step(searcher)
    for _ in range(4):
        ok = [e for e in memory.evaluations.values() if e.status == "ok"]
        best = min(ok, key=lambda e: (e.metrics["val_error"], e.id))
        tied = [e.id for e in ok if e.metrics["val_error"] == best.metrics["val_error"]]
        seen = {i.genotype for i in memory.individuals.values()}
        trials = memory.step(searcher)
        (parent,) = {t.individual.parents[0] for t in trials}
        assert parent in tied
        around = set(space.neighbours(memory.individuals[parent].genotype))
        assert {t.individual.genotype for t in trials} == around - seen


def test_local_search_moves_to_the_first_neighbour_that_is_better() -> None:
    memory, searcher = Memory(), LocalSearch(ListingSpace(), ERROR, population=3, generations=40, rng=rng(0))
    memory.step(searcher)
    for _ in range(40):
        ok = [e for e in memory.evaluations.values() if e.status == "ok"]
        least = min(e.metrics["val_error"] for e in ok)
        (trial,) = memory.step(searcher)
        assert trial.individual.parents[0] in {e.id for e in ok if e.metrics["val_error"] == least}


def test_unexplored_neighbours_are_evaluated_once_and_a_sample_follows_where_there_is_none() -> None:
    class Line(ListingSpace):
        """Ten genotypes beside those that are sampled."""

        def neighbours(self, genotype: Digits) -> list[Digits]:
            return [Digits((value, *[0] * (LENGTH - 1))) for value in range(10)]

    memory = Memory()
    searcher = NSGA2(Line(), ERROR, population=2, children=1, generations=20, parent_selection="unexplored", rng=rng(0))
    while memory.step(searcher):
        pass
    made = [individual for individual in memory.individuals.values() if individual.id > 1]
    assert [individual.operator for individual in made] == ["neighbour"] * 10 + ["sample"] * 10
    assert all(len(individual.parents) == (individual.operator == "neighbour") for individual in made)
    assert len({individual.genotype for individual in made}) == 20


def test_unexplored_is_the_default_selection_where_a_space_lists_no_neighbours() -> None:
    runs = []
    for selection in ("unexplored", "front-gap"):
        memory = played(NSGA2(ToySpace(), OBJECTIVES, parent_selection=selection, rng=rng(0)), 100)
        runs.append([individual.genotype for individual in memory.individuals.values()])
    assert runs[0] == runs[1]


def test_local_search_begins_anew_where_nothing_around_is_better() -> None:
    searcher = LocalSearch(
        ListingSpace(), ERROR, population=2, children=LENGTH * LEVELS, generations=9, rng=rng(0)
    )

    def tell(error: float) -> list[Trial[Digits]]:
        trials = list(searcher.ask())
        searcher.tell([Evaluation(*t.key, "ok", {"val_error": error, "flops": 1.0}, 0.0) for t in trials])
        return trials

    assert [t.individual.operator for t in tell(1.0)] == ["sample"] * 2
    for _ in range(2):  # the two starts are equally good: both have worse neighbours
        assert {t.individual.operator for t in tell(2.0)} == {"neighbour"}
    assert [t.individual.operator for t in tell(1.5)] == ["sample"] * 2


def test_with_several_objectives_local_search_explores_a_front() -> None:
    memory = played(LocalSearch(ListingSpace(), OBJECTIVES, population=5, generations=400, rng=rng(0)), 300)
    parents = [i.parents[0] for i in memory.individuals.values() if i.parents]
    assert len(set(parents)) >= 10
    random = played(RandomSearch(ToySpace(), OBJECTIVES, generations=40, rng=rng(0)), len(memory.evaluations))
    reference = np.array([1000.0, 4.0])
    volumes = [hypervolume(OBJECTIVES.matrix(list(m.evaluations.values())), reference) for m in (memory, random)]
    assert volumes[0] > volumes[1]


def test_neighbours_that_break_a_constraint_on_their_cost_are_not_evaluated() -> None:
    space = ListingSpace()
    objectives = parse_objectives(["val_error"], ["flops<=600"], ["val_error", "flops"])
    memory = played(LocalSearch(space, objectives, population=20, generations=200, rng=rng(1)), 200)
    bred = [i for i in memory.individuals.values() if i.parents]
    assert bred
    assert all(space.cost(i.genotype)["flops"] <= 600 for i in bred)


def test_regularized_evolution_breeds_from_the_best_of_a_tournament_and_drops_the_oldest() -> None:
    memory = Memory()
    settings = RegularizedEvolutionSettings(sample=6)
    searcher = RegularizedEvolution(ToySpace(), ERROR, population=6, generations=20, settings=settings, rng=rng(0))
    memory.step(searcher)
    for _ in range(15):
        last = [e for _, e in sorted(memory.evaluations.items())][-6:]
        able = [e for e in last if e.status == "ok"]
        (trial,) = memory.step(searcher)
        least = min(e.metrics["val_error"] for e in able)
        assert trial.individual.parents[0] in {e.id for e in able if e.metrics["val_error"] == least}
        assert [id for id, _ in searcher.state()["queue"]] == [*(e.id for e in last[1:]), trial.individual.id]


def test_halving_promotes_exactly_the_best_share() -> None:
    memory = Memory()
    searcher = SuccessiveHalving(
        ToySpace(), ERROR, population=18, generations=1, rungs=(1, 3, 9), settings=HalvingSettings(eta=3), rng=rng(0)
    )
    sizes = []
    while trials := memory.step(searcher):
        sizes.append((len(trials), trials[0].budget))
        losses = {t.individual.id: memory.evaluations[t.key].metrics.get("val_error", np.inf) for t in trials}
        if len(sizes) % 3 != 1:
            continue
        bound = sorted(losses.values())[5]
        assert all(losses[id] <= bound for id, _ in searcher.state()["promoted"])
    assert sizes == [(18, 1), (6, 3), (2, 9)] * 2


def test_hyperband_begins_brackets_at_every_rung() -> None:
    memory = Memory()
    searcher = Hyperband(ToySpace(), ERROR, generations=3, rungs=(1, 3, 9), rng=rng(3))
    sizes = []
    while trials := memory.step(searcher):
        sizes.append((len(trials), trials[0].budget))
    # Li 2018: s_max = 2 and eta = 3 give brackets of 9, 5 and 3
    assert sizes == [(9, 1), (3, 3), (1, 9), (5, 3), (1, 9), (3, 9), (9, 1), (3, 3), (1, 9)]


def test_the_surrogate_learns_what_is_better_than_random() -> None:
    settings = SurrogateSettings(trees=10, parents=5, samples=20)
    searched, random = [], []
    for seed in range(2):
        searched.append(best_of(played(SurrogateSearch(
            ToySpace(), ERROR, population=20, children=5, generations=20, settings=settings, rng=rng(seed)), 100)))
        random.append(best_of(played(RandomSearch(ToySpace(), ERROR, generations=9, rng=rng(seed)), 100)))
    assert np.mean(searched) < np.mean(random) - 100


def test_normal_scores_keep_ranks_and_ties() -> None:
    scores = normal_scores(np.array([[9.0, 1.0], [0.1, 1.0], [0.2, 3.0], [7.0, 2.0]]))
    assert scores[:, 0].argsort().tolist() == [1, 2, 3, 0]
    assert scores[0, 1] == scores[1, 1] < scores[3, 1] < scores[2, 1]
    np.testing.assert_allclose(scores[:, 0].sum(), 0, atol=1e-12)


def test_expected_improvement_is_that_of_samples() -> None:
    mean, deviation = np.array([0.5, 1.0, 1.5, 0.7, 1.2]), np.array([0.2, 0.5, 0.3, 0.0, 0.0])
    samples = np.maximum(1.0 - (mean + deviation * rng(0).normal(size=(200_000, 5))), 0).mean(axis=0)
    np.testing.assert_allclose(expected_improvement(mean, deviation, 1.0), samples, atol=3e-3)


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
@pytest.mark.parametrize("n_front", [0, 1, 7])
def test_gains_of_hypervolume_are_the_contributions(n_objectives: int, n_front: int) -> None:
    generator = rng(n_front)
    F, known = generator.random((30, n_objectives)) * 1.4, generator.random((n_front, n_objectives)) * 1.2
    reference = np.ones(n_objectives)
    known = known[front(known)] if n_front else known
    np.testing.assert_allclose(
        hypervolume_gains(F, known, reference), contributions(F, known, reference), atol=1e-12
    )


def test_reinforce_learns_the_choices_that_are_rewarded() -> None:
    settings = ReinforceSettings(learning_rate=0.3)
    searcher = Reinforce(ToySpace(), ERROR, population=10, generations=400, settings=settings, rng=rng(0))
    memory = played(searcher, 400)
    sums = [sum(memory.individuals[id].genotype.values) for id in sorted(memory.individuals)]
    assert np.mean(sums[-50:]) > np.mean(sums[:50]) + 15
    logits = np.array(searcher.state()["logits"])
    assert logits.shape == (LENGTH, LEVELS)


def test_the_gradient_of_reinforce_is_that_of_the_logarithm_of_the_probability() -> None:
    settings = ReinforceSettings(learning_rate=1.0, entropy=0.5)
    searcher = Reinforce(ToySpace(), ERROR, settings=settings, rng=rng(0))
    generator = rng(1)
    searcher._logits[:] = generator.normal(size=searcher._logits.shape)
    searcher._baseline = (1.0, 4.0)
    drawn = np.eye(LEVELS)[generator.integers(LEVELS, size=LENGTH)]

    def gain(logits: np.ndarray) -> float:
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        advantage = (7.0 - 1.0) / 2.0
        return float(advantage * (drawn * np.log(p)).sum() - 0.5 * (p * np.log(p)).sum())

    before = searcher._logits.copy()
    searcher._step(drawn, 7.0)
    for row, column in ((0, 0), (3, 5), (7, 15)):
        bumps = [before.copy(), before.copy()]
        bumps[0][row, column] += 1e-5
        bumps[1][row, column] -= 1e-5
        slope = (gain(bumps[0]) - gain(bumps[1])) / 2e-5
        assert searcher._logits[row, column] - before[row, column] == pytest.approx(slope, abs=1e-6)


def test_reinforce_refuses_a_space_without_choices() -> None:
    class Blind:
        """A space that says nothing of its choices."""

    with pytest.raises(ValueError, match="learns probabilities of choices"):
        Reinforce(Blind(), ERROR, rng=rng(0))  # type: ignore[arg-type]


# -- NSGA-III


@pytest.mark.parametrize(("n_objectives", "n_most", "expected"), [(1, 40, 1), (2, 40, 40), (3, 40, 36), (3, 2, 3)])
def test_as_many_directions_as_there_is_room_for(n_objectives: int, n_most: int, expected: int) -> None:
    directions = reference_directions(n_objectives, n_most)
    assert directions.shape == (expected, n_objectives)
    np.testing.assert_allclose(directions.sum(axis=1), 1)


def test_niches_keep_a_front_evenly_spread() -> None:
    x = np.concatenate([np.linspace(0, 0.1, 80), np.linspace(0.1, 1, 20)])
    F = np.stack([x, 1 - x], axis=1)
    kept, extent = niched(F, 10, reference_directions(2, 10), None, rng(0))
    gaps = np.diff(np.sort(x[kept]))
    assert len(kept) == 10
    assert gaps.max() < 0.2
    np.testing.assert_array_equal(extent.ideal, [0, 0])


def test_whole_fronts_survive_before_niches_count() -> None:
    x = np.linspace(0, 1, 6)
    F = np.concatenate([np.stack([x, 1 - x], axis=1), np.stack([x, 1 - x], axis=1) + 0.5])
    kept, _ = niched(F, 8, reference_directions(2, 6), None, rng(0))
    assert set(range(6)) <= set(kept.tolist())
    assert len(set(kept.tolist())) == 8


def test_nsga3_prefers_what_keeps_the_constraints() -> None:
    objectives = parse_objectives(["val_error"], ["val_error<=700"], ["val_error"])
    searcher = NSGA3(ToySpace(), objectives, population=8, children=8, generations=12, rng=rng(0))
    memory = played(searcher, 100)
    errors = [memory.evaluations[tuple(key)].metrics["val_error"] for key in searcher.state()["population"]]
    assert max(errors) <= 700


# -- numbers that are refused


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("local-search", {"population": 0}, "population, children and mutants must be at least 1, got 0"),
        ("local-search", {"rungs": (1, 2)}, r"compares networks at one budget, got \[1, 2\]: give epochs"),
        ("regularized-evolution", {"settings": RegularizedEvolutionSettings(0)}, "sample must be at least 1, got 0"),
        ("regularized-evolution", {"rungs": (1, 2)}, "one budget"),
        ("nsga3", {"settings": NSGA3Settings(1.5)}, "crossover_rate must be a probability, got 1.5"),
        ("nsga3", {"population": 1}, "population must be at least 2"),
        ("successive-halving", {"rungs": (3,)}, r"needs two budgets at least, got \[3\]: give rungs"),
        ("hyperband", {"rungs": (3,)}, "needs two budgets at least"),
        ("successive-halving", {"settings": HalvingSettings(1)}, "eta must be at least 2, got 1"),
        ("surrogate", {"settings": SurrogateSettings(trees=1)}, "trees must be at least 2"),
        ("surrogate", {"rungs": (1, 2)}, "one budget"),
        ("reinforce", {"settings": ReinforceSettings(decay=1.0)}, r"decay in \[0, 1\)"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    numbers = {"population": 10, "children": 5, "generations": 3, "rungs": (1,), "rng": rng(0)}
    with pytest.raises(ValueError, match=message):
        SEARCHERS[name](ToySpace(), OBJECTIVES, **{**numbers, **options})


@pytest.mark.parametrize("name", sorted(SEARCHERS.keys() - {"nsga2"}))  # its first batch is large
def test_a_batch_that_fails_as_a_whole_is_gone_on_from(name: str) -> None:
    rungs = (1, 3) if name in ("successive-halving", "hyperband") else (1,)
    searcher = SEARCHERS[name](
        ToySpace(), OBJECTIVES, population=4, children=3, generations=4, rungs=rungs, rng=rng(0)
    )
    searcher.tell([Evaluation(*t.key, "failed", {}, 0.0, "unlucky") for t in searcher.ask()])
    trials = searcher.ask()
    assert len(trials)
    searcher.tell([evaluate(t) for t in trials])
