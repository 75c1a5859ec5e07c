"""What the operators of a run earned: a replay of its search's bookkeeping."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import groupby

from evonas import pareto
from evonas.individual import SEEDED
from evonas.objectives import Objectives
from evonas.search.credit import Credit, credit_batch, founders_reference
from evonas.store import Record


def operator_credits(records: Sequence[Record], objectives: Objectives, *, rungs: tuple[int, ...]) -> list[Credit]:
    """The credit after each batch that followed the founders' first, as ``nsga2`` with ``adapt`` saw it.

    ``[credit.shares(space.operators) for credit in ...]`` are the probabilities with which the next batch's operators
    were drawn.

    Args:
        records: Of whole generations; a part of one is taken for a batch.
        rungs: The run's budgets.
    """
    last = len(rungs) - 1

    def batch_of(record: Record) -> tuple[int, int]:
        return record.birth, last if record.operator == SEEDED else bisect_left(rungs[:-1], record.budget)

    ordered = sorted(records, key=lambda record: (*batch_of(record), record.id))
    batches = [list(batch) for _, batch in groupby(ordered, key=batch_of)]
    credits, archive, reference = [Credit()], list[Record](), None
    for batch in batches:
        final = batch_of(batch[0])[1] == last
        if reference is None:
            reference = founders_reference(batch, objectives)
        else:
            operators = [record.operator for record in batch]
            credits.append(credit_batch(
                credits[-1], operators, batch, objectives, front=archive, reference=reference, final=final
            ))
        if final:
            candidates = archive + batch
            best = pareto.front(objectives.matrix(candidates), objectives.violations(candidates))
            archive = [candidates[i] for i in best]
    return credits[1:]
