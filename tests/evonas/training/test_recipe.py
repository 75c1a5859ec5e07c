"""Learning rates over a training run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evonas.training import Pruning, Recipe, Regrowth


@pytest.mark.parametrize(
    ("schedule", "n_steps", "expected"),
    [
        ("constant", 5, [1, 1, 1, 1, 1]),
        ("cosine", 7, [1, 1, 0.9330, 0.75, 0.5, 0.25, 0.0670]),
        ("one-cycle", 6, [0.52, 1, 0.8536, 0.5, 0.1464, 0]),
    ],
)
def test_the_schedule_of_the_learning_rate(schedule: Any, n_steps: int, expected: list[float]) -> None:
    recipe = Recipe(learning_rate=2.0, schedule=schedule, warmup=0)
    assert recipe.learning_rates(n_steps).tolist() == pytest.approx([2 * rate for rate in expected], abs=1e-3)


@pytest.mark.parametrize(("schedule", "last"), [("constant", 1.0), ("cosine", 0.0670)])
def test_a_warmup_rises_linearly_to_the_peak(schedule: Any, last: float) -> None:
    rates = Recipe(learning_rate=1.0, schedule=schedule, warmup=0.25).learning_rates(8)
    assert rates[:3].tolist() == pytest.approx([0.5, 1.0, 1.0])
    assert rates[-1] == pytest.approx(last, abs=1e-3)


def test_the_final_recipe_differs_in_what_would_change_a_chosen_network_only() -> None:
    recipe = Recipe(learning_rate=0.01, patience=3, pruning=Pruning(edges=50), regrowth=Regrowth())
    assert recipe.final() == Recipe(learning_rate=0.01)


def test_children_train_for_a_share_of_the_budget_between_two() -> None:
    recipe = Recipe(child_epochs=(35 / 60, 50 / 60))
    drawn = [recipe.epochs_of_child(100.0, 60, np.random.default_rng(seed)) for seed in range(300)]
    assert (min(drawn), max(drawn)) == (35, 50)
    assert len(set(drawn)) == 16
    assert recipe.epochs_of_child(100.0, 60) == 50
    assert recipe.epochs_of_child(100.0, 1, np.random.default_rng(0)) == 1
    assert Recipe().epochs_of_child(100.0, 60, np.random.default_rng(0)) == 60


@pytest.mark.parametrize(("options", "sentence"), [
    ({"child_epochs": (0.9, 0.5)}, "child_epochs must be two positive shares, the smaller first"),
    ({"hidden_dropout": 1.0}, "hidden_dropout must be a share from 0 to 1"),
])
def test_bad_numbers_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Recipe(**options)


@pytest.mark.parametrize("moves", [{"pruning": Pruning(edges=5)}, {"regrowth": Regrowth()}])
def test_edges_stay_where_weights_are_quantised(moves: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected no pruning and no regrowth beside quantisation"):
        Recipe(quantisation="int8", **moves)
    assert Recipe(**moves).final().pruning is None
