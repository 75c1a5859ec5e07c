"""Standardisation equals its definition."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.data.arrays import raw_samples
from evonas.data.normalisation import normalised, training_statistics
from evonas.types import DataError


@settings(max_examples=30)
@given(
    st.sampled_from([(3, 5, 4), (1, 6, 6), (7,)]), st.sampled_from([np.uint8, np.float32, np.float64, np.int16]),
    st.integers(2, 40), st.integers(0, 2**32 - 1),
)
def test_inputs_are_standardised_by_channel_or_feature_of_the_given_rows(
    shape: tuple[int, ...], dtype: type, n_rows: int, seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    raw = raw_samples(rng.integers(0, 256, (40, *shape)).astype(dtype), np.arange(40) % 2, "data")
    rows = rng.permutation(40)[:n_rows]
    axes = (0, 2, 3) if len(shape) == 3 else (0,)
    values = raw.x.astype(np.float64)
    mean, std = values[rows].mean(axes, keepdims=True), values[rows].std(axes, keepdims=True)
    expected = (values - mean) / np.where(std > 0, std, np.inf)
    samples = normalised(raw, np.arange(40), training_statistics(raw, rows, "data"))
    assert samples.x.dtype == np.float32
    assert samples.x.flags.c_contiguous
    np.testing.assert_allclose(samples.x, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [0.1, 1e-30, -1e30, 3.0])
def test_constant_features_become_exactly_zero(value: float) -> None:
    x = np.stack([np.full(1000, value), np.arange(1000.0)], axis=1)
    raw = raw_samples(x, np.arange(1000) % 2, "data")
    samples = normalised(raw, np.arange(1000), training_statistics(raw, np.arange(1000), "data"))
    assert (samples.x[:, 0] == 0).all()
    assert samples.x[:, 1].std() == pytest.approx(1, rel=1e-5)


def test_what_varies_only_outside_training_stays_practically_zero() -> None:
    x = np.zeros((20, 3), np.uint8)
    x[:10, 1], x[10:, 2] = np.arange(10), 255
    raw = raw_samples(x, np.arange(20) % 2, "data")
    unseen = normalised(raw, np.arange(10, 20), training_statistics(raw, np.arange(10), "data"))
    assert np.abs(unseen.x[:, 2]).max() < 1e-20


def test_the_scaling_is_json_and_broadcasts_over_one_sample() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
    raw = raw_samples(images, np.arange(20) % 2, "data")
    scaling = training_statistics(raw, np.arange(20), "data")
    stored = json.loads(json.dumps(asdict(scaling), allow_nan=False))
    expected = (images[7] - np.array(stored["mean"])) / np.array(stored["std"])
    np.testing.assert_allclose(normalised(raw, np.array([7]), scaling).x[0], expected, rtol=1e-6)


def test_a_large_offset_does_not_drown_the_deviations() -> None:
    x = 1e9 + np.random.default_rng(0).normal(size=(500, 1))
    raw = raw_samples(x, np.arange(500) % 2, "data")
    samples = normalised(raw, np.arange(500), training_statistics(raw, np.arange(500), "data"))
    np.testing.assert_allclose(samples.x, (x - x.mean()) / x.std(), atol=1e-4)


def test_the_scaling_converts_predictions_back_to_the_units_of_the_data() -> None:
    rng = np.random.default_rng(0)
    y = rng.normal([5.0, -2.0], [10.0, 3.0], size=(200, 2))
    raw = raw_samples(rng.normal(size=(200, 3)), y, "data")
    scaling = training_statistics(raw, np.arange(200), "data")
    targets = normalised(raw, np.arange(200), scaling).y
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.mean(axis=0), 0, atol=1e-6)
    assert np.sqrt(targets.var(axis=0).mean()) == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(targets * scaling.target_std + np.array(scaling.target_mean), y, rtol=1e-4, atol=1e-4)


def test_constant_training_targets_are_refused() -> None:
    raw = raw_samples(np.arange(6.0).reshape(3, 2), np.array([1.5, 1.5, 2.0]), "data")
    with pytest.raises(DataError, match="expected training targets that differ, got the same in all 2"):
        training_statistics(raw, np.array([0, 1]), "data")
