"""What scikit-learn demands of estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from evonas import EvoClassifier, EvoRegressor
from tests.evonas.estimator.conftest import TINY

#: A copy of a sample may be held back from training while the other is trained on, a weight of 2 may not.
SPLIT = "samples are split by chance into those that are trained on and those that are validated on"


def failing(estimator: Any) -> dict[str, str]:
    return {"check_sample_weight_equivalence_on_dense_data": SPLIT}


@pytest.mark.filterwarnings("ignore:there is only one sample of")
@parametrize_with_checks(
    [EvoClassifier(**TINY), EvoRegressor(**TINY)], expected_failed_checks=failing
)
def test_the_estimators_pass_scikit_learns_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
