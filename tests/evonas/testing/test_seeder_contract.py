"""The contract of seeders: a family of toys passes, and every law finds a seeder that breaks it, and says how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pytest

from evonas.data.samples import Splits
from evonas.testing import SeederContract
from evonas.testing.capability_contract import noise
from evonas.testing.toy import LENGTH, TASK, Digits, ToySpace
from evonas.types import Metrics
from tests.evonas.testing.faults import found_by, laws_of

NUMBERS = count()
FLOPS = (10, 1000)


def toy_of(flops: float) -> list[int]:
    """Digits whose squares add up to at most ``flops - 1``, nearly."""
    left, digits = int(flops) - 1, []
    for _ in range(LENGTH):
        digits.append(min(15, int(left**0.5)))
        left -= digits[-1] ** 2
    return digits


@dataclass(frozen=True)
class Spread:
    """Toys whose FLOPs are spread evenly over the logarithms, whatever the number of members."""

    training: Mapping[str, Any]

    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        low, high = np.log(FLOPS)
        place = (0.5 + index * 0.6180339887) % 1
        return Digits(tuple(rng.permutation(toy_of(np.exp(low + place * (high - low)))).tolist()))


class FamilySpace(ToySpace):
    """The toy space with one seeder, named spread."""

    def __init__(self, seeder: Any = Spread({})) -> None:
        self.seeders = {"spread": seeder}


class TestSpread(SeederContract):
    name = "spread"
    flops = FLOPS
    space = FamilySpace()
    splits = noise(TASK)


class Same(Spread):
    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        return super().__call__(0, np.random.default_rng(0))


class Unseeded(Spread):
    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        return super().__call__(index, np.random.default_rng(next(NUMBERS)))


class Sorted(Spread):
    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        return Digits(tuple(sorted(super().__call__(index, rng).values)))


class Small(Spread):
    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        return super().__call__(0, rng)


class Costly(Spread):
    def __call__(self, index: int, rng: np.random.Generator) -> Digits:
        return Digits((15, 15, 15, 15, 15, 15, 15, index))


class Growing(FamilySpace):
    """Counts more FLOPs each time, as if training had added edges."""

    def cost(self, genotype: Digits) -> Metrics:
        return {"flops": float(next(NUMBERS))}


MEMBERS = "test_members_are_valid_different_and_follow_from_the_seed"
COVER = "test_any_first_members_cover_the_budgets"
TRAINING = "test_training_ends_at_the_budget_with_weights_that_fit"
FAULTS: list[tuple[str, Any, str]] = [
    (MEMBERS, FamilySpace(Same({})), "two members of a family are the same genotype"),
    (MEMBERS, FamilySpace(Unseeded({})), "the seeder gives other members for the same generator"),
    (MEMBERS, FamilySpace(Sorted({})), "the seeder gives the same members for every generator"),
    (COVER, FamilySpace(Small({})), "8 members leave a gap in the range of FLOPs"),
    (COVER, FamilySpace(Costly({})), "a member costs more than 1000 FLOPs"),
    (TRAINING, Growing(), "a trained member costs another number of FLOPs"),
    ("test_its_training_is_a_recipe", FamilySpace(Spread({"batch_sise": 3})), "batch_sise"),
]


@pytest.fixture(scope="module")
def splits() -> Splits:
    return noise(TASK)


@pytest.mark.parametrize(("law", "space", "message"), FAULTS, ids=[f"{law}-{said}" for law, _, said in FAULTS])
def test_a_seeder_that_breaks_a_law_is_found_and_told_how(law: str, space: Any, message: str, splits: Splits) -> None:
    seeder = space.seeders["spread"]
    parts = {
        MEMBERS: (space, seeder), COVER: (space, seeder), TRAINING: (space, seeder, splits)
    }.get(law, (seeder,))
    arguments = {"n": 8} if law == COVER else {}
    assert re.search(message, found_by(TestSpread(), law, *parts, **arguments))


def test_every_law_is_broken_by_some_seeder() -> None:
    assert {law for law, _, _ in FAULTS} == laws_of(SeederContract)
