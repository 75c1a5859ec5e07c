"""Channels come first whatever the file's order, and every reading of a shape is the documented one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.data import DataError, load
from evonas.data.arrays import raw_samples
from evonas.data.axes import Axes, channels_first
from evonas.data.normalisation import normalised, training_statistics
from evonas.data.test_split import load_test

SIDES = st.integers(1, 13)


@settings(max_examples=60)
@given(SIDES, SIDES, SIDES, st.sampled_from(["chw", "hwc"]), st.integers(0, 2**32 - 1))
def test_given_axes_are_obeyed_for_any_number_of_channels(
    channels: int, height: int, width: int, axes: Axes, seed: int
) -> None:
    images = np.random.default_rng(seed).normal(size=(4, channels, height, width))
    stored = images if axes == "chw" else np.moveaxis(images, 1, -1)
    found, told = channels_first(stored, "data", axes)
    assert told == axes
    assert found.flags.c_contiguous
    assert np.array_equal(found, images)


@settings(max_examples=60)
@given(SIDES, st.integers(1, 40), st.sampled_from(["cl", "lc"]), st.integers(0, 2**32 - 1))
def test_signals_of_any_number_of_channels_have_statistics_of_each_channel(
    channels: int, length: int, axes: Axes, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    signals = rng.normal(size=(30, channels, length)) * np.logspace(-3, 3, channels)[:, None] + rng.normal(0, 1e4)
    stored = signals if axes == "cl" else np.moveaxis(signals, 1, -1)
    raw = raw_samples(stored, np.arange(30) % 2, "data", axes=axes)
    found = normalised(raw, np.arange(30), training_statistics(raw, np.arange(30), "data")).x
    assert found.shape == (30, channels, length)
    np.testing.assert_allclose(found.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(0, 2)), 1, atol=1e-5)


def test_bytes_are_pixels_unless_one_side_is_four_times_the_other() -> None:
    assert channels_first(np.zeros((5, 8, 20), np.uint8), "data")[1] == "hw"
    assert channels_first(np.zeros((5, 8, 20)), "data")[1] == "cl"
    assert channels_first(np.zeros((5, 1, 20), np.uint8), "data")[1] == "cl"
    assert channels_first(np.zeros((5, 20, 1), np.uint8), "data")[1] == "lc"
    with pytest.raises(DataError, match=r"hw \(images of 6 x 50\) or cl \(6 channels of length 50\) or lc"):
        channels_first(np.zeros((5, 6, 50), np.uint8), "data")


def test_wide_images_of_floats_might_be_signals() -> None:
    with pytest.warns(UserWarning, match=r"taken for images of 13 x 20; give axes \(--axes\) cl where .* 13 ch"):
        assert channels_first(np.zeros((5, 13, 20)), "data")[1] == "hw"
    assert channels_first(np.zeros((5, 13, 20)), "data", "hw")[0].shape == (5, 1, 13, 20)


def test_tall_images_of_floats_might_be_signals_shorter_than_their_channels_are_many() -> None:
    with pytest.warns(UserWarning, match=r"taken for images of 6 x 5; .* cl where these are 6 channels of length 5, lc "
                                         r"where they are 5 of length 6"):
        assert channels_first(np.zeros((5, 6, 5)), "data")[1] == "hw"
    assert channels_first(np.zeros((5, 8, 8)), "data")[1] == "hw"


@pytest.mark.parametrize("shape", [(4, 3, 3), (13, 3, 3), (2, 3, 3), (13, 1, 1)])
def test_a_side_of_3_is_no_channel_axis_where_the_image_is_a_square_without_it(shape: tuple[int, ...]) -> None:
    channels, side = shape[:2]
    with pytest.raises(DataError, match=rf"chw \({channels} channels of {side} x {side}\) or hwc"):
        channels_first(np.zeros((5, *shape)), "data")
    with pytest.raises(DataError, match=rf"or hwc \({channels} channels of {side} x {side}\)"):
        channels_first(np.zeros((5, side, side, channels)), "data")


@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 8, 8), "chw"), ((8, 8, 3), "hwc"), ((1, 28, 28), "chw"), ((28, 28, 1), "hwc"),
                        ((3, 20, 30), "chw"), ((20, 30, 3), "hwc"), ((1, 3, 4), "chw")],
)
def test_grey_and_colour_images_are_recognised(shape: tuple[int, ...], axes: Axes) -> None:
    assert channels_first(np.zeros((5, *shape)), "data")[1] == axes


@pytest.mark.parametrize(
    ("shape", "axes", "message"),
    [
        ((5, 6), "cl", r"expected an array of 3 axes, ncl, got shape \(5, 6\)"),
        ((5, 6, 7), "chw", "expected an array of 4 axes, nchw"),
        ((5, 2, 6, 7), "hw", "expected an array of 3 axes, nhw"),
        ((5, 6, 7), "wh", "axes: expected hw, chw, hwc, cl or lc, got 'wh'"),
    ],
)
def test_axes_that_an_array_has_not_are_refused(shape: tuple[int, ...], axes: Axes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        channels_first(np.zeros(shape), "data", axes)


def test_the_test_set_is_read_as_the_training_set(write_npz: Callable[..., Path]) -> None:
    rng = np.random.default_rng(0)
    path = write_npz(x_train=rng.integers(0, 9, (30, 8, 20)).astype(np.uint8), x_test=rng.normal(size=(9, 8, 20)))
    assert load(path).task.input_shape == (1, 8, 20)
    assert load_test(path).x.shape == (9, 1, 8, 20)


def test_the_axes_of_a_data_set_with_a_name_are_known() -> None:
    with pytest.raises(DataError, match=r"axes \(--axes\): expected none for digits"):
        load("digits", axes="hw")
    with pytest.raises(DataError, match=r"task \(--task\): expected classification, which digits is, got regression"):
        load("digits", task="regression")
