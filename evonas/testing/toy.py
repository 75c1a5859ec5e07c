"""A toy search space: integer vectors, integer costs, and networks of one layer. For tests of all that uses spaces."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from evonas.capabilities.choices import Choices
from evonas.evaluation import Job
from evonas.individual import Evaluation, Trial
from evonas.objectives import parse_objectives
from evonas.space import Encoded, InvalidGenotype, Offspring, check_operator
from evonas.training import Stop
from evonas.types import Floats, Metrics, Task, Weights, suggestion

if TYPE_CHECKING:
    from torch import nn

LENGTH, LEVELS = 8, 16
TASK = Task("classification", (LENGTH,), 2)
OBJECTIVES = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])


@dataclass(frozen=True)
class Digits:
    """A genotype: ``LENGTH`` integers below ``LEVELS``."""

    values: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Hex digest, equal for equal genotypes only, in every process."""
        return hashlib.blake2b(bytes(self.values), digest_size=8).hexdigest()


class ToySpace:
    """Error falls with the sum of the digits, cost rises with the sum of their squares.

    Implements :class:`evonas.space.SearchSpace` for :data:`TASK`, and
    :class:`evonas.capabilities.choices.HasChoices`.
    """

    def sample(self, rng: np.random.Generator) -> Digits:
        """Draw a random founder."""
        return Digits(tuple(int(v) for v in rng.integers(LEVELS, size=LENGTH)))

    operators: ClassVar = {"change_digit": 3.0, "shift_digit": 1.0}

    def mutate(self, parent: Digits, rng: np.random.Generator, operator: str | None = None) -> Offspring[Digits]:
        """Return a genotype with another value of one digit.

        Args:
            parent: The parent.
            rng: Draws operator, digit and value.
            operator: One of :attr:`operators`; None draws one by weight.

        Raises:
            ValueError: There is no such operator.
        """
        check_operator(operator, self.operators)
        name = operator or str(rng.choice(list(self.operators), p=[0.75, 0.25]))
        values, place = list(parent.values), int(rng.integers(LENGTH))
        old = values[place]
        while values[place] == old:
            new = rng.integers(LEVELS) if name == "change_digit" else old + rng.choice([-1, 1])
            values[place] = int(new % LEVELS)
        return Offspring(Digits(tuple(values)), name)

    def crossover(self, first: Digits, second: Digits, rng: np.random.Generator) -> Offspring[Digits]:
        """Take each digit from either parent.

        Args:
            first: One parent.
            second: The other.
            rng: Draws which digits come from which.
        """
        mask = rng.random(LENGTH) < 0.5
        pairs = zip(first.values, second.values, mask, strict=True)
        return Offspring(Digits(tuple(a if m else b for a, b, m in pairs)), "uniform")

    choices: ClassVar = Choices(tuple(map(str, range(LEVELS))), LENGTH, {}, None, None)

    def discretize(self, arch: Floats, rule: str = "argmax") -> Digits:
        """Return the digits with the largest entries of ``arch``; raise ValueError for what is no architecture."""
        if np.shape(arch) != (LENGTH, LEVELS) or not np.isfinite(arch).all():
            raise ValueError(f"expected finite numbers of shape {(LENGTH, LEVELS)}, got shape {np.shape(arch)}")
        if rule != "argmax":
            raise ValueError(f"unknown rule {rule!r}{suggestion(rule, ['argmax'])}")
        return Digits(tuple(arch.argmax(axis=1).tolist()))

    def arch_of(self, genotype: Digits) -> Floats:
        """Return a one-hot row for each digit, ``(LENGTH, LEVELS)``."""
        return np.eye(LEVELS, dtype=np.float32)[list(genotype.values)]

    def validate(self, genotype: Digits) -> None:
        """Raise :class:`InvalidGenotype` for another number of digits, and for one that is out of range."""
        if len(genotype.values) != LENGTH or not all(0 <= v < LEVELS for v in genotype.values):
            raise InvalidGenotype(f"expected {LENGTH} digits below {LEVELS}, got {genotype.values}")

    def encode(self, genotype: Digits) -> Encoded:
        """Return the digits as bytes."""
        return Encoded({}, {"values": np.array(genotype.values, np.uint8)})

    def decode(self, data: Encoded) -> Digits:
        """Invert :meth:`encode`; raise :class:`InvalidGenotype` for damaged data."""
        values = data.arrays.get("values")
        if values is None or values.ndim != 1 or values.dtype.kind not in "iu":
            raise InvalidGenotype(f"expected {LENGTH} digits below {LEVELS}, an array of whole numbers named values")
        genotype = Digits(tuple(int(v) for v in values))
        self.validate(genotype)
        return genotype

    def cost(self, genotype: Digits) -> Metrics:
        """Return the parameters of the layer, and FLOPs that are a game's: 1 and the sum of the squares."""
        params = float((LENGTH + 1) * TASK.n_outputs)
        return {"params": params, "flops": float(1 + sum(v * v for v in genotype.values))}

    def compile(self, genotype: Digits, weights: Weights | None = None) -> nn.Module:
        """Build a linear layer; fresh weights are those of the digits. ValueError for weights that do not fit."""
        import torch  # a second of import time that killed runs should not spend
        from torch import nn

        digits = torch.tensor(genotype.values, dtype=torch.float32) / LEVELS
        state = {"weight": torch.stack([digits, 1 - digits]), "bias": torch.zeros(TASK.n_outputs)}
        if weights is not None:
            state = {name: torch.tensor(value) for name, value in weights.items()}
        layer: nn.Module = nn.utils.skip_init(  # type: ignore[no-untyped-call]  # leaves torch's generator alone
            nn.Linear, LENGTH, TASK.n_outputs
        )
        try:
            layer.load_state_dict(state)
        except RuntimeError as error:
            raise ValueError(f"the weights do not fit: {error}") from None
        return layer


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
        """Whether trials run in threads."""
        return self.threads

    def work(self, trial: Trial[Digits]) -> float:
        """Seconds that the trial takes."""
        return self.seconds

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        """Evaluate the trial, or misbehave."""
        values = job.trial.individual.genotype.values
        _wait(self.seconds, job.stop)
        error = float(1000 - sum(values) * 8 + int(np.random.default_rng(job.seed).integers(3)))
        if self.behaviour == "raise-all" or (self.behaviour != "ok" and sum(values) % 5 == 0):
            error = self._misbehave(error, job.stop)
        depth = 0.0 if job.start is None else float(job.start.weights["depth"][0]) + 1
        flops = ToySpace().cost(job.trial.individual.genotype)["flops"]
        metrics = {"val_error": error / 1000, "generations_of_weights": depth, "flops": flops}
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
