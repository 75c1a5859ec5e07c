"""A population is replayed as the search had it."""

from __future__ import annotations

from evonas.objectives import parse_objectives
from evonas.report.population import ages_and_lines, replay
from evonas.store import Record

OBJECTIVES = parse_objectives(["val_error"], [], ["val_error"])


def record(id: int, generation: int, error: float, *parents: int) -> Record:
    return Record(id, 1, generation, "sample", parents, "ok", {"val_error": error}, 1.0, float(id + 1), None)


FOUNDERS = [record(0, 0, 0.5), record(1, 0, 0.4), record(2, 0, 0.9)]
CHILDREN = [record(3, 1, 0.3, 1), record(4, 1, 0.35, 1, 0), record(5, 2, 0.2, 3)]


def test_the_worst_die_under_elitist_survival() -> None:
    history = replay(FOUNDERS + CHILDREN, OBJECTIVES, rungs=(1,), survival="elitist", size=2)
    assert [[r.id for r in living.members] for living in history] == [[0, 1], [3, 4], [3, 5]]


def test_founders_lines_and_ages_are_counted() -> None:
    history = replay(FOUNDERS + CHILDREN, OBJECTIVES, rungs=(1,), survival="elitist", size=2)
    assert ages_and_lines(history) == {
        "generation": [0, 1, 2], "median": [0.0, 0.0, 0.5], "oldest": [0, 0, 1], "lines": [2, 1, 1],
    }


def test_an_individual_counts_with_its_highest_rung() -> None:
    again = FOUNDERS[0]._replace(budget=2, metrics={"val_error": 0.6}, elapsed=9.0)
    living = replay([*FOUNDERS, again], OBJECTIVES, rungs=(1, 2), survival="elitist", size=2)[-1]
    assert [(r.id, r.budget) for r in living.members] == [(0, 2), (1, 1)]
