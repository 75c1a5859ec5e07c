"""The search as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from evonas import EvoRegressor
from tests.evonas.estimator.conftest import TINY

Samples = tuple[np.ndarray, np.ndarray]
ENOUGH: dict[str, Any] = {**TINY, "population": 6, "epochs": 300, "random_state": 0}


def test_it_predicts_in_the_units_of_the_targets_and_of_their_shape(line: Samples) -> None:
    x, y = line
    regressor = EvoRegressor(**ENOUGH).fit(x, y)
    assert regressor.score(x, y) > 0.7
    assert regressor.predict(x).shape == (80,)
    with torch.no_grad():
        assert np.allclose(regressor.model_(torch.from_numpy(x))[:, 0], regressor.predict(x), rtol=1e-6)
    assert EvoRegressor(**TINY, random_state=0).fit(x, y[:, None]).predict(x).shape == (80, 1)


def test_targets_of_other_sizes_are_learned_together(line: Samples) -> None:
    x, y = line
    targets = np.column_stack([y, 1e-6 * x[:, 0]])
    regressor = EvoRegressor(**ENOUGH).fit(x, targets)
    residual = ((regressor.predict(x) - targets) ** 2).mean(axis=0) / targets.var(axis=0)
    assert (residual < 0.4).all()
    assert {"trainval_nmse", "trainval_mse"} <= set(regressor.front_.columns)


def test_whole_numbers_are_quantities(line: Samples) -> None:
    x, y = line
    assert EvoRegressor(**ENOUGH).fit(x, np.rint(y).astype(int)).score(x, y) > 0.7


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.full(80, 3.0), "expected training targets that differ"), (np.full(80, np.nan), "NaN")],
)
def test_targets_without_anything_to_learn_are_refused(line: Samples, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EvoRegressor(**TINY).fit(line[0], y)


def test_there_must_be_a_sample_to_validate_on(line: Samples) -> None:
    with pytest.raises(ValueError, match=r"at least two samples that count, .* got 1 sample"):
        EvoRegressor(**TINY).fit(*line, sample_weight=np.eye(80)[0])
