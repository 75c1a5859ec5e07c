"""The records that flow through a run: Individual -> Trial -> Evaluation. Each is frozen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Generic, Literal, NamedTuple

from evonas.types import G, Metrics, Weights


@dataclass(frozen=True, slots=True)
class Individual(Generic[G]):
    """A genotype with its lineage.

    Attributes:
        id: Serial number in the run.
        genotype: The genotype.
        generation: The generation in which it was made; founders have 0.
        operator: Operator that made it, e.g. ``"sample"`` or ``"add_edges"``.
        parents: Ids of the parents; weights are inherited from the first.
    """

    id: int
    genotype: G
    generation: int
    operator: str
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial(Generic[G]):
    """A request: evaluate this individual with this budget (epochs).

    Attributes:
        replicate: Serial number among trials that differ in their random stream, or in the samples they hold back,
            alone: of retrainings with several seeds, of folds. A search has one trial of each kind, the replicate 0.
    """

    individual: Individual[G]
    budget: int
    replicate: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """Id and budget: what a run stores the evaluation under."""
        return self.individual.id, self.budget


class Origin(NamedTuple):
    """Another run than the one that holds an evaluation, which made it.

    Attributes:
        run: Absolute path of the run that made it.
        id: The individual's id there.
    """

    run: str
    id: int


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[G]):
    """The result of a trial: evaluators return it, the executor yields it, runs store it, and searchers are told it.

    Attributes:
        id: The individual's.
        status: ``"failed"`` for an exception, a metric that is not finite, a time-out; ``error`` says what happened.
        seconds: Wall-clock time of the trial, set by the executor; the only field that differs between equal runs.
        genotype: The genotype that came out, where training changed it; None where it did not.
        weights: Those of the genotype that came out, None where nothing was trained. An evaluation that was read from
            a run has none either: :meth:`evonas.store.RunStore.weights` reads them.
        replicate: The trial's.
        origin: Origin in another run that made it; None for a run's own.
    """

    id: int
    budget: int
    status: Literal["ok", "failed"]
    metrics: Metrics
    seconds: float
    error: str | None = None
    genotype: G | None = None
    weights: Weights | None = field(default=None, repr=False, compare=False)
    replicate: int = 0
    origin: Origin | None = None

    @property
    def key(self) -> tuple[int, int]:
        """Id and budget: what a run stores it under."""
        return self.id, self.budget


@dataclass(frozen=True, slots=True)
class Member(Generic[G]):
    """An evaluated individual.

    Attributes:
        individual: The individual.
        evaluation: Its evaluation.
    """

    individual: Individual[G]
    evaluation: Evaluation[G]

    @property
    def genotype(self) -> G:
        """The genotype that came out of the evaluation: it is bred from, reported and exported."""
        return self.individual.genotype if self.evaluation.genotype is None else self.evaluation.genotype

    @property
    def trained(self) -> Individual[G]:
        """The individual with the genotype that came out of the evaluation: it is retrained."""
        return replace(self.individual, genotype=self.genotype)


@dataclass(frozen=True, slots=True)
class Start(Generic[G]):
    """Trained weights that the training of a trial begins with.

    Attributes:
        genotype: Genotype that the weights belong to.
        continues: True where they are the trial's own individual's from a smaller budget; else they are its parent's.
    """

    genotype: G
    weights: Weights
    continues: bool
