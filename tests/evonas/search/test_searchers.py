"""Every searcher under the contract, and what is particular to each."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from contracts.searcher_contract import OBJECTIVES, Maker, Memory, SearcherContract, rng
from toy import ToySpace

from evonas.objectives import parse_objectives
from evonas.pareto import Ranking, hypervolume
from evonas.search import NSGA2, SEARCHERS, SURVIVALS, RandomSearch
from evonas.search.births import Births
from evonas.space import Offspring


class TestNSGA2(SearcherContract):
    name = "nsga2"

    @pytest.fixture(params=sorted(SURVIVALS))
    def make_searcher(self, request: pytest.FixtureRequest) -> Maker:
        return lambda seed: NSGA2(
            ToySpace(), OBJECTIVES, population=10, children=6, generations=6, survival=request.param, rng=rng(seed)
        )


class TestRandomSearch(SearcherContract):
    name = "random"

    @pytest.fixture
    def make_searcher(self) -> Maker:
        return lambda seed: RandomSearch(
            ToySpace(), OBJECTIVES, population=10, children=6, generations=6, rng=rng(seed)
        )


def test_every_searcher_is_under_the_contract() -> None:
    assert set(SEARCHERS) == {contract.name for contract in SearcherContract.__subclasses__()}


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


@pytest.mark.parametrize("survival", sorted(SURVIVALS))
def test_selection_beats_random_search_at_equal_budget(survival: str) -> None:
    evolved, random = ([play(name, seed, **options) for seed in range(4)] for name, options in (
        ("nsga2", {"survival": survival}), ("random", {})
    ))
    assert [len(m.evaluations) for m in evolved] == [len(m.evaluations) for m in random]
    assert np.mean([final_hypervolume(m) for m in evolved]) > np.mean([final_hypervolume(m) for m in random])


#: Digests of all genotypes of a run, in order of birth. They change only with the algorithm: integers all the way.
GOLDEN = {
    "aging": "37eebbcadb40", "aging-dominated": "d1559bac0b8c", "elitist": "63f4698b7fc5",
}


@pytest.mark.parametrize("survival", sorted(SURVIVALS))
def test_a_golden_run_stays_as_it_is(survival: str) -> None:
    memory = play("nsga2", 0, survival=survival)
    digests = "".join(memory.individuals[id].genotype.digest for id in sorted(memory.individuals))
    assert hashlib.blake2b(digests.encode(), digest_size=6).hexdigest() == GOLDEN[survival]


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
    births = Births(space, objectives)
    generator = rng(0)
    born = [births.born(lambda: (Offspring(space.sample(generator), "sample"), ()), generation=0) for _ in range(50)]
    kept = [space.cost(i.genotype)["flops"] <= 600 for i in born]
    free = [space.cost(space.sample(rng(s)))["flops"] <= 600 for s in range(200)]
    assert np.mean(kept) > 0.95 > np.mean(free) + 0.2


def test_population_and_children_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="population must be at least 2, got 1"):
        NSGA2(ToySpace(), OBJECTIVES, population=1, rng=rng(0))
    with pytest.raises(ValueError, match="children must be at least 1, got 0"):
        NSGA2(ToySpace(), OBJECTIVES, children=0, rng=rng(0))
