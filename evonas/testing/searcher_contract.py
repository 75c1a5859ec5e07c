"""The laws that every searcher obeys."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
import pytest

from evonas.individual import Evaluation, Individual, Trial
from evonas.search import Searcher, SearcherFactory, traits_of
from evonas.search.base import TellsSome
from evonas.testing.contract import Contract
from evonas.testing.toy import OBJECTIVES, Digits, ToySpace

Maker = Callable[[int], Searcher[Digits]]


def evaluate(trial: Trial[Digits]) -> Evaluation[Digits]:
    """Integer arithmetic only: the same on every machine. Every 11th individual fails."""
    values = trial.individual.genotype.values
    if trial.individual.id % 11 == 10:
        return Evaluation(*trial.key, "failed", {}, 0.0, "unlucky")
    error = 1000 - 8 * sum(values) + trial.individual.id % 7 // trial.budget
    flops = ToySpace().cost(trial.individual.genotype)["flops"]
    metrics = {"val_error": float(error), "largest": float(max(values)), "flops": flops}
    return Evaluation(*trial.key, "ok", metrics, 0.0)


class Memory:
    """A history in memory."""

    def __init__(self) -> None:
        self.individuals: dict[int, Individual[Digits]] = {}
        self.evaluations: dict[tuple[int, int], Evaluation[Digits]] = {}

    def individual(self, id: int) -> Individual[Digits]:
        """Individual by its id, see :meth:`evonas.search.History.individual`."""
        return self.individuals[id]

    def evaluation(self, id: int, budget: int) -> Evaluation[Digits]:
        """Evaluation by id and budget, see :meth:`evonas.search.History.evaluation`."""
        return self.evaluations[id, budget]

    def digests(self, before: int) -> Iterable[str]:
        """Digests of earlier genotypes, see :meth:`evonas.search.History.digests`."""
        return [i.genotype.digest for i in self.individuals.values() if i.id < before]

    def step(self, searcher: Searcher[Digits]) -> list[Trial[Digits]]:
        """Ask for trials, evaluate and tell them; an empty list means that the searcher has ended."""
        trials = searcher.ask()
        self.individuals |= {t.individual.id: t.individual for t in trials}
        self.evaluations |= {t.key: evaluate(t) for t in trials}
        if trials:
            searcher.tell([self.evaluations[t.key] for t in trials])
        return list(trials)


class SearcherContract(Contract):
    """New genotypes under ids that count up, the same trials for a seed, exact restarts, errors for misuse, an end.

    A subclass sets ``factory``, which makes the searcher as the command line does: it is run on the toy space with two
    objectives, 12 founders and 8 children in each of 5 generations. A searcher that needs other settings or another
    space is made by a fixture ``make_searcher``: a function from a seed to a new searcher on a space of toy genotypes
    that ends after a few batches, of more than 40 individuals in all.

    Attributes:
        name: The name that users know the searcher by; lists of contracts use it.
        factory: The searcher's class, or a function that makes it.
    """

    name: ClassVar[str] = ""
    factory: ClassVar[SearcherFactory]

    @pytest.fixture
    def make_searcher(self) -> Maker:
        """A function from a seed to a new searcher that ends after a few batches."""
        factory = getattr(type(self), "factory", None)
        if factory is None:
            pytest.fail(
                f"{type(self).__name__} sets no `factory`: give the class the searcher's class, or a fixture "
                "`make_searcher`, a function from a seed to a new searcher",
                pytrace=False,
            )
        rungs = (1, 3, 9) if traits_of(factory).rungs == "several" else (1,)
        return lambda seed: factory(
            ToySpace(), OBJECTIVES, population=12, children=8, generations=5, rungs=rungs, rng=rng(seed)
        )

    def test_ids_count_from_zero_and_genotypes_are_new(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(0)
        while memory.step(searcher):
            pass
        assert sorted(memory.individuals) == list(range(len(memory.individuals))), "ids must count up from 0"
        assert len(memory.individuals) > 40, "the contract needs a searcher of more than 40 individuals"
        n_genotypes = len({i.genotype for i in memory.individuals.values()})
        assert n_genotypes == len(memory.individuals), "a genotype is asked for under two ids"

    def test_the_same_seed_asks_for_the_same_trials(self, make_searcher: Maker) -> None:
        runs = []
        for _ in range(2):
            memory, searcher = Memory(), make_searcher(3)
            runs.append([trial for _ in range(4) for trial in memory.step(searcher)])
        assert runs[0] == runs[1], "two searchers of one seed ask for other trials: draw from rng alone"

    def test_a_restored_searcher_goes_on_exactly(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(5)
        for _ in range(3):
            memory.step(searcher)
        state = searcher.state()
        ahead = searcher.ask()  # asked, then killed before any evaluation: must not matter
        memory.individuals |= {t.individual.id: t.individual for t in ahead}
        twin = make_searcher(99)
        twin.restore(json.loads(json.dumps(state)), memory)
        assert twin.ask() == ahead, "a restored searcher asks for other trials: state must hold all that ask depends on"

    def test_ask_before_tell_is_misuse(self, make_searcher: Maker) -> None:
        searcher = make_searcher(0)
        searcher.ask()
        with pytest.raises(RuntimeError, match="wait for an evaluation"):
            searcher.ask()

    def test_tell_without_ask_is_misuse(self, make_searcher: Maker) -> None:
        with pytest.raises(ValueError, match="one evaluation for each asked trial"):
            make_searcher(0).tell([])

    def test_tell_refuses_evaluations_of_other_trials(self, make_searcher: Maker) -> None:
        searcher: Searcher[Any] = make_searcher(0)
        trials = searcher.ask()
        with pytest.raises(ValueError, match="one evaluation for each asked trial"):
            searcher.tell([evaluate(t) for t in trials[1:]])

    def test_one_that_is_told_of_some_trials_goes_on_with_the_others_under_way(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(4)
        if not isinstance(searcher, TellsSome):
            return
        waiting: dict[tuple[int, int], Trial[Digits]] = {}
        for n_told in (7, 0, 11):
            trials = list(searcher.ask())
            memory.individuals |= {t.individual.id: t.individual for t in trials}
            waiting |= {t.key: t for t in trials}
            told = list(waiting.values())[::-1][:n_told]
            memory.evaluations |= {t.key: evaluate(t) for t in told}
            searcher.tell_some([memory.evaluations[t.key] for t in told])
            waiting = {key: trial for key, trial in waiting.items() if key not in {t.key for t in told}}
            assert {t.key for t in searcher.under_way} == set(waiting), "under_way must be what was asked and not told"
        state = searcher.state()
        with pytest.raises(ValueError, match="asked for and not told"):
            searcher.tell_some([Evaluation(10**6, 1, "ok", {}, 0.0)])
        twin: Any = make_searcher(99)
        twin.restore(json.loads(json.dumps(state)), memory)
        assert twin.under_way == searcher.under_way, "the state must name the trials under way"
        assert twin.ask() == searcher.ask(), "a restored searcher asks for other trials"

    def test_it_ends(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(0)
        for _ in range(100):
            if not memory.step(searcher):
                break
        assert searcher.ask() == [], "a searcher must end after a few batches, and must then ask for nothing more"


def rng(seed: int) -> np.random.Generator:
    """A new generator."""
    return np.random.default_rng(seed)
