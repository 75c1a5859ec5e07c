"""Adaptive operator selection: operators are drawn by the hypervolume that their children gained per compute.

The method is probability matching (Thierens 2005, https://doi.org/10.1145/1068009.1068251) with discounted credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evonas.objectives import Measured, Objectives
from evonas.objectives.pareto import contributions
from evonas.types import Doubles

#: The compute of a trial. Not seconds, because a run must not depend on the machine. A trial without it counts as 1.
WORK = "edge_updates"
#: Factor on earlier credit at each batch: the memory is about 20 batches.
DISCOUNT = 0.95
#: Prior evidence: each operator is credited with this share of all work in addition, at the mean rate of gain.
DOUBT = 0.05
#: Share of the children that is spread evenly over the operators, so that no operator's probability reaches 0.
FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Credit:
    """Discounted sums over batches, by operator.

    Attributes:
        gain: Hypervolume gained, in the coordinates of :meth:`Objectives.matrix`.
        work: Compute spent, in edge updates.
    """

    gain: Mapping[str, float] = field(default_factory=dict)
    work: Mapping[str, float] = field(default_factory=dict)

    def after(self, operators: Sequence[str], gains: Doubles, work: Doubles) -> Credit:
        """The credit after a batch.

        Args:
            operators: Operator of each trial.
            gains: Hypervolume that each trial gained, ``(n,)``.
            work: Compute of each trial, in edge updates, ``(n,)``.
        """
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
        """Probabilities of the operators of ``prior``, which maps operators to their weights before any evaluation.

        An operator's weight is multiplied by its gain per work, relative to the gain per work of all operators
        together.
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
        credit: The credit before the batch.
        operators: Operator that made each individual.
        evaluations: Evaluations of the batch, one per operator.
        objectives: Objectives and constraints; evaluations that break a constraint gain nothing.
        front: The archive before the batch, against which gains are measured.
        reference: Reference point of the hypervolume; see :func:`founders_reference`.
        final: Whether each evaluation is at the last rung; others add work, but no gain.
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
    """The worst value of each objective in the first batch; None if all its evaluations failed."""
    F = objectives.matrix([e for e in evaluations if e.status == "ok"])
    return F.max(axis=0).tolist() if len(F) else None
