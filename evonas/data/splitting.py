"""Stratified splits."""

from __future__ import annotations

import numpy as np

from evonas.data.errors import DataError
from evonas.types import Ints


def stratified_split(
    strata: Ints, n_first: int, n_second: int | None, rng: np.random.Generator, origin: str,
) -> tuple[Ints, Ints]:
    """Two disjoint sets of rows in random order, each with the strata in nearly the proportions of the whole.

    Every stratum gets at least one row in each part; the rest is apportioned by largest remainders.

    Args:
        strata: The stratum of each row, ``0..k-1``, shape ``(n,)``; the labels, or zeros where there are none.
        n_first: Rows of the first part.
        n_second: Rows of the second part; None takes all others.

    Raises:
        DataError: If a stratum has fewer than two rows, or if the parts do not fit into the rows or into the strata.
    """
    counts = np.bincount(strata)
    n_strata, n_rows = len(counts), len(strata)
    if counts.min() < 2:
        raise DataError(f"{origin}: expected at least 2 samples of every class for a stratified split, got "
                        f"{counts.min()} of class {counts.argmin()}; add samples, or merge or remove the class")
    if not n_strata <= n_first <= n_rows - n_strata:
        raise DataError(f"{origin}: expected {n_strata} to {n_rows - n_strata} samples to hold back from {n_rows} "
                        f"(every class on both sides), got {n_first}; change the size of the validation part")
    n_left = n_rows - n_first
    if n_second is not None and not n_strata <= n_second <= n_left:
        raise DataError(f"{origin}: expected n_train from {n_strata} to {n_left} (what validation leaves), got "
                        f"{n_second}; change n_train or the size of the validation part")
    first = 1 + _apportion(counts - 2, n_first - n_strata)
    second = 1 + _apportion(counts - first - 1, (n_left if n_second is None else n_second) - n_strata)
    order = rng.permutation(n_rows)
    rank = _rank_in_stratum(strata[order])
    own_first, own_second = first[strata[order]], second[strata[order]]
    return order[rank < own_first], order[(rank >= own_first) & (rank < own_first + own_second)]


def _apportion(sizes: Ints, total: int) -> Ints:
    """``total`` seats shared in proportion to ``sizes`` by largest remainders; nobody gets more than its size."""
    quotas = sizes * total
    seats, remainders = np.divmod(quotas, max(1, int(sizes.sum())))
    seats[np.argsort(-remainders, kind="stable")[: total - int(seats.sum())]] += 1
    return seats


def _rank_in_stratum(strata: Ints) -> Ints:
    """How many earlier rows are in the same stratum, for each row."""
    by_stratum = np.argsort(strata, kind="stable")
    starts = np.cumsum(np.bincount(strata)) - np.bincount(strata)
    rank = np.empty_like(strata)
    rank[by_stratum] = np.arange(len(strata)) - starts[strata[by_stratum]]
    return rank
