"""Objectives and constraints from text."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.evaluation.deployment import deployment_names
from evonas.evaluation.trained import measured_names
from evonas.individual import Evaluation
from evonas.objectives import parse_constraint, parse_objectives
from evonas.objectives.metrics import MEASURED_LATER
from evonas.run.plugins import create_space
from evonas.types import Task, UserError

KNOWN = ("val_error", "val_accuracy", "flops", "depth")


def test_costs_enter_as_logarithms_and_accuracy_is_maximised() -> None:
    objectives = parse_objectives(["val_accuracy", "flops"], [], KNOWN)
    metrics = {"val_accuracy": 0.9, "flops": 1000.0}
    assert objectives.matrix([Evaluation(0, 1, "ok", metrics, 0.0)]).tolist() == [[-0.9, pytest.approx(3.0)]]


def test_a_failed_evaluation_is_infinitely_bad() -> None:
    objectives = parse_objectives(["val_error", "flops"], ["flops<=10"], KNOWN)
    failed = Evaluation(0, 1, "failed", {}, 0.0, "boom")
    assert np.isinf(objectives.matrix([failed])).all()
    assert np.isinf(objectives.violations([failed])).all()


def test_a_violation_is_relative_to_its_bound() -> None:
    constraint = parse_constraint(" flops <= 5e4", KNOWN)
    assert constraint.violation({"flops": 50000.0}) == 0.0
    assert constraint.violation({"flops": 75000.0}) == pytest.approx(0.5)
    assert parse_constraint("val_accuracy>=0.8", KNOWN).violation({"val_accuracy": 0.4}) == pytest.approx(0.5)
    assert str(constraint) == "flops<=50000"


@pytest.mark.parametrize(
    ("names", "constraints", "message"),
    [
        (["val_eror"], [], "unknown objective 'val_eror', did you mean 'val_error'"),
        (["flops", "flops"], [], "different metrics"),
        ([], [], "one or more"),
        (["flops"], ["flops<5"], "cannot read the constraint 'flops<5'"),
        (["flops"], ["flops<=many"], "cannot read the constraint"),
        (["flops"], ["flops>=1e999"], "cannot read the constraint"),
        (["flops"], ["flop<=5"], "unknown metric 'flop' in constraint"),
    ],
)
def test_bad_text_is_refused_with_one_sentence(names: list[str], constraints: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_objectives(names, constraints, KNOWN)


@pytest.mark.parametrize("task", [
    Task("classification", (4,), 3), Task("regression", (4,), 1), Task("regression", (4,), 2, target_scale=(1.0, 2.0)),
])
def test_whether_less_or_more_is_better_is_known_of_all_metrics_of_this_program(task: Task) -> None:
    space = create_space("neuron", task, {})
    deployed = deployment_names(space, task)
    names = (*measured_names(task), "train_loss", "edge_updates", *deployed)
    goals = {item.metric: item.goal for item in parse_objectives(names, [], names).items}
    assert {name for name, goal in goals.items() if goal == "max"} == {*names} & {"val_accuracy", "val_r2"}
    assert set(deployed) <= MEASURED_LATER
