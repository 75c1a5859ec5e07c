"""Operators are drawn by what they earned."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import pytest

from evonas.individual import Individual, Trial
from evonas.report.operators import operator_credits
from evonas.search import NSGA2
from evonas.search.credit import FLOOR, Credit, credit_batch
from evonas.space import Offspring
from evonas.store import Record
from evonas.testing.searcher_contract import Memory, rng
from evonas.testing.toy import OBJECTIVES, Digits, ToySpace

PRIOR = {"grow": 3.0, "shrink": 1.0}


def after(*batches: tuple[list[str], list[float], list[float]]) -> Credit:
    credit = Credit()
    for operators, gains, work in batches:
        credit = credit.after(operators, np.array(gains), np.array(work))
    return credit


def test_nothing_gained_leaves_the_prior_and_its_floor() -> None:
    for credit in (Credit(), after((["grow", "shrink"], [0.0, 0.0], [1.0, 9.0]))):
        shares = credit.shares(PRIOR)
        assert shares["grow"] == pytest.approx(0.75 * (1 - FLOOR) + FLOOR / 2)
        assert sum(shares.values()) == pytest.approx(1)


def test_the_same_gain_for_twice_the_work_is_worth_half() -> None:
    even = {"grow": 1.0, "shrink": 1.0}
    cheap, costly = (after((["grow", "shrink"], [1.0, 1.0], [1.0, w])).shares(even)["grow"] for w in (1.0, 2.0))
    assert cheap == pytest.approx(0.5)
    assert 0.6 < costly < 2 / 3


def test_an_operator_that_earns_nothing_keeps_the_floor_and_what_is_long_ago_fades() -> None:
    early = (["shrink"] * 5 + ["grow"] * 5, [1.0] * 5 + [0.0] * 5, [1.0] * 10)
    late = (early[0], early[1][::-1], early[2])
    assert FLOOR / 2 < after(*[early] * 50).shares(PRIOR)["grow"] < 0.2 < 0.7 < Credit().shares(PRIOR)["grow"]
    assert after(*[early] * 50, *[late] * 50).shares(PRIOR)["grow"] > 0.8
    assert after(early, early) != after(early)


def test_credit_is_the_hypervolume_at_the_last_rung_and_work_at_every() -> None:
    def record(error: float, flops: float, status: str = "ok") -> Record:
        return Record(0, 1, 1, "", (), status, {"val_error": error, "flops": flops, "edge_updates": 7.0}, 0, 0, None)

    batch = [record(0.4, 10), record(0.6, 1000), record(0.2, 100), record(0.1, 1, "failed")]
    names = ["grow", "shrink", "shrink", "grow"]
    credit, low = (
        credit_batch(Credit(), names, batch, OBJECTIVES, front=[record(0.5, 100)], reference=[1.0, 3.0], final=final)
        for final in ([True] * 4, [False] * 4)
    )
    assert credit.gain == pytest.approx({"grow": 0.6 * 2 - 0.5, "shrink": 0.3})  # log10(flops) on the second axis
    assert credit.work == low.work == {"grow": 14.0, "shrink": 14.0}  # a failed trial counts as the others' mean
    assert low.gain == {"grow": 0.0, "shrink": 0.0}


@pytest.mark.parametrize(("rungs", "budgets"), [((1,), ()), ((1, 3), ()), ((1, 3, 5), (1, 1, 2, 3, 4, 5, 9, 3, 1))])
def test_the_credit_of_a_run_follows_from_its_records(rungs: tuple[int, ...], budgets: tuple[int, ...]) -> None:
    memory, states, generator = Memory(), [], rng(4)
    founders = [
        Trial(Individual(id, ToySpace().sample(generator), 0, "seed"), budget) for id, budget in enumerate(budgets)
    ]
    searcher = NSGA2(
        ToySpace(), OBJECTIVES, population=9, children=6, generations=8, rungs=rungs, founders=founders,
        adaptive_operators=True, rng=generator,
    )
    while memory.step(searcher):
        states.append(searcher.state()["credit"])
    records = [
        Record(e.id, e.budget, i.generation, i.operator, i.parents, e.status, dict(e.metrics), 0.0, 0.0, e.error)
        for e in memory.evaluations.values() for i in [memory.individuals[e.id]]
    ]
    credits = operator_credits(records, OBJECTIVES, rungs=rungs)
    assert [{"gain": c.gain, "work": c.work} for c in credits] == states[1:]
    assert credits[-1].gain["change_digit"] > 0


def test_credit_that_nobody_uses_is_not_reckoned() -> None:
    memory, searcher = Memory(), NSGA2(ToySpace(), OBJECTIVES, population=9, children=6, generations=3, rng=rng(4))
    while memory.step(searcher):
        assert searcher.state()["credit"] == {"gain": {}, "work": {}}


def test_adaptation_finds_the_operator_that_pays() -> None:
    class Lopsided(ToySpace):
        """An operator that swaps digits: neither the error nor the cost of the child is another."""

        operators: ClassVar = {"change_digit": 1.0, "swap_digits": 9.0}

        def mutate(self, parent: Digits, rng: np.random.Generator, operator: str | None = None) -> Offspring[Digits]:
            if (operator or rng.choice(list(self.operators), p=[0.1, 0.9])) == "change_digit":
                return super().mutate(parent, rng, "change_digit")
            return Offspring(Digits(tuple(rng.permutation(parent.values).tolist())), "swap_digits")

    counts = {}
    for adaptive_operators in (True, False):
        memory, searcher = Memory(), NSGA2(
            Lopsided(), OBJECTIVES, population=20, children=20, generations=25,
            adaptive_operators=adaptive_operators, rng=rng(0),
        )
        while memory.step(searcher):
            pass
        counts[adaptive_operators] = Counter(i.operator for i in memory.individuals.values())
    assert counts[True]["change_digit"] > 3 * counts[False]["change_digit"]
    assert counts[True]["swap_digits"] > 0
