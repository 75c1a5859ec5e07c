"""Population by generation: a replay of the survival of a run that was searched with ``nsga2``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from evonas.objectives import Objectives
from evonas.report.operators import batches
from evonas.search.generational import rung_of
from evonas.search.survival import SURVIVALS, survivors
from evonas.store import Record
from evonas.types import Json


class Living(NamedTuple):
    """The population after a batch.

    Attributes:
        generation: Generation of the batch.
        members: Living members.
        lines: Number of founders with a living descendant in the line of first parents.
    """

    generation: int
    members: tuple[Record, ...]
    lines: int


def replay(
    records: Sequence[Record], objectives: Objectives, *, rungs: tuple[int, ...], survival: str, size: int
) -> list[Living]:
    """The population after each batch, as the searcher had it.

    Args:
        records: Records of complete generations.
        objectives: Objectives of the search.
        rungs: The run's budgets.
        survival: One of :data:`evonas.search.survival.SURVIVALS`.
        size: Size of the population.
    """
    founder: dict[int, int] = {}
    for record in sorted(records, key=lambda record: record.id):
        founder[record.id] = founder.get(record.parents[0], record.id) if record.parents else record.id
    population, result = list[Record](), list[Living]()
    for batch in batches(records):
        told = {r.id: r for r in batch if r.status == "ok" or not rung_of(r.budget, rungs)}
        candidates = [*(r for r in population if r.id not in told), *told.values()]
        chosen = survivors(
            SURVIVALS[survival], size, generations=np.array([r.generation for r in candidates]),
            ids=np.array([r.id for r in candidates]), failed=np.array([r.status == "failed" for r in candidates]),
            rungs=np.array([rung_of(r.budget, rungs) for r in candidates]), F=objectives.matrix(candidates),
            violations=objectives.violations(candidates),
        )
        population = [candidates[i] for i in chosen]
        generation = max(r.generation for r in batch)
        result.append(Living(generation, tuple(population), len({founder[r.id] for r in population})))
    return result


def ages_and_lines(history: Sequence[Living]) -> Json:
    """Columns with an entry per generation, as its last batch left it.

    They are the generation, the median and the highest age in generations, and the number of living founders' lines.
    """
    history = list({living.generation: living for living in history}.values())
    ages = [[living.generation - r.generation for r in living.members] for living in history]
    return {
        "generation": [living.generation for living in history],
        "median": [float(np.median(age)) for age in ages], "oldest": [max(age) for age in ages],
        "lines": [living.lines for living in history],
    }
