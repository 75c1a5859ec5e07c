"""The search as a scikit-learn classifier."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evonas import EvoClassifier
from evonas.run.start import resume
from tests.evonas.estimator.conftest import TINY


def test_a_run_that_is_kept_is_a_run_like_any_other(
    images: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    x, y = images
    classifier = EvoClassifier(**TINY, random_state=0, out=tmp_path / "new" / "run").fit(x, y)
    assert classifier.score(x, y) == 1
    assert classifier.run_ is not None
    assert classifier.run_.front().equals(classifier.front_)
    assert classifier.run_.best() == classifier.id_
    assert resume(tmp_path / "new" / "run", {"generations": 1}), "its samples must have been kept"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["run", "run.npz"]


def test_the_model_takes_raw_samples_and_agrees_with_the_probabilities(
    images: tuple[np.ndarray, np.ndarray]
) -> None:
    x, y = images
    classifier = EvoClassifier(**TINY, random_state=0).fit(x, y)
    with torch.no_grad():
        expected = classifier.model_(torch.from_numpy(x[:, None])).softmax(1).numpy()
    assert np.allclose(classifier.predict_proba(x), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"expected samples of shape \(1, 6, 8\), .* got \(1, 6, 9\)"):
        classifier.predict(np.zeros((2, 6, 9)))


def test_nothing_is_left_behind_without_out(
    images: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    classifier = EvoClassifier(**TINY).fit(*images)
    assert classifier.run_ is None
    with pytest.raises(ValueError, match="population must be a whole number from 2 to 1000000, got 1; correct it"):
        EvoClassifier(population=1, out=tmp_path / "run").fit(*images)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_users_is_not_overwritten(images: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    (tmp_path / "run.npz").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"run.npz, where the samples would be kept, exists already"):
        EvoClassifier(**TINY, out=tmp_path / "run").fit(*images)
    assert (tmp_path / "run.npz").read_bytes() == b"mine"


def test_the_number_of_jobs_does_not_change_the_result(images: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = images
    first, second = (EvoClassifier(**TINY, random_state=3, n_jobs=n).fit(x, y).predict_proba(x) for n in (None, -1))
    assert (first == second).all()


def test_a_budget_of_flops_holds_for_all_of_the_front_and_for_the_pick(
    images: tuple[np.ndarray, np.ndarray]
) -> None:
    settings = {**TINY, "population": np.int64(6), "random_state": 0}
    classifier = EvoClassifier(**settings, flops=1000, pick={"flops": 400}).fit(*images)
    assert classifier.front_.flops.max() <= 1000
    assert classifier.front_.flops[classifier.id_] <= 400
    knee = EvoClassifier(**settings, pick="knee").fit(*images)
    assert knee.id_ in knee.front_.index
    with pytest.raises(ValueError, match="no evaluation has succeeded and keeps the constraints"):
        EvoClassifier(**settings, flops=2).fit(*images)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pick": "fastest"}, "pick must be 'best', 'one-se', 'knee' or bounds like {'flops': 20000}, got 'fastest'"),
        ({"pick": {"flop": 9}}, "unknown metric 'flop', did you mean 'flops'"),
        ({"pick": "knee", "ensemble": 2}, "ensemble: expected 1 with pick='knee', which is one network, got 2"),
        ({"verbose": "yes"}, "verbose must be 0, 1 or 2, got 'yes'"),
        ({"space": "nueron"}, "unknown search space 'nueron', did you mean 'neuron'"),
    ],
)
def test_bad_parameters_are_refused_in_fit(
    images: tuple[np.ndarray, np.ndarray], parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        EvoClassifier(**{**TINY, **parameters}).fit(*images)


def test_a_class_of_one_sample_is_trained_on_and_validated_on_with_a_warning() -> None:
    x, y = np.eye(7), np.array([1, 1, 1, 2, 2, 2, 9])
    with pytest.warns(UserWarning, match="only one sample of 9: it is trained on and validated on"):
        classifier = EvoClassifier(**TINY, random_state=0).fit(x, y)
    assert classifier.classes_.tolist() == [1, 2, 9]
