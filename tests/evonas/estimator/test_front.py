"""The networks of the front after ``fit``: other members, files, copies."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_digits

import evonas
from evonas import EvoClassifier, EvoRegressor
from tests.evonas.estimator.conftest import TINY

Samples = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Samples:
    """Images that small networks confuse and larger ones tell apart."""
    found = load_digits()
    return found.images[:300].astype(np.uint8), np.array(list("abcdefghij"))[found.target[:300]]


@pytest.fixture(scope="module")
def fitted(digits: Samples) -> EvoClassifier:
    return EvoClassifier(**{**TINY, "population": 8, "epochs": 20}, random_state=0).fit(*digits)


@pytest.fixture(scope="module")
def other(fitted: EvoClassifier) -> int:
    """A member of the front that was not picked."""
    return next(int(id) for id in fitted.front_.index if id != fitted.id_)


def test_another_member_predicts_as_an_estimator_of_its_own(
    fitted: EvoClassifier, other: int, digits: Samples
) -> None:
    x, _ = digits
    member = fitted.member(other)
    assert (member.id_, fitted.id_ != other) == (other, True)
    assert (member.predict_proba(x) != fitted.predict_proba(x)).any()
    held = fitted.front_.val_accuracy
    assert {member.id_, fitted.id_} <= set(held.index)
    assert (fitted.member(fitted.id_).predict_proba(x) == fitted.predict_proba(x)).all()
    with pytest.raises(ValueError, match="expected the id of a member of front_, got 999: there are "):
        fitted.member(999)
    kept = ", ".join(map(str, sorted({*fitted.front_.index, fitted.id_})))
    for strange in (999, str(other), float(other), True, [other], None):
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            fitted.member(strange)  # type: ignore[arg-type]
        assert f"got {strange!r}: there are {kept} (the index of front_ and what predicts; " in str(refused.value)
    assert fitted.member(np.int64(other)).id_ == other  # type: ignore[arg-type]


def test_members_are_written_without_a_folder_of_the_run(
    fitted: EvoClassifier, other: int, digits: Samples, tmp_path: Path
) -> None:
    x, _ = digits
    expected = fitted.member(other).model_(torch.from_numpy(x[:, None])).detach().numpy()
    assert fitted.export(tmp_path / "net.safetensors", id=other) == (tmp_path / "net.safetensors",)
    loaded = evonas.load(tmp_path / "net.safetensors", raw=True)
    assert np.allclose(loaded(torch.from_numpy(x[:, None])).detach(), expected, atol=1e-6)
    assert loaded.header["source"]["dataset"] == "samples given to fit"
    assert loaded.header["source"]["classes"] == list("abcdefghij")
    fitted.export(tmp_path / "net.onnx", id=other)
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    (outputs,) = session.run(None, {"input": x[:, None].astype(np.float32)})
    assert np.allclose(outputs, expected, atol=1e-4)
    written = fitted.export(str(tmp_path / "net.c"), precision="int8")
    assert [path.suffix for path in written] == [".c", ".h"]
    assert "evonas-" not in written[0].read_text(), "no folder that is gone is named"


def test_a_copy_from_a_pickle_predicts_and_exports(fitted: EvoClassifier, digits: Samples, tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    assert (copy.predict_proba(digits[0]) == fitted.predict_proba(digits[0])).all()
    for estimator, name in ((copy, "a.c"), (fitted, "b.c")):
        estimator.export(tmp_path / name)
    first, second = ((tmp_path / name).read_text() for name in ("a.c", "b.c"))
    assert first.replace("a_", "b_").replace("a.h", "b.h").splitlines()[-3:] == second.splitlines()[-3:]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("net.pt", {}, "expected a file that ends in .safetensors, .json, .onnx, .tflite, .c, got '.*net.pt'"),
        ("net", {"format": "pdf"}, "networks of this space cannot be exported as 'pdf'"),
        ("net.c", {"id": 77}, "expected the id of a member of front_, got 77"),
        ("net.c", {"format": "onnx"}, r"must end in \.onnx for the format onnx"),
        ("net.json", {"format": "torch"}, r"must end in \.safetensors .* which is that of the format json"),
        ("net", {}, "expected a file that ends in .safetensors"),
        ("no/net.json", {}, "cannot write"),
    ],
)
def test_what_cannot_be_written_is_refused(
    fitted: EvoClassifier, name: str, options: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        fitted.export(tmp_path / name, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i4", "longdouble", "f2", "i8"])
@pytest.mark.parametrize("kind", [EvoClassifier, EvoRegressor])
def test_samples_of_every_type_of_number_are_predicted(
    kind: type[EvoClassifier] | type[EvoRegressor], dtype: str
) -> None:
    x = np.random.default_rng(4).integers(-9, 9, (40, 3))
    y = (x[:, 0] > 0).astype(int) if kind is EvoClassifier else x[:, 0] + 0.5
    settings = {**TINY, "epochs": 30, "random_state": 0}
    estimator = kind(**settings).fit(x.astype(dtype), y)
    assert (estimator.predict(x.astype(dtype)) == kind(**settings).fit(x.astype(float), y).predict(x)).all()
