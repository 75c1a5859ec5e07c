"""Weights of samples and of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evonas import EvoClassifier, EvoRegressor
from tests.evonas.estimator.conftest import TINY

Samples = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def rare() -> Samples:
    """Two classes that overlap, one in ten samples of the second."""
    rng = np.random.default_rng(2)
    y = np.where(np.arange(200) % 10 == 0, "rare", "usual")
    return rng.normal(size=(200, 3)) + 1.2 * (y == "rare")[:, None], y


def recalls(classifier: EvoClassifier, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    right = classifier.predict(x) == y
    return {label: float(right[y == label].mean()) for label in ("rare", "usual")}


def test_balanced_classes_count_alike_in_training_and_in_the_error(rare: Samples) -> None:
    x, y = rare
    plain, balanced = (
        EvoClassifier(**TINY, random_state=0, class_weight=weight).fit(x, y) for weight in (None, "balanced")
    )
    assert recalls(balanced, x, y)["rare"] > recalls(plain, x, y)["rare"] + 0.1
    assert recalls(balanced, x, y)["usual"] < recalls(plain, x, y)["usual"]
    front = balanced.front_  # with such weights the error is the balanced one
    assert np.allclose(front.val_error, front.val_balanced_error)
    assert not np.allclose(plain.front_.val_error, plain.front_.val_balanced_error)


def test_weights_of_classes_multiply_those_of_samples(rare: Samples) -> None:
    x, y = rare
    own = np.random.default_rng(3).uniform(0.5, 2, 200)
    by_class = EvoClassifier(**TINY, random_state=0, class_weight={"rare": 5}).fit(x, y, own)
    by_sample = EvoClassifier(**TINY, random_state=0).fit(x, y, sample_weight=own * np.where(y == "rare", 5, 1))
    assert (by_class.predict_proba(x) == by_sample.predict_proba(x)).all()
    assert (by_class.predict_proba(x) != EvoClassifier(**TINY, random_state=0).fit(x, y, own).predict_proba(x)).any()


@pytest.mark.parametrize("kind", [EvoClassifier, EvoRegressor])
def test_samples_without_weight_are_as_if_they_were_not_there(kind: Any, rare: Samples, line: Samples) -> None:
    x, y = rare if kind is EvoClassifier else line
    weight = (np.arange(len(y)) % 4 != 3).astype(float)
    kept = weight > 0
    weighted = kind(**TINY, random_state=0).fit(x, y, weight).predict(x)
    assert (weighted == kind(**TINY, random_state=0).fit(x[kept], y[kept]).predict(x)).all()
    assert (weighted != kind(**TINY, random_state=0).fit(x, y).predict(x)).any()


def test_equal_weights_change_nothing(line: Samples) -> None:
    x, y = line
    weighted, plain = (EvoRegressor(**TINY, random_state=0).fit(x, y, w).predict(x) for w in (np.full(80, 0.3), None))
    assert (weighted == plain).all()


def test_a_weight_draws_predictions_to_its_samples(line: Samples) -> None:
    x, y = line
    x, y = np.vstack([x, x]), np.concatenate([y, y + 100])  # every sample twice, with two targets
    upper = np.repeat([1.0, 9.0], 80)
    predicted = EvoRegressor(**TINY, random_state=0).fit(x, y, upper).predict(x[:80])
    assert 80 < (predicted - y[:80]).mean() < 100


def test_a_balanced_metric_can_be_what_the_front_trades(rare: Samples) -> None:
    settings = {**TINY, "population": 5}
    classifier = EvoClassifier(**settings, random_state=0, metric="trainval_balanced_error").fit(*rare)
    front = classifier.front_
    assert front.trainval_balanced_error[classifier.id_] == front.trainval_balanced_error.min()
    assert (front.trainval_balanced_error != front.trainval_error).any()
    with pytest.raises(ValueError, match="unknown objective 'balanced_acc'"):
        EvoClassifier(**TINY, metric="balanced_acc").fit(*rare)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.r_[np.ones(79), -1], "sample_weight: expected finite weights that are not negative, got -1 for sample 79"),
        (np.r_[np.nan, np.ones(78), np.inf], "got nan for sample 0, the first of 2 such weights"),
        (np.ones(79), r"one weight for each of 80 samples, got an array of shape \(79,\)"),
        (np.ones((80, 1)), r"got an array of shape \(80, 1\)"),
        (np.zeros(80), "expected a positive weight for some sample, got zero for all"),
        (["1"] * 80, "sample_weight: expected numbers, got dtype <U1"),
    ],
)
def test_unfit_weights_are_refused(line: Samples, weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvoRegressor(**TINY).fit(*line, sample_weight=weight)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("equal", "class_weight must be None, 'balanced' or a dict like .*, got 'equal'"),
        (3, "class_weight must be None, 'balanced' or a dict"),
        ({"rare": -1}, "not negative, got -1 for class 'rare'"),
        ({"rare": "much"}, "expected a number for each class"),
        ({"rar": 2}, "expected labels like 'rare', 'usual', got 'rar'"),
        ({"rare": 0}, "expected a positive weight for some sample of every class, got 0 for all of class 'rare'"),
    ],
)
def test_unfit_weights_of_classes_are_refused(rare: Samples, weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvoClassifier(**TINY, class_weight=weight).fit(*rare)
    both = EvoClassifier(**TINY, class_weight={"rare": 2, "usual": 1, "absent from this fold": 3})
    both._samples(*rare, None)
