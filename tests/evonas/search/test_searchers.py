"""Every searcher under the contract, and what is particular to each."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import parse_objectives
from evonas.objectives.pareto import Ranking, front, hypervolume
from evonas.search import (
    NSGA2,
    NSGA3,
    SEARCHERS,
    SURVIVALS,
    Hyperband,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Reinforce,
    SuccessiveHalving,
    SurrogateSearch,
)
from evonas.search.parent_selection import PARENT_SELECTIONS, TargetCost
from evonas.search.regularized_evolution import RegularizedEvolutionSettings
from evonas.search.reproduction import Reproduction
from evonas.search.surrogate import SurrogateSettings
from evonas.space import Offspring
from evonas.testing.searcher_contract import Maker, Memory, SearcherContract, evaluate, rng
from evonas.testing.toy import LEVELS, OBJECTIVES, Digits, ToySpace


class ListingSpace(ToySpace):
    """Lists the genotypes that differ by one in one digit."""

    def neighbours(self, genotype: Digits) -> list[Digits]:
        values = genotype.values
        return [
            Digits((*values[:place], (value + shift) % LEVELS, *values[place + 1 :]))
            for place, value in enumerate(values) for shift in (1, LEVELS - 1)
        ]


class TestNSGA2(SearcherContract):
    name = "nsga2"

    @pytest.fixture(params=[
        {"survival": "aging"}, {"survival": "elitist", "parent_selection": "front-gap"}, {"rungs": (1, 2, 6)},
        {"adaptive_operators": True, "crossover_rate": 0.2}, {"parent_selection": "unexplored", "crossover_rate": 0.2},
        {"parent_selection": "unexplored", "rungs": (1, 3)},
    ], ids=str)
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        space = ListingSpace if request.param.get("parent_selection") == "unexplored" else ToySpace
        return lambda seed: NSGA2(
            space(), OBJECTIVES, population=10, children=6, generations=6, rng=rng(seed), **request.param
        )


class TestRandomSearch(SearcherContract):
    name = "random"

    @pytest.fixture(params=[(1,), (1, 3)])
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        return lambda seed: RandomSearch(
            ToySpace(), OBJECTIVES, population=10, children=6, generations=6, rungs=request.param, rng=rng(seed)
        )


class TestLocalSearch(SearcherContract):
    name = "local-search"

    @pytest.fixture(params=[(ToySpace, 1), (ToySpace, 8), (ListingSpace, 1), (ListingSpace, 16)], ids=str)
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        space, children = request.param
        return lambda seed: LocalSearch(
            space(), OBJECTIVES, population=10, children=children, generations=60, rng=rng(seed)
        )


class TestRegularizedEvolution(SearcherContract):
    name = "regularized-evolution"

    @pytest.fixture(params=[1, 4])
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        return lambda seed: RegularizedEvolution(
            ToySpace(), OBJECTIVES, population=10, children=request.param, generations=40,
            settings=RegularizedEvolutionSettings(sample=4), rng=rng(seed),
        )


class TestNSGA3(SearcherContract):
    name = "nsga3"

    @pytest.fixture(params=[OBJECTIVES, parse_objectives(["val_error"], [], ["val_error"])], ids=["two", "one"])
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        return lambda seed: NSGA3(
            ToySpace(), request.param, population=10, children=6, generations=6, rng=rng(seed)
        )


class TestSuccessiveHalving(SearcherContract):
    name = "successive-halving"

    @pytest.fixture
    def make_searcher(self) -> Maker:
        return lambda seed: SuccessiveHalving(
            ToySpace(), OBJECTIVES, population=12, generations=4, rungs=(1, 3, 9), rng=rng(seed)
        )


class TestHyperband(SearcherContract):
    name = "hyperband"

    @pytest.fixture
    def make_searcher(self) -> Maker:
        return lambda seed: Hyperband(ToySpace(), OBJECTIVES, generations=8, rungs=(1, 3, 9), rng=rng(seed))


class TestSurrogateSearch(SearcherContract):
    name = "surrogate"

    @pytest.fixture(params=["val_error,flops", "val_error", "val_error,flops,largest"])
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        names = request.param.split(",")
        objectives = parse_objectives(names, [], names, {"largest": "min"})
        return lambda seed: SurrogateSearch(
            ToySpace(), objectives, population=20, children=5, generations=6,
            settings=SurrogateSettings(trees=4, parents=3, samples=10), rng=rng(seed),
        )


class TestReinforce(SearcherContract):
    name = "reinforce"

    @pytest.fixture
    def make_searcher(self) -> Maker:
        return lambda seed: Reinforce(ToySpace(), OBJECTIVES, population=10, children=6, generations=6, rng=rng(seed))


def test_every_searcher_is_under_the_contract() -> None:
    assert set(SEARCHERS) <= {contract.name for contract in SearcherContract.__subclasses__()}


def final_hypervolume(memory: Memory) -> float:
    F = OBJECTIVES.matrix(list(memory.evaluations.values()))
    return hypervolume(F, np.array([1000.0, 4.0]))


def play(name: str, seed: int, **options: object) -> Memory:
    memory = Memory()
    searcher = SEARCHERS[name](
        ToySpace(), OBJECTIVES, population=20, children=10, generations=25, rng=rng(seed), **options
    )
    while memory.step(searcher):
        pass
    return memory


#: Pure aging drops the best, too, and a tournament of two in what is left hardly prefers any: it is behind random
#: search here, at 1034 beside 1098.
WEAK = ("aging", "binary-tournament")


@pytest.mark.parametrize(
    ("survival", "parent_selection"),
    [pair for pair in product(sorted(SURVIVALS), sorted(PARENT_SELECTIONS)) if pair != WEAK],
)
def test_selection_beats_random_search_at_equal_budget(survival: str, parent_selection: str) -> None:
    evolved, random = ([play(name, seed, **options) for seed in range(4)] for name, options in (
        ("nsga2", {"survival": survival, "parent_selection": parent_selection, "crossover_rate": 0.1}), ("random", {})
    ))
    assert [len(m.evaluations) for m in evolved] == [len(m.evaluations) for m in random]
    assert np.mean([final_hypervolume(m) for m in evolved]) > np.mean([final_hypervolume(m) for m in random])


#: Digests of all genotypes of a run, in order of their making. They change only with the algorithm.
GOLDEN: list[tuple[str, dict[str, Any]]] = [
    ("ec80706546a7", {"survival": "aging", "parent_selection": "tournament"}),
    ("2ba34ba4ef9e", {"survival": "aging-dominated", "parent_selection": "front-gap"}),
    ("cbb5e735e2e0", {"survival": "elitist", "parent_selection": "tournament", "adaptive_operators": True}),
    ("51bd9e75259a", {"survival": "aging-dominated", "parent_selection": "front-gap", "rungs": (1, 3)}),
]


@pytest.mark.parametrize(("digest", "options"), GOLDEN)
def test_a_golden_run_stays_as_it_is(digest: str, options: dict[str, Any]) -> None:
    memory = play("nsga2", 0, crossover_rate=0.1, **options)
    digests = "".join(memory.individuals[id].genotype.digest for id in sorted(memory.individuals))
    assert hashlib.blake2b(digests.encode(), digest_size=6).hexdigest() == digest


@pytest.mark.parametrize(("metric", "wanted", "drawn"), [("flops", 100.0, 90), ("flops", 7.0, 5), ("latency", 7.0, 40)])
def test_of_a_few_offspring_the_one_with_the_wanted_cost_is_tried_where_structure_tells_it(
    monkeypatch: pytest.MonkeyPatch, metric: str, wanted: float, drawn: int
) -> None:
    offspring = [Offspring(Digits((n,)), "change_digit") for n in (40, 90, 5, 60)]
    monkeypatch.setattr(ToySpace, "cost", lambda _, genotype: {"flops": float(genotype.values[0])})
    objectives = parse_objectives(["val_error", metric], [], ["val_error", metric])
    searcher = NSGA2(ToySpace(), objectives, rng=rng(0))
    proposals = iter(offspring)
    costs = objectives.reference({"val_error": 1.0, metric: wanted})[1:]
    child = searcher.closest_to_target(lambda _: next(proposals), TargetCost(costs, np.ones(1)))
    assert child.genotype.values == (drawn,)


@pytest.mark.parametrize(("first", "n_drawn"), [(90, 1), (40, 4)])
def test_no_other_offspring_are_drawn_once_one_costs_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, first: int, n_drawn: int
) -> None:
    monkeypatch.setattr(ToySpace, "cost", lambda _, genotype: {"flops": float(genotype.values[0])})
    objectives = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])
    searcher = NSGA2(ToySpace(), objectives, rng=rng(0))
    asked: list[str | None] = []

    def propose(operator: str | None) -> Offspring[Digits]:
        asked.append(operator)
        return Offspring(Digits((first,)), "change_digit")

    costs = objectives.reference({"val_error": 1.0, "flops": 90.0})[1:]
    searcher.closest_to_target(propose, TargetCost(costs, np.ones(1)))
    assert len(asked) == n_drawn


def test_differences_in_cost_count_by_their_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    offspring = [Offspring(Digits((n,)), "change_digit") for n in (10, 1000)]
    monkeypatch.setattr(
        ToySpace, "cost", lambda _, g: {"flops": float(g.values[0]), "depth": 3.0 if g.values[0] == 1000 else 9.0}
    )
    objectives = parse_objectives(["val_error", "flops", "depth"], [], ["val_error", "flops", "depth"])
    searcher = NSGA2(ToySpace(), objectives, rng=rng(0))
    for scale, drawn in (([1.0, 1.0], 1000), ([0.1, 100.0], 10)):
        proposals = iter([*offspring, *offspring])
        target = TargetCost(np.array([1.0, 3.0]), np.array(scale))
        child = searcher.closest_to_target(lambda _, p=proposals: next(p), target)
        assert child.genotype.values == (drawn,)


class AimingSpace(ToySpace):
    """Remembers what children should cost."""

    def __init__(self) -> None:
        self.wanted: list[dict[str, float]] = []

    def aims(self, operator: str, metrics: Collection[str]) -> bool:
        return operator == "aim" and "flops" in metrics

    def mutate_towards(
        self, parent: Digits, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[Digits]:
        self.wanted.append(dict(costs))
        return self.mutate(parent, rng, operator)


def test_a_space_that_can_aim_is_told_what_a_child_should_cost() -> None:
    memory, space = Memory(), AimingSpace()
    searcher = NSGA2(space, OBJECTIVES, population=6, children=4, generations=2, rng=rng(0))
    while memory.step(searcher):
        pass
    assert len(space.wanted) >= 8
    assert all(set(costs) == {"flops"} and costs["flops"] > 0 for costs in space.wanted)


@pytest.mark.parametrize(("operator", "n_drawn"), [("aim", 1), ("change_digit", 4)])
def test_an_operator_that_chooses_the_cost_of_a_child_draws_one(operator: str, n_drawn: int) -> None:
    searcher = NSGA2(AimingSpace(), OBJECTIVES, rng=rng(0))
    asked: list[str | None] = []

    def propose(name: str | None) -> Offspring[Digits]:
        asked.append(name)
        return Offspring(Digits((5,)), operator)

    searcher.closest_to_target(propose, TargetCost(np.array([50.0]), np.ones(1)))
    assert len(asked) == n_drawn


@pytest.mark.parametrize(("parent_selection", "each"), [("front-gap", True), ("tournament", False)])
def test_every_founder_has_a_child_before_any_has_two_where_parents_fill_gaps(
    parent_selection: str, each: bool
) -> None:
    memory = Memory()
    searcher = NSGA2(
        ToySpace(), OBJECTIVES, population=8, children=3, generations=4, parent_selection=parent_selection, rng=rng(0)
    )
    while memory.step(searcher):
        pass
    order = [memory.individuals[id].parents[0] for id in sorted(memory.individuals) if id >= 8]
    assert (sorted(order[:8]) == list(range(8))) is each
    assert len(order) == 12
    assert order[:8] != sorted(order[:8])


def test_all_offspring_of_which_the_nearest_is_tried_are_of_one_operator() -> None:
    searcher = NSGA2(ToySpace(), OBJECTIVES, rng=rng(0))
    asked: list[str | None] = []

    def propose(operator: str | None) -> Offspring[Digits]:
        asked.append(operator)
        return Offspring(Digits((len(asked),)), operator or "grow")

    searcher.closest_to_target(propose, TargetCost(np.array([2.0]), np.ones(1)))
    searcher.closest_to_target(propose, TargetCost(np.array([2.0]), np.ones(1)), "shrink")
    assert asked == [None, "grow", "grow", "grow", "shrink", "shrink", "shrink", "shrink"]


RANKING = Ranking(np.array([0, 1, 0, 1, 0, 12]), np.array([np.inf, 0.5, 0.1, 1.0, 2.0, 0.0]))
BIRTHS, IDS = np.array([0, 0, 1, 1, 2, 3]), np.arange(6)
FAILED = np.array([False] * 5 + [True])


def test_aging_drops_the_oldest_whatever_their_rank() -> None:
    assert SURVIVALS["aging"](BIRTHS, IDS, FAILED, RANKING, 3).tolist() == [2, 3, 4]


def test_aging_dominated_keeps_the_front_and_drops_the_oldest_dominated() -> None:
    assert SURVIVALS["aging-dominated"](BIRTHS, IDS, FAILED, RANKING, 4).tolist() == [0, 2, 3, 4]
    assert SURVIVALS["aging-dominated"](BIRTHS, IDS, FAILED, RANKING, 2).tolist() == [0, 4]


def test_elitist_keeps_the_best_by_rank_then_crowding() -> None:
    assert SURVIVALS["elitist"](BIRTHS, IDS, FAILED, RANKING, 4).tolist() == [0, 2, 3, 4]


def test_children_that_break_a_constraint_on_their_cost_are_drawn_again() -> None:
    space = ToySpace()
    objectives = parse_objectives(["val_error", "flops"], ["flops<=600"], ["val_error", "flops"])
    reproduction = Reproduction(space, objectives)
    generator = rng(0)
    drawn = [
        reproduction.create(lambda: (Offspring(space.sample(generator), "sample"), ()), generation=0)
        for _ in range(50)
    ]
    kept = [space.cost(i.genotype)["flops"] <= 600 for i in drawn]
    free = [space.cost(space.sample(rng(s)))["flops"] <= 600 for s in range(200)]
    assert np.mean(kept) > 0.95 > np.mean(free) + 0.2


@pytest.mark.parametrize(
    ("searcher", "options", "message"),
    [
        (NSGA2, {"population": 1}, "population must be at least 2, got 1"),
        (NSGA2, {"children": 0}, "children must be at least 1, got 0"),
        (NSGA2, {"generations": -1}, "generations must not be negative, got -1"),
        (NSGA2, {"crossover_rate": 1.5}, "crossover_rate must be a probability, got 1.5"),
        (NSGA2, {"survival": "agin"}, "unknown survival 'agin', did you mean 'aging'"),
        (NSGA2, {"parent_selection": "front-gaps"}, "unknown parent_selection 'front-gaps', did you mean 'front-gap'"),
        (RandomSearch, {"population": 0}, "population and children must be at least 1, got 0 and 20"),
    ],
)
def test_settings_out_of_range_are_refused(searcher: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        searcher(ToySpace(), OBJECTIVES, rng=rng(0), **options)


# -- rungs


@pytest.mark.parametrize("rungs", [(), (-1, 2), (3, 3), (4, 2)])
def test_rungs_that_do_not_ascend_are_refused(rungs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"rungs must be ascending budgets of at least 0, got \["):
        NSGA2(ToySpace(), OBJECTIVES, rungs=rungs, rng=rng(0))


@pytest.mark.parametrize("name", ["nsga2", "random"])
def test_the_best_third_and_the_non_dominated_climb_a_rung(name: str) -> None:
    memory = Memory()
    numbers = {"population": 12, "children": 9, "generations": 5, "rungs": (1, 4)}
    searcher = SEARCHERS[name](ToySpace(), OBJECTIVES, **numbers, rng=rng(3))
    seen: list[Evaluation[Digits]] = []
    while batch := memory.step(searcher):
        promoted = {t.individual.id for t in memory.step(searcher)}
        evaluations = [memory.evaluations[t.key] for t in batch]
        seen += evaluations
        assert {budget for id, budget in memory.evaluations if id in promoted} == {1, 4}
        assert len(batch) / 3 <= len(promoted) < len(batch)
        assert all(memory.evaluations[id, 1].status == "ok" for id in promoted)
        best = {seen[i].id for i in front(OBJECTIVES.matrix(seen))}
        assert best & {e.id for e in evaluations} <= promoted


def test_only_the_last_rung_enters_the_archive_and_the_population_prefers_it() -> None:
    memory, searcher = Memory(), NSGA2(
        ToySpace(), OBJECTIVES, population=10, children=9, generations=8, rungs=(1, 4), rng=rng(2)
    )
    confirmed = []
    while memory.step(searcher):
        state = searcher.state()
        assert {budget for _, budget in state["archive"]} <= {4}
        assert len(state["population"]) == 10
        confirmed.append(sum(budget == 4 for _, budget in state["population"]))
    n_evaluated = sum(budget == 4 and e.status == "ok" for (_, budget), e in memory.evaluations.items())
    assert n_evaluated > 10
    assert confirmed[0] == 0
    assert confirmed[-1] == 10


def test_who_fails_on_a_higher_rung_stays_with_what_it_reached() -> None:
    searcher = NSGA2(ToySpace(), OBJECTIVES, population=6, children=6, generations=3, rungs=(1, 4), rng=rng(0))
    searcher.tell([evaluate(t) for t in searcher.ask()])
    promoted = searcher.ask()
    searcher.tell([Evaluation(*t.key, "failed", {}, 0.0, "unlucky") for t in promoted])
    population = searcher.state()["population"]
    assert {(t.individual.id, 1) for t in promoted} <= set(population)
    assert len(searcher.ask()) == 6


def test_founders_below_the_last_rung_are_promoted_before_they_enter_the_archive() -> None:
    generator = rng(0)
    founders = [
        Trial(Individual(id, ToySpace().sample(generator), 0, "seed"), budget)
        for id, budget in enumerate((1, 4, 2, 9, 3, 2))
    ]
    searcher = NSGA2(ToySpace(), OBJECTIVES, population=6, founders=founders, rungs=(2, 4), rng=generator)
    assert searcher.ask() == founders
    searcher.tell([evaluate(trial) for trial in founders])
    assert {id for id, _ in searcher.state()["archive"]} <= {1, 3}
    promoted = searcher.ask()
    assert {t.individual.id for t in promoted} <= {0, 2, 4, 5}
    assert {t.budget for t in promoted} == {4}
    searcher.tell([evaluate(trial) for trial in promoted])
    assert {budget for _, budget in searcher.state()["archive"]} <= {4, 9}
    assert searcher.state()["generation"] == 1
