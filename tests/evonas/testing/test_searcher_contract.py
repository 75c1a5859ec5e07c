"""The contract of searchers: every law finds a searcher that breaks it, and says how."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from evonas.individual import Evaluation, Trial
from evonas.search import RandomSearch, Searcher, SuccessiveHalving
from evonas.search.base import History
from evonas.testing import SearcherContract
from evonas.testing.searcher_contract import Maker
from evonas.testing.toy import OBJECTIVES, Digits, ToySpace
from evonas.types import Json
from tests.evonas.testing.faults import found_by, laws_of

NUMBERS = count()


class TestByItsClass(SearcherContract):
    factory = RandomSearch


class TestOfSeveralRungs(SearcherContract):
    factory = SuccessiveHalving


class Correct(RandomSearch[Digits]):
    """Breaks no law."""


class Twice(Correct):
    def ask(self) -> Sequence[Trial[Digits]]:
        trials = list(super().ask())
        return [replace(t, individual=replace(t.individual, genotype=trials[0].individual.genotype)) for t in trials]


class FromOne(Correct):
    def ask(self) -> Sequence[Trial[Digits]]:
        return [replace(t, individual=replace(t.individual, id=t.individual.id + 1)) for t in super().ask()]

    def tell(self, evaluations: Sequence[Evaluation[Digits]]) -> None:
        super().tell([replace(evaluation, id=evaluation.id - 1) for evaluation in evaluations])


class Unseeded(Correct):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "rng": np.random.default_rng(next(NUMBERS))})


class Forgetful(Correct):
    """Restores all but its generator."""

    def restore(self, state: Json, history: History[Digits]) -> None:
        super().restore(state, history)
        self._rng = np.random.default_rng(7)


class Tolerant(Correct):
    """Takes what it should refuse."""

    def ask(self) -> Sequence[Trial[Digits]]:
        try:
            return super().ask()
        except RuntimeError:
            return []

    def tell(self, evaluations: Sequence[Evaluation[Digits]]) -> None:
        with suppress(ValueError):
            super().tell(evaluations)


class Unaware(Correct):
    """Does not know what is under way."""

    @property
    def under_way(self) -> Sequence[Trial[Digits]]:
        return []


def made(kind: type[Correct], generations: int = 5) -> Maker:
    def make(seed: int) -> Searcher[Digits]:
        return kind(
            ToySpace(), OBJECTIVES, population=12, children=8, generations=generations, rng=np.random.default_rng(seed)
        )

    return make


FAULTS: list[tuple[str, Maker, str]] = [
    ("test_ids_count_from_zero_and_genotypes_are_new", made(Twice), "a genotype is asked for under two ids"),
    ("test_ids_count_from_zero_and_genotypes_are_new", made(FromOne), "ids must count up from 0"),
    ("test_ids_count_from_zero_and_genotypes_are_new", made(Correct, 1), "a searcher of more than 40 individuals"),
    ("test_the_same_seed_asks_for_the_same_trials", made(Unseeded), "two searchers of one seed ask for other trials"),
    ("test_a_restored_searcher_goes_on_exactly", made(Forgetful), "a restored searcher asks for other trials"),
    ("test_ask_before_tell_is_misuse", made(Tolerant), "DID NOT RAISE"),
    ("test_tell_without_ask_is_misuse", made(Tolerant), "DID NOT RAISE"),
    ("test_tell_refuses_evaluations_of_other_trials", made(Tolerant), "DID NOT RAISE"),
    ("test_one_that_is_told_of_some_trials_goes_on_with_the_others_under_way", made(Unaware),
     "under_way must be what was asked and not told"),
    ("test_it_ends", made(Correct, 1000), "a searcher must end after a few batches"),
]


@pytest.mark.parametrize(("law", "make_searcher", "message"), FAULTS, ids=[f"{law}-{said}" for law, _, said in FAULTS])
def test_a_searcher_that_breaks_a_law_is_found_and_told_how(law: str, make_searcher: Maker, message: str) -> None:
    assert re.search(message, found_by(TestByItsClass(), law, make_searcher))
    getattr(TestByItsClass(), law)(made(Correct))


def test_every_law_is_broken_by_some_searcher() -> None:
    assert {law for law, _, _ in FAULTS} == laws_of(SearcherContract)
