"""A search space without networks: integer vectors, integer costs. For tests of everything around spaces."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from evonas.capabilities.choices import Choices
from evonas.evaluation import Job
from evonas.individual import Evaluation, Trial
from evonas.objectives import parse_objectives
from evonas.space import Encoded, InvalidGenotype, Offspring
from evonas.store import RunStore
from evonas.training import Stop
from evonas.types import Floats, Metrics, Weights

if TYPE_CHECKING:
    from torch import nn

LENGTH, LEVELS = 8, 16
#: A fixture that makes or resumes a toy run.
Play: TypeAlias = Callable[..., RunStore["Digits"]]
OBJECTIVES = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])


@dataclass(frozen=True)
class Digits:
    """A genotype: ``LENGTH`` integers below ``LEVELS``."""

    values: tuple[int, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(bytes(self.values), digest_size=8).hexdigest()


class ToySpace:
    """Error falls with the sum of the digits, cost rises with the sum of their squares."""

    def sample(self, rng: np.random.Generator) -> Digits:
        return Digits(tuple(int(v) for v in rng.integers(LEVELS, size=LENGTH)))

    operators: ClassVar = {"change_digit": 3.0, "shift_digit": 1.0}

    def mutate(self, parent: Digits, rng: np.random.Generator, operator: str | None = None) -> Offspring[Digits]:
        name = operator or str(rng.choice(list(self.operators), p=[0.75, 0.25]))
        values, place = list(parent.values), int(rng.integers(LENGTH))
        old = values[place]
        while values[place] == old:
            new = rng.integers(LEVELS) if name == "change_digit" else old + rng.choice([-1, 1])
            values[place] = int(new % LEVELS)
        return Offspring(Digits(tuple(values)), name)

    def crossover(self, first: Digits, second: Digits, rng: np.random.Generator) -> Offspring[Digits]:
        mask = rng.random(LENGTH) < 0.5
        pairs = zip(first.values, second.values, mask, strict=True)
        return Offspring(Digits(tuple(a if m else b for a, b, m in pairs)), "uniform")

    choices: ClassVar = Choices(tuple(map(str, range(LEVELS))), LENGTH, {}, None, None)

    def discretize(self, arch: Floats, rule: str = "argmax") -> Digits:
        return Digits(tuple(arch.argmax(axis=1).tolist()))

    def arch_of(self, genotype: Digits) -> Floats:
        return np.eye(LEVELS, dtype=np.float32)[list(genotype.values)]

    def validate(self, genotype: Digits) -> None:
        if len(genotype.values) != LENGTH or not all(0 <= v < LEVELS for v in genotype.values):
            raise InvalidGenotype(f"expected {LENGTH} digits below {LEVELS}, got {genotype.values}")

    def encode(self, genotype: Digits) -> Encoded:
        return Encoded({}, {"values": np.array(genotype.values, np.uint8)})

    def decode(self, data: Encoded) -> Digits:
        genotype = Digits(tuple(int(v) for v in data.arrays["values"]))
        self.validate(genotype)
        return genotype

    def cost(self, genotype: Digits) -> Metrics:
        return {"flops": float(1 + sum(v * v for v in genotype.values))}

    def compile(self, genotype: Digits, weights: Weights | None = None) -> nn.Module:
        from torch import nn  # a second of import time that killed runs should not spend

        return nn.Identity()


@dataclass(frozen=True)
class ToyEvaluator:
    """Integer metrics, and weights that record the line of descent.

    Attributes:
        behaviour: What happens to digits whose sum is divisible by 5: ``"ok"``, ``"raise"``, ``"nan"``, ``"sleep"``,
            ``"spin"`` (deaf to its deadline), ``"die"``; ``"raise-all"`` concerns every individual.
        seconds: How long a trial takes.
        threads: Run in threads.
    """

    behaviour: str = "ok"
    seconds: float = 0.0
    threads: bool = True

    metric_names = ("val_error", "generations_of_weights", "flops")

    @property
    def shares_memory(self) -> bool:
        return self.threads

    def work(self, trial: Trial[Digits]) -> float:
        return self.seconds

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        values = job.trial.individual.genotype.values
        _wait(self.seconds, job.stop)
        error = float(1000 - sum(values) * 8 + int(np.random.default_rng(job.seed).integers(3)))
        if self.behaviour == "raise-all" or (self.behaviour != "ok" and sum(values) % 5 == 0):
            error = self._misbehave(error, job.stop)
        depth = 0.0 if job.start is None else float(job.start.weights["depth"][0]) + 1
        cost = ToySpace().cost(job.trial.individual.genotype)
        metrics = {"val_error": error / 1000, "generations_of_weights": depth, **cost}
        return job.result(metrics, weights={"depth": np.array([depth], np.float32)})

    def _misbehave(self, error: float, stop: Stop) -> float:
        if self.behaviour in ("raise", "raise-all"):
            raise ArithmeticError("an unlucky sum")
        if self.behaviour == "sleep":
            _wait(60.0, stop)
        if self.behaviour == "spin":
            time.sleep(60.0)
        if self.behaviour == "die":
            os._exit(9)
        return float("nan")


def _wait(seconds: float, stop: Stop) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stop.check()
        time.sleep(0.002)


def contents(store: RunStore[Digits]) -> list[tuple[Any, ...]]:
    """Everything a run found out, in order of id, without times."""
    rows = []
    for r in sorted(store.records()):
        genotype = store.member(r.id).genotype
        weights = store.weights(r.id, r.budget)
        parameters = None if weights is None else weights["depth"].tolist()
        lineage = (r.id, r.budget, r.generation, r.operator, r.parents)
        rows.append((*lineage, r.status, r.metrics, r.error, genotype, parameters))
    return rows
