"""The laws that every table of measurements obeys."""

from __future__ import annotations

import math
import pickle
import re
from contextlib import suppress
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from evonas.capabilities.tables import ArchitectureTable
from evonas.objectives.metrics import METRICS
from evonas.space import SearchSpace
from evonas.testing.contract import Contract, required
from evonas.testing.lineage import SEEDS, generator
from evonas.types import UserError


class TableContract(Contract):
    """Finite measurements under the promised names at every budget, a fingerprint, and the refusal of other spaces.

    Attributes:
        space: The search space whose networks the table has, for the table's task; a value or a fixture.
        table: The table, as a :class:`evonas.capabilities.tables.TableSource` reads it; a value or a fixture.
    """

    space: ClassVar[Any] = required("space", "the search space whose networks the table has")
    table: ClassVar[Any] = required("table", "a table of measurements, as its source reads it")

    def test_every_promised_metric_is_a_finite_number_and_the_same_again(
        self, space: SearchSpace[Any], table: ArchitectureTable[Any]
    ) -> None:
        measured = 0
        for seed in SEEDS:
            genotype = space.sample(generator(seed))
            for budget in table.budgets:
                with suppress(LookupError):  # a network that was not measured
                    values = table.measure(genotype, budget)
                    measured += 1
                    assert set(values) == set(table.metric_names), "measure gives other metrics than metric_names names"
                    for name, value in values.items():
                        assert math.isfinite(value), f"{name} is {value}: raise LookupError where it was not measured"
                    assert table.measure(genotype, budget) == values, "measure gives other values at a second call"
        assert measured, "none of the sampled networks is in the table"

    def test_budgets_ascend_and_no_other_is_measured(
        self, space: SearchSpace[Any], table: ArchitectureTable[Any]
    ) -> None:
        assert table.budgets, "a table must have one budget at least"
        assert all(first < second for first, second in pairwise(table.budgets)), "budgets must ascend"
        assert table.budgets[0] >= 0, "budgets must not be negative"
        with pytest.raises((LookupError, ValueError), match=r"."):
            table.measure(space.sample(generator(0)), table.budgets[-1] + 1)

    def test_it_says_whether_less_or_more_is_better_where_the_engine_does_not_know(
        self, table: ArchitectureTable[Any]
    ) -> None:
        for name in table.metric_names:
            known = name in METRICS or name in table.goals
            assert known, f"{name} is no metric of the engine's, and `goals` does not name it"
        assert set(table.goals.values()) <= {"min", "max"}, "goals must be 'min' or 'max'"

    def test_it_belongs_to_its_space_and_no_other(
        self, space: SearchSpace[Any], table: ArchitectureTable[Any]
    ) -> None:
        table.check(space)
        with pytest.raises(UserError):
            table.check(object())

    def test_a_table_sent_to_another_process_is_the_same(
        self, space: SearchSpace[Any], table: ArchitectureTable[Any]
    ) -> None:
        copy = pickle.loads(pickle.dumps(table))
        assert re.fullmatch("[0-9a-f]+", table.fingerprint), "the fingerprint must be a hex digest"
        assert copy.fingerprint == table.fingerprint, "a pickled copy of the table has another fingerprint"
        for seed in SEEDS:
            genotype = space.sample(generator(seed))
            for budget in table.budgets:
                with suppress(LookupError):
                    expected = table.measure(genotype, budget)
                    assert copy.measure(genotype, budget) == expected, "a pickled copy of the table measures otherwise"
