"""Folds hold every sample out once a repeat, and losses say how wrong a network is about each."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.data.samples import Samples, Splits
from evonas.run.refit.folds import FOLDS, fold, joined, losses
from evonas.types import Task

SEED = np.random.SeedSequence(7)


def splits(labels: np.ndarray, n_validation: int = 0) -> Splits:
    """Samples whose only feature is their number."""
    x = np.arange(len(labels), dtype=np.float32)[:, None]
    first = len(labels) - n_validation
    task = Task("classification", (1,), int(labels.max()) + 1)
    return Splits("numbers", task, Samples(x[:first], labels[:first]), Samples(x[first:], labels[first:]), "")


def test_a_repeat_holds_every_sample_out_once_and_trains_on_all_others() -> None:
    everything = splits(np.arange(23) % 3)
    for repeat in range(2):
        drawn = [fold(everything, repeat * FOLDS + i, SEED) for i in range(FOLDS)]
        assert sorted(np.concatenate([d.rows for d in drawn]).tolist()) == list(range(23))
        for d in drawn:
            assert d.held.x[:, 0].astype(int).tolist() == d.rows.tolist()
            assert sorted([*d.splits.train.x[:, 0].astype(int), *d.rows]) == list(range(23))
            assert not len(d.splits.validation)


def test_repeats_differ_and_are_the_same_for_the_same_seed() -> None:
    everything = splits(np.arange(40) % 2)
    first, second, again = (set(fold(everything, i, SEED).rows.tolist()) for i in (0, FOLDS, 0))
    assert first == again != second


def test_each_fold_has_its_share_of_every_class() -> None:
    labels = np.repeat([0, 1], [50, 10])
    for i in range(FOLDS):
        assert np.bincount(fold(splits(labels), i, SEED).held.y.astype(int)).tolist() == [10, 2]


def test_fewer_samples_than_folds_leave_some_folds_empty_and_lose_none() -> None:
    everything = splits(np.array([0, 1, 0]))
    assert sorted(np.concatenate([fold(everything, i, SEED).rows for i in range(FOLDS)]).tolist()) == [0, 1, 2]


def test_joined_samples_are_all_of_the_searchs_with_nothing_to_validate_on() -> None:
    apart = splits(np.arange(12) % 2, n_validation=5)
    together = joined(apart)
    assert together.train.x[:, 0].tolist() == list(range(12))
    assert together.train.y.tolist() == (np.arange(12) % 2).tolist()
    assert not len(together.validation)


def test_the_loss_of_classes_is_the_mean_of_error_and_half_the_squared_distance() -> None:
    samples = Samples(np.zeros((3, 1), np.float32), np.array([0, 0, 1]))
    outputs = np.log(np.array([[0.5, 0.5], [0.25, 0.75], [0.25, 0.75]], np.float32))
    found = losses(outputs, samples, Task("classification", (1,), 2))
    assert found[1:] == pytest.approx([(1 + 0.75**2) / 2, 0.25**2 / 2])
    assert losses(1000 * outputs, samples, Task("classification", (1,), 2))[1:] == pytest.approx([1, 0])


def test_the_loss_of_a_regression_is_the_squared_error_mean_over_targets() -> None:
    samples = Samples(np.zeros((2, 1), np.float32), np.array([[0, 1], [2, 2]], np.float32))
    found = losses(np.array([[1, 3], [2, 2]], np.float32), samples, Task("regression", (1,), 2, (1.0, 1.0)))
    assert found.tolist() == [2.5, 0]
