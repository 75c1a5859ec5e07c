"""Text and missing values among samples in memory: estimators and ``evonas.evolve`` name the column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evonas
from evonas import EvoClassifier, EvoRegressor
from tests.evonas.estimator.conftest import TINY

QUICK: dict[str, Any] = {**TINY, "random_state": 0}


@pytest.fixture
def frame(line: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame(line[0], columns=["length", "width", "height"])


@pytest.mark.parametrize("kind", [EvoClassifier, EvoRegressor])
def test_text_is_refused_by_the_name_of_its_column_in_fit_and_in_predict(kind: Any, frame: pd.DataFrame) -> None:
    y = np.arange(80) % 2
    texts = frame.assign(width=["red", *["blue"] * 79])
    with pytest.raises(ValueError, match=r"X: expected numbers, got text, 'red', in column 'width', sample 0; encode"):
        kind(**QUICK).fit(texts, y)
    with pytest.raises(ValueError, match=r"X: expected numbers, got text, 'red', in column 1, sample 0; encode"):
        kind(**QUICK).fit(texts.to_numpy(), y)
    with pytest.raises(ValueError, match=r"got NaN in column 'height', sample 7; complete or remove .* or impute"):
        kind(**QUICK).fit(frame.assign(height=np.where(np.arange(80) == 7, np.nan, 1.0)), y)
    fitted = kind(**QUICK).fit(frame, y)
    with pytest.raises(ValueError, match=r"got text, 'red', in column 'width', sample 0"):
        fitted.predict(texts)


def test_a_regressor_names_the_target_that_is_text(frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"y: expected numbers, got text, 'much', for sample 3"):
        EvoRegressor(**QUICK).fit(frame, [1.0, 2.0, 3.0, "much", *range(76)])


def test_evolve_names_the_column_and_takes_frames_of_several_kinds_of_numbers(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    y, small = np.arange(80) % 2, {"population": 2, "children": 1, "generations": 0, "epochs": 60}
    for wrong, column in ((frame.assign(width="red"), "'width'"), (frame.assign(width="red").to_numpy(), "1")):
        with pytest.raises(ValueError, match=rf"x: expected numbers, got text, 'red', in column {column}, sample 0"):
            evonas.evolve(wrong, y, out=tmp_path / "wrong", **small)
    assert not (tmp_path / "wrong").exists()
    several = frame.assign(flag=y == 1, count=y)
    run = evonas.evolve(several, y, out=tmp_path / "run", **small)
    assert list(run.load(0).header["task"]["input_shape"]) == [5]
    missing = several.assign(width=np.where(y == 1, np.nan, 1.0))
    imputed = evonas.evolve(missing, y, out=tmp_path / "imputed", impute="mean", **small)
    assert imputed.load(0).header["normalisation"]["fill"][1] == 1.0
