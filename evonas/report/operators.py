"""The credit of a run's operators: a replay of the bookkeeping of its search."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from evonas.objectives import Objectives, pareto
from evonas.search.credit import Credit, credit_batch, founders_reference
from evonas.search.generational import rung_of
from evonas.store import Record


def operator_credits(records: Sequence[Record], objectives: Objectives, *, rungs: tuple[int, ...]) -> list[Credit]:
    """The credit after each batch that followed the founders' first, as in ``nsga2`` with ``adaptive_operators``.

    ``[credit.shares(space.operators) for credit in ...]`` are the probabilities with which the next batch's operators
    are drawn.

    Args:
        records: Records of complete generations; an incomplete one counts as a batch.
        objectives: Objectives of the search.
        rungs: The run's budgets.
    """
    credits, archive, reference = [Credit()], list[Record](), None
    for batch in batches(records):
        final = [rung_of(record.budget, rungs) == len(rungs) - 1 for record in batch]
        if reference is None:
            reference = founders_reference(batch, objectives)
        else:
            operators = [record.operator for record in batch]
            credits.append(credit_batch(
                credits[-1], operators, batch, objectives, front=archive, reference=reference, final=final
            ))
        candidates = archive + [record for record, last in zip(batch, final, strict=True) if last]
        best = pareto.front(objectives.matrix(candidates), objectives.violations(candidates))
        archive = [candidates[i] for i in best]
    return credits[1:]


def batches(records: Sequence[Record]) -> list[list[Record]]:
    """Records by batch: the first evaluations of a generation's individuals, their second evaluations, and so on."""
    batches: dict[tuple[int, int], list[Record]] = {}
    by_id = sorted(records, key=lambda record: (record.id, record.budget))
    for _, own in groupby(by_id, key=lambda record: record.id):
        for turn, record in enumerate(own):
            batches.setdefault((record.generation, turn), []).append(record)
    return [batches[key] for key in sorted(batches)]
