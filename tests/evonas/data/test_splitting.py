"""Laws of the stratified split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.data.splitting import stratified_split
from evonas.types import DataError


@settings(max_examples=100)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=8), st.integers(0, 2**32 - 1), st.data())
def test_parts_are_disjoint_of_the_asked_size_and_every_class_is_in_both(
    counts: list[int], seed: int, data: st.DataObject,
) -> None:
    rng = np.random.default_rng(seed)
    strata = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    n_first = data.draw(st.integers(len(counts), len(strata) - len(counts)))
    n_second = data.draw(st.none() | st.integers(len(counts), len(strata) - n_first))
    first, second = stratified_split(strata, n_first, n_second, rng, "data")
    assert len(first) == n_first
    assert len(second) == (len(strata) - n_first if n_second is None else n_second)
    assert len(np.unique(np.concatenate([first, second]))) == len(first) + len(second)
    for part in (first, second):
        assert set(strata[part]) == set(range(len(counts)))


@settings(max_examples=50)
@given(st.lists(st.integers(20, 60), min_size=2, max_size=6), st.floats(0.2, 0.8))
def test_class_shares_differ_from_the_whole_by_less_than_two_samples(counts: list[int], share: float) -> None:
    strata = np.repeat(np.arange(len(counts)), counts)
    first, _ = stratified_split(strata, round(share * len(strata)), None, np.random.default_rng(0), "data")
    expected = np.array(counts) * len(first) / len(strata)
    assert np.abs(np.bincount(strata[first]) - expected).max() < 2


def test_equal_classes_are_split_equally() -> None:
    strata = np.arange(600) % 10
    first, second = stratified_split(strata, 100, 200, np.random.default_rng(0), "data")
    assert np.bincount(strata[first]).tolist() == [10] * 10
    assert np.bincount(strata[second]).tolist() == [20] * 10


def test_rows_are_shuffled_even_if_the_file_is_sorted_by_class() -> None:
    strata = np.repeat(np.arange(4), 100)
    for part in stratified_split(strata, 200, None, np.random.default_rng(0), "data"):
        changes = np.count_nonzero(np.diff(strata[part]))
        assert changes > 120  # 150 expected of random neighbours, 3 of sorted ones


@pytest.mark.parametrize(
    ("n_first", "n_second", "message"),
    [
        (2, None, "expected 3 to 27 samples to hold back from 30 .* got 2"),
        (28, None, "expected 3 to 27 samples to hold back from 30 .* got 28"),
        (10, 2, "expected n_train from 3 to 20 .* got 2"),
        (10, 21, "expected n_train from 3 to 20 .* got 21"),
    ],
)
def test_impossible_sizes_are_refused(n_first: int, n_second: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        stratified_split(np.arange(30) % 3, n_first, n_second, np.random.default_rng(0), "data")


def test_a_class_with_a_single_sample_is_named() -> None:
    with pytest.raises(DataError, match=r"at least 2 samples of every class .* got 1 of class 1"):
        stratified_split(np.array([0, 0, 0, 1, 2, 2]), 3, None, np.random.default_rng(0), "data")
