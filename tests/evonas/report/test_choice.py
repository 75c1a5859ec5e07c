"""Why a member was chosen that is not the best by what a person reads."""

from __future__ import annotations

import pytest

from evonas.objectives import Objectives, parse_objectives
from evonas.report.choice import apart, read_quality, why_chosen, why_front, why_knee
from evonas.store import Record


def member(id: int, **metrics: float) -> Record:
    return Record(id, 6, 0, "sample", (), "ok", metrics, 0.0, 1.0, None)


def objectives(*names: str) -> Objectives:
    return parse_objectives(names, [], names, {"auc": "max"})


TRAINVAL = objectives("trainval_error", "flops")
LUCKY = member(31, trainval_error=0.0312, val_accuracy=0.9571, flops=900.0)
CHOSEN = member(17, trainval_error=0.0298, val_accuracy=0.9550, flops=1000.0)


def test_a_rival_with_more_accuracy_is_named_with_what_it_has_less_of() -> None:
    assert why_chosen(CHOSEN, [LUCKY, CHOSEN], TRAINVAL) == (
        "17 is chosen by the search's objective, trainval_error, the mean of validation and training samples: 31 has a "
        "higher val_accuracy (0.9571 instead of 0.9550) but a higher trainval_error (0.0312 instead of 0.0298)"
    )


def test_nothing_is_said_where_the_chosen_member_is_the_best_by_both() -> None:
    assert why_chosen(LUCKY, [LUCKY, CHOSEN], TRAINVAL) is None
    assert why_chosen(LUCKY, [], TRAINVAL) is None
    assert why_front([], TRAINVAL) is None


def test_values_that_differ_little_are_told_apart() -> None:
    near = member(31, trainval_error=0.02980004, val_accuracy=0.95501, flops=900.0)
    told = why_chosen(CHOSEN, [near], TRAINVAL)
    assert told is not None
    assert "(0.95501 instead of 0.95500)" in told
    assert "(0.0298000 instead of 0.0298000)" not in told
    assert apart(0.5, 0.5) == ("0.5000", "0.5000")


def test_of_members_with_one_error_the_first_is_chosen() -> None:
    same = member(31, trainval_error=0.0298, val_accuracy=0.96, flops=1000.0)
    told = why_chosen(CHOSEN, [CHOSEN, same], TRAINVAL)
    assert told is not None
    assert told.endswith("but the same trainval_error (0.0298), and of equals the first of the front is chosen")


@pytest.mark.parametrize(
    ("objective", "read", "word"),
    [("val_loss", "val_accuracy", "higher"), ("trainval_nmse", "val_r2", "higher"), ("auc", "val_accuracy", "lower")],
)
def test_any_first_objective_is_named_with_what_is_worse_of_it(objective: str, read: str, word: str) -> None:
    worse, better = (0.9, 0.5) if word == "higher" else (0.5, 0.9)
    rival, chosen = (
        member(i, **{objective: value, read: quality, "flops": 10.0})
        for i, value, quality in ((1, worse, 0.8), (2, better, 0.7))
    )
    told = why_chosen(chosen, [rival, chosen], objectives(objective, "flops"))
    assert told is not None
    assert f"1 has a higher {read} (0.8000 instead of 0.7000) but a {word} {objective}" in told


def test_a_first_objective_that_says_the_same_needs_no_reason() -> None:
    members = [member(0, val_error=0.1, val_accuracy=0.9, flops=1.0)]
    assert read_quality(members, objectives("val_error", "flops")) is None
    assert read_quality(members, TRAINVAL) == "val_accuracy"
    assert read_quality([*members, member(1, val_error=0.2, flops=1.0)], TRAINVAL) is None


def test_rivals_of_the_knee_cost_no_more_and_those_of_the_best_anything() -> None:
    small = member(0, trainval_error=0.5, val_accuracy=0.5, flops=10.0)
    middle = member(1, trainval_error=0.1, val_accuracy=0.90, flops=20.0)
    large = member(2, trainval_error=0.09, val_accuracy=0.91, flops=1000.0)
    assert why_front([small, middle, large], TRAINVAL) is None
    lucky = small._replace(metrics={**small.metrics, "val_accuracy": 0.905})
    told = why_knee([lucky, middle, large], TRAINVAL)
    assert told is not None
    assert told.startswith("1 is chosen by")
    lucky = middle._replace(metrics={**middle.metrics, "val_accuracy": 0.92})
    assert why_knee([small, lucky, large], TRAINVAL) is None
    told = why_front([small, lucky, large], TRAINVAL)
    assert told is not None
    assert told.startswith("2 is chosen by")
