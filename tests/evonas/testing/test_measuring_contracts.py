"""The contracts of metrics, proxies and tables: every law finds what breaks it, and says how."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from evonas.evaluation import CostEvaluator, CustomEvaluator
from evonas.evaluation.proxies.networks import Batch
from evonas.objectives.metrics import STRUCTURE, Metric
from evonas.space import Phenotype, SearchSpace
from evonas.testing import MetricContract, ProxyContract, TableContract
from evonas.testing.lineage import initial_weights
from evonas.testing.toy import TASK, Digits, ToySpace
from evonas.training import Stop
from evonas.types import Goal, Metrics, Task, UserError, Weights
from tests.evonas.testing.faults import found_by, laws_of

SPACE = ToySpace()
NUMBERS = count()


def networks() -> list[Phenotype[Digits]]:
    genotypes = [Digits((value,) * 8) for value in (3, 5)]
    return [Phenotype(genotype, initial_weights(SPACE, genotype)) for genotype in genotypes]


@dataclass(frozen=True)
class Length:
    """The length of the vector of weights."""

    metric_names: tuple[str, ...] = ("length",)
    goals: ClassVar[Mapping[str, Goal]] = {"length": "min"}
    shares_memory: bool = True

    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        return {"length": float(np.linalg.norm(phenotype.weights["weight"]))}


class Reach:
    """A metric as an entry point names it."""

    description = Metric("the largest digit", "count", STRUCTURE, goal="max")

    def __call__(self, space: SearchSpace[Any], genotype: Any, weights: Weights | None) -> float:
        return float(max(genotype.values))


class TestLength(MetricContract):
    space = SPACE
    metric = Length()


class TestCosts(MetricContract):
    space = SPACE
    metric = CostEvaluator(SPACE, ("params", "flops"))


class TestOfAnEntryPoint(MetricContract):
    space = SPACE
    metric = CustomEvaluator(SPACE, {"reach": Reach()})


class Infinite(Length):
    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        return {"length": float("nan")}


class Random(Length):
    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        return {"length": float(next(NUMBERS))}


class Clipping(Length):
    def measure(self, phenotype: Phenotype[Digits], stop: Stop) -> Metrics:
        phenotype.weights["weight"][:] = 0
        return {"length": 0.0}


class Aimless(Length):
    goals: ClassVar[Mapping[str, Any]] = {}


class Undecided(Length):
    goals: ClassVar[Mapping[str, Any]] = {"length": "up"}


class Lost(Length):
    """Is another where it was sent."""

    def __getstate__(self) -> Any:
        return {}

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "metric_names", ("other",))


Law = tuple[str, Any, str]
#: A law of metrics and of tables.
GOALS = "test_it_says_whether_less_or_more_is_better_where_the_engine_does_not_know"
METRICS: list[Law] = [
    ("test_every_promised_metric_is_a_finite_number", Infinite(), "length is nan: raise where there is no value"),
    ("test_every_promised_metric_is_a_finite_number", Length(("length", "width")), "leaves out .* promises: width"),
    ("test_every_promised_metric_is_a_finite_number", Length(()), "the evaluator promises no metric"),
    ("test_a_value_is_a_function_of_the_network_alone", Random(), "another value for the same network"),
    ("test_the_network_stays_as_it_is", Clipping(), "measure changes the weights weight"),
    ("test_a_metric_sent_to_another_process_is_the_same", Lost(), "a pickled copy of the evaluator promises other"),
    (GOALS, Aimless(), "length is no metric of the engine's, and `goals` does not name it"),
    (GOALS, Undecided(), "the goal of length must be 'min' or 'max', got 'up'"),
    ("test_it_measures_what_an_evaluator_of_trials_leaves", Random(), "the metric has another value"),
    ("test_it_measures_what_an_evaluator_of_trials_leaves", Length(shares_memory=None),  # type: ignore[arg-type]
     "shares_memory must be True or False"),
]


@pytest.mark.parametrize(("law", "metric", "message"), METRICS, ids=[f"{law}-{said}" for law, _, said in METRICS])
def test_a_metric_that_breaks_a_law_is_found_and_told_how(law: str, metric: Any, message: str) -> None:
    parts: dict[str, Any] = {"space": SPACE, "metric": metric, "phenotypes": networks()}
    names = getattr(MetricContract, law).__annotations__
    given = {name: part for name, part in parts.items() if name in names}
    assert re.search(message, found_by(TestLength(), law, **given))


# -- proxies


def batch() -> Batch:
    x = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    return Batch(x, torch.arange(6) % TASK.n_outputs, TASK)


def network() -> nn.Module:
    return SPACE.compile(Digits((1, 2, 3, 4, 5, 6, 7, 8)))


def mean_loss(network: nn.Module, batch: Batch) -> float:
    with torch.no_grad():
        return float(batch.loss(network(batch.x)))


class TestMeanLoss(ProxyContract):
    score = mean_loss
    network = network()
    batch = batch()


def shrinking(network: nn.Module, batch: Batch) -> float:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    return 1.0


def with_gradients(network: nn.Module, batch: Batch) -> float:
    batch.loss(network(batch.x)).backward()  # type: ignore[no-untyped-call]
    return 1.0


def with_hooks(network: nn.Module, batch: Batch) -> float:
    network.register_forward_hook(lambda *_: None)
    return 1.0


def drawing(network: nn.Module, batch: Batch) -> float:
    torch.randn(1)
    return 1.0


def moving(network: nn.Module, batch: Batch) -> float:
    batch.x.add_(1)
    return 1.0


@pytest.mark.parametrize(("score", "message"), [
    (lambda network, batch: float("inf"), "the score is inf"),
    (lambda network, batch: float(next(NUMBERS)), "the score is another one at a second call"),
    (lambda network, batch: float(id(network)), "the score of a copy of the network is another"),
    (shrinking, "the score changes the network"), (with_gradients, "leaves gradients behind"),
    (with_hooks, "leaves hooks behind"), (drawing, "draws from torch's global generator"),
    (moving, "the score changes the samples"),
])
def test_a_proxy_that_breaks_a_law_is_found_and_told_how(score: Callable[..., float], message: str) -> None:
    (law,) = laws_of(ProxyContract)
    assert re.search(message, found_by(TestMeanLoss(), law, score, network(), batch()))


# -- tables


@dataclass(frozen=True)
class ToyTable:
    """A table of digits; those of an odd sum were not measured."""

    task: Task = TASK
    budgets: tuple[int, ...] = (1, 3)
    metric_names: tuple[str, ...] = ("val_error", "length")
    fingerprint: str = "0123abc"
    notes: tuple[str, ...] = ()
    goals: ClassVar[Mapping[str, Goal]] = {"length": "min"}

    def check(self, space: object) -> None:
        if not isinstance(space, ToySpace):
            raise UserError("the table is of the toy space: choose that")

    def measure(self, genotype: Digits, budget: int) -> Metrics:
        if budget not in self.budgets or sum(genotype.values) % 2:
            raise LookupError("not measured")
        return {"val_error": 1 / (1 + sum(genotype.values)), "length": float(budget)}


class TestToyTable(TableContract):
    space = SPACE
    table = ToyTable()


class Unbounded(ToyTable):
    def measure(self, genotype: Digits, budget: int) -> Metrics:
        return {"val_error": 0.5, "length": float("inf")}


class Noisy(ToyTable):
    def measure(self, genotype: Digits, budget: int) -> Metrics:
        return {"val_error": float(next(NUMBERS)), "length": 1.0}


class Partial(ToyTable):
    def measure(self, genotype: Digits, budget: int) -> Metrics:
        return {"val_error": 0.5}


class Empty(ToyTable):
    def measure(self, genotype: Digits, budget: int) -> Metrics:
        raise LookupError("not measured")


class OfAll(ToyTable):
    def check(self, space: object) -> None:
        pass

    def measure(self, genotype: Digits, budget: int) -> Metrics:
        return {"val_error": 0.5, "length": 1.0}


class Reread(ToyTable):
    """Has another fingerprint where it was sent."""

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "fingerprint", "ffff")


VALUES = "test_every_promised_metric_is_a_finite_number_and_the_same_again"
BUDGETS = "test_budgets_ascend_and_no_other_is_measured"
SENT = "test_a_table_sent_to_another_process_is_the_same"
TABLES: list[Law] = [
    (VALUES, Unbounded(), "length is inf: raise LookupError"),
    (VALUES, Noisy(), "measure gives other values at a second call"),
    (VALUES, Partial(), "measure gives other metrics than metric_names names"),
    (VALUES, Empty(), "none of the sampled networks is in the table"),
    (BUDGETS, ToyTable(budgets=(3, 1)), "budgets must ascend"),
    (BUDGETS, ToyTable(budgets=()), "one budget at least"),
    (BUDGETS, OfAll(), "DID NOT RAISE"),
    (GOALS, ToyTable(metric_names=("width",)), "width is no metric of the engine's, and `goals` does not name it"),
    ("test_it_belongs_to_its_space_and_no_other", OfAll(), "DID NOT RAISE"),
    (SENT, ToyTable(fingerprint="not hex"), "the fingerprint must be a hex digest"),
    (SENT, Reread(), "a pickled copy of the table has another fingerprint"),
]


@pytest.mark.parametrize(("law", "table", "message"), TABLES, ids=[f"{law}-{said}" for law, _, said in TABLES])
def test_a_table_that_breaks_a_law_is_found_and_told_how(law: str, table: Any, message: str) -> None:
    parts = (table,) if law == GOALS else (SPACE, table)
    assert re.search(message, found_by(TestToyTable(), law, *parts))


def test_every_law_is_broken_by_some_metric_and_some_table() -> None:
    assert {law for law, _, _ in METRICS} == laws_of(MetricContract)
    assert {law for law, _, _ in TABLES} == laws_of(TableContract)
