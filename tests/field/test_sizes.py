"""Networks and trainings whose sizes follow from the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

import evonas as package
from evonas import EvoClassifier
from evonas.config import build_config
from evonas.run.start import seed
from evonas.training.length import default_epochs
from evonas.types import Task
from search_spaces.neuron.space import create


@given(st.integers(1, 3000), st.integers(1, 1000))
def test_the_default_range_of_edges_is_a_decade_at_least(n_inputs: int, n_outputs: int) -> None:
    space = create(Task("classification", (n_inputs,), n_outputs), {})
    for low, high in (space._edges, space._founders.edges):
        assert low >= max(n_inputs, 4 * n_outputs)
        assert high >= 10 * low


@pytest.mark.parametrize(
    ("shape", "n_outputs", "expected"),
    [((1, 28, 28), 10, (784, 62_720)), ((13,), 1, (13, 1040)), ((6,), 150, (600, 12_000)), ((2,), 60, (240, 4800))],
)
def test_the_default_range_of_edges_follows_from_both_ends(
    shape: tuple[int, ...], n_outputs: int, expected: tuple[int, int]
) -> None:
    space = create(Task("classification", shape, n_outputs), {})
    assert space._edges == space._founders.edges == expected


@pytest.mark.parametrize("bounds", [(200_000, 2_000_000), (64, 640), (100_000, 150_000)])
def test_founders_have_the_room_that_bounds_on_edges_leave(bounds: tuple[int, int]) -> None:
    low, high = create(Task("classification", (1, 28, 28), 10), {"edges": bounds})._founders.edges
    assert bounds[0] <= low
    assert high <= bounds[1]
    assert high >= min(10 * low, bounds[1])


def test_many_classes_of_few_features_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(150), 20)
    x = (rng.normal(size=(150, 6)) * 4)[y] + rng.normal(size=(len(y), 6))
    a, b, s, t = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
    assert EvoClassifier(random_state=0, generations=2, population=8).fit(a, s).score(b, t) > 0.88


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "expected"),
    [(60_000, 64, 6), (41_667, 64, 6), (1_000_000, 64, 6), (6_667, 64, 6), (324, 64, 124), (1150, 64, 35),
     (1, 1, 40_000), (50_000, 1024, 13), (324, 8, 124),
     (400, 512, 600), (24, 512, 1667)],
)
def test_a_trial_has_six_epochs_or_sees_forty_thousand_samples(n_samples: int, batch_size: int, expected: int) -> None:
    assert default_epochs(n_samples, batch_size) == expected


@pytest.mark.parametrize(
    ("n_samples", "input_shape", "expected"),
    [(50_000, (8,), 6), (4000, (3,), 40), (1000, (64,), 160), (1000, (128,), 80), (1000, (784,), 40), (324, (4,), 400),
     (99, (13,), 405), (1000, (1, 8, 8), 40), (1000, (2, 32), 40)],
)
def test_trials_on_tables_of_few_features_are_longer(
    n_samples: int, input_shape: tuple[int, ...], expected: int
) -> None:
    assert default_epochs(n_samples, 64, input_shape=input_shape) == expected


def test_longer_trainings_have_more_epochs_in_proportion() -> None:
    assert default_epochs(50_000, 64, epochs=20) == 20
    assert default_epochs(1000, 64, epochs=20) == pytest.approx(20 * default_epochs(1000, 64) / 6, abs=1)


def test_all_ways_to_a_run_have_the_same_rule_and_the_front_says_its_epochs(
    evonas: Callable[..., Any], tmp_path: Any
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 3))
    np.savez("own.npz", x_train=x, y_train=(x[:, 0] > 0).astype(int), x_test=x[:9], y_test=np.arange(9) % 2)
    numbers = ["--population", 2, "--children", 1, "--generations", 0]
    said = evonas("evolve", "--dataset", "own.npz", *numbers, "--out", "r").stdout
    assert "trained for 40 epochs a trial" in said
    assert "trained for 40 epochs a trial" in evonas("front", "r").stdout
    assert set(package.Run("r").evaluations().budget) == {40}
    evonas("resume", "r", "--generations", 1)
    assert package.Run("r").config.epochs == 40
    said = evonas("evolve", "--dataset", "own.npz", *numbers, "--epochs", 2, "--out", "two").stdout
    assert "trained for 2 epochs a trial" in said
    classifier = EvoClassifier(generations=0, population=2, random_state=0).fit(x, x[:, 0] > 0)
    assert set(classifier.front_.budget) == {40}
    config = build_config(None, {"dataset": "own.npz"}, defaults={"searcher": "random"})
    seed(config, tmp_path / "family", n_members=2)
    assert package.Run(tmp_path / "family").config.epochs == 80
    said = evonas("retrain", "r", "--seeds", 1).stdout
    assert "107 epochs on all training data" in said
