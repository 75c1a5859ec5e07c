"""The records that flow through a run: Individual -> Trial -> Evaluation. Nobody writes into another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal

from evonas.space import G
from evonas.types import Metrics, Weights


@dataclass(frozen=True, slots=True)
class Individual(Generic[G]):
    """A genotype with its lineage.

    Attributes:
        id: Serial number in the run.
        birth: Generation of birth; founders have 0.
        operator: What made it, e.g. ``"sample"`` or ``"add_edges"``.
        parents: Ids; weights are inherited from the first.
    """

    id: int
    genotype: G
    birth: int
    operator: str
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial(Generic[G]):
    """A request: evaluate this individual with this budget (epochs)."""

    individual: Individual[G]
    budget: int

    @property
    def key(self) -> tuple[int, int]:
        return self.individual.id, self.budget


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[G]):
    """The answer to a trial.

    Attributes:
        status: ``"failed"`` for an exception, a metric that is not finite, a time-out; ``error`` says what happened.
        seconds: Wall-clock time of the trial; the only field that differs between equal runs.
        genotype: The genotype that came out, where training changed it; None where it did not.
    """

    id: int
    budget: int
    status: Literal["ok", "failed"]
    metrics: Metrics
    seconds: float
    error: str | None = None
    genotype: G | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.id, self.budget


@dataclass(frozen=True, slots=True)
class Member(Generic[G]):
    """An evaluated individual."""

    individual: Individual[G]
    evaluation: Evaluation[G]

    @property
    def genotype(self) -> G:
        """What is bred from, reported and exported: the genotype that came out of the evaluation."""
        return self.individual.genotype if self.evaluation.genotype is None else self.evaluation.genotype


@dataclass(frozen=True, slots=True)
class Start(Generic[G]):
    """Trained weights that the training of a trial begins with.

    Attributes:
        genotype: What the weights belong to.
        continues: True where they are the trial's own individual's from a smaller budget; else they are its parent's.
    """

    genotype: G
    weights: Weights
    continues: bool
