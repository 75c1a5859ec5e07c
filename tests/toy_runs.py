"""Runs on the toy space: the type of their fixture, and all that one has found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from evonas.store import RunStore
from evonas.testing.toy import Digits

#: A fixture that makes or resumes a toy run.
Play: TypeAlias = Callable[..., RunStore[Digits]]


def contents(store: RunStore[Digits]) -> list[tuple[Any, ...]]:
    """Everything a run found out, in order of id, without times."""
    rows = []
    for r in sorted(store.records()):
        genotype = store.member(r.id).genotype
        weights = store.weights(r.id, r.budget)
        parameters = None if weights is None else weights["depth"].tolist()
        lineage = (r.id, r.budget, r.birth, r.operator, r.parents)
        rows.append((*lineage, r.status, r.metrics, r.error, genotype, parameters))
    return rows
