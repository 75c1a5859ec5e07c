"""The laws that every searcher obeys. Subclass, and give a fixture ``make_searcher``."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from toy import Digits, ToySpace

from evonas.individual import Evaluation, Individual, Trial
from evonas.objectives import parse_objectives
from evonas.search import Searcher

OBJECTIVES = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])
Maker = Callable[[int], Searcher[Digits]]


def evaluate(trial: Trial[Digits]) -> Evaluation[Digits]:
    """Integer arithmetic only: the same on every machine. Every 11th individual fails."""
    values = trial.individual.genotype.values
    if trial.individual.id % 11 == 10:
        return Evaluation(*trial.key, "failed", {}, 0.0, "unlucky")
    error = 1000 - 8 * sum(values) + trial.individual.id % 7 // trial.budget
    metrics = {"val_error": float(error), "largest": float(max(values)), **ToySpace().cost(trial.individual.genotype)}
    return Evaluation(*trial.key, "ok", metrics, 0.0)


class Memory:
    """A history in memory."""

    def __init__(self) -> None:
        self.individuals: dict[int, Individual[Digits]] = {}
        self.evaluations: dict[tuple[int, int], Evaluation[Digits]] = {}

    def individual(self, id: int) -> Individual[Digits]:
        return self.individuals[id]

    def evaluation(self, id: int, budget: int) -> Evaluation[Digits]:
        return self.evaluations[id, budget]

    def digests(self, before: int) -> Iterable[str]:
        return [i.genotype.digest for i in self.individuals.values() if i.id < before]

    def step(self, searcher: Searcher[Digits]) -> list[Trial[Digits]]:
        trials = searcher.ask()
        self.individuals |= {t.individual.id: t.individual for t in trials}
        self.evaluations |= {t.key: evaluate(t) for t in trials}
        if trials:
            searcher.tell([self.evaluations[t.key] for t in trials])
        return trials


class SearcherContract(ABC):
    #: The name that users know the searcher by.
    name: str

    @pytest.fixture
    @abstractmethod
    def make_searcher(self) -> Maker:
        """A function from a seed to a new searcher that ends after a few batches."""

    def test_ids_count_from_zero_and_genotypes_are_new(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(0)
        while memory.step(searcher):
            pass
        assert sorted(memory.individuals) == list(range(len(memory.individuals)))
        assert len(memory.individuals) > 40
        assert len({i.genotype for i in memory.individuals.values()}) == len(memory.individuals)

    def test_the_same_seed_asks_for_the_same_trials(self, make_searcher: Maker) -> None:
        runs = []
        for _ in range(2):
            memory, searcher = Memory(), make_searcher(3)
            runs.append([trial for _ in range(4) for trial in memory.step(searcher)])
        assert runs[0] == runs[1]

    def test_a_restored_searcher_goes_on_exactly(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(5)
        for _ in range(3):
            memory.step(searcher)
        state = searcher.state()
        ahead = searcher.ask()  # asked, then killed before any evaluation: must not matter
        memory.individuals |= {t.individual.id: t.individual for t in ahead}
        twin = make_searcher(99)
        twin.restore(json.loads(json.dumps(state)), memory)
        assert twin.ask() == ahead

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

    def test_it_ends(self, make_searcher: Maker) -> None:
        memory, searcher = Memory(), make_searcher(0)
        for _ in range(100):
            if not memory.step(searcher):
                break
        assert searcher.ask() == []


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
