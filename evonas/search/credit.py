"""Which operators pay: the hypervolume that their children gained for the compute that they cost.

An adaptive operator selection by probability matching (Thierens 2005, https://doi.org/10.1145/1068009.1068251) with
discounted credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evonas.objectives import Measured, Objectives
from evonas.pareto import contributions
from evonas.types import Doubles

#: The compute of a trial. Not seconds: a run must not depend on the machine. Where it is not measured, a trial is 1.
WORK = "edge_updates"
#: What a batch leaves of the credit before it: the memory is about 20 batches.
DISCOUNT = 0.95
#: An operator is taken to have done so large a share of all work more, at the mean rate of gain, than it has.
DOUBT = 0.05
#: So large a share of the children is spread evenly over the operators: none dies.
FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Credit:
    """Discounted sums over batches, by operator.

    Attributes:
        gain: Hypervolume, in the coordinates of :meth:`Objectives.matrix`.
        work: Compute, in edge updates.
    """

    gain: Mapping[str, float] = field(default_factory=dict)
    work: Mapping[str, float] = field(default_factory=dict)

    def after(self, operators: Sequence[str], gains: Doubles, work: Doubles) -> Credit:
        """The credit after a batch; arguments have one entry a trial."""
        names = sorted({*self.gain, *operators})
        of = np.array([names.index(operator) for operator in operators])
        sums = [
            {n: DISCOUNT * old.get(n, 0.0) + float(new) for n, new in zip(names, added, strict=True)}
            for old, added in (
                (self.gain, np.bincount(of, gains, len(names))), (self.work, np.bincount(of, work, len(names)))
            )
        ]
        return Credit(*sums)

    def shares(self, prior: Mapping[str, float]) -> dict[str, float]:
        """Probabilities of the operators of ``prior``, which has their weights before anything was seen.

        An operator's weight is multiplied by its gain per work, relative to that of all together.
        """
        gain, work, weight = (np.array([of.get(n, 0.0) for n in prior]) for of in (self.gain, self.work, prior))
        if gain.sum() > 0:
            doubt = DOUBT * work.sum()
            weight = weight * (gain / gain.sum() * work.sum() + doubt) / (work + doubt)
        shares = (1 - FLOOR) * weight / weight.sum() + FLOOR / len(prior)
        return dict(zip(prior, shares.tolist(), strict=True))


def credit_batch(
    credit: Credit, operators: Sequence[str], evaluations: Sequence[Measured], objectives: Objectives, *,
    front: Sequence[Measured], reference: Sequence[float], final: Sequence[bool],
) -> Credit:
    """The credit after a batch of evaluations.

    Args:
        operators: What made each individual.
        front: What the batch is compared with: the archive before it.
        reference: Of the hypervolume; see :func:`founders_reference`.
        final: Whether each evaluation is of the last rung; else it costs only.
    """
    work = np.array([e.metrics.get(WORK, 1.0) if e.status == "ok" else np.nan for e in evaluations])
    work = np.where(np.isnan(work), np.nanmean(work) if not np.isnan(work).all() else 0.0, work)
    gains = np.zeros(len(evaluations))
    counts = np.array(final) & (objectives.violations(evaluations) <= 0)
    if counts.any():
        F = objectives.matrix(evaluations)[counts]
        gains[counts] = contributions(F, objectives.matrix(front), np.array(reference))
    return credit.after(operators, gains, work)


def founders_reference(evaluations: Sequence[Measured], objectives: Objectives) -> list[float] | None:
    """The worst value of each objective among the first batch; None if all of it failed."""
    F = objectives.matrix([e for e in evaluations if e.status == "ok"])
    return F.max(axis=0).tolist() if len(F) else None
