"""Random splits: stratified by class, and by groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.types import DataError, Ints

#: Number of random choices of groups, of which the best is taken.
N_CHOICES = 50


def stratified_split(
    strata: Ints, n_first: int, n_second: int | None, rng: np.random.Generator, origin: str,
    names: Sequence[str] = (),
) -> tuple[Ints, Ints]:
    """Two disjoint sets of rows in random order, each with the strata in nearly the proportions of the whole.

    Every stratum gets at least one row in each part; the rest is apportioned by largest remainders.

    Args:
        strata: The stratum of each row, ``0..k-1``, shape ``(n,)``; the labels, or zeros if there are none.
        n_first: Rows of the first part.
        n_second: Rows of the second part; None takes all others.
        rng: Generator of the split.
        origin: Description of the data for messages.
        names: Names of the strata for messages; empty for their numbers.

    Raises:
        DataError: If a stratum has fewer than two rows, or if the parts do not fit into the rows or into the strata.
    """
    counts = np.bincount(strata)
    n_strata, n_rows = len(counts), len(strata)
    if counts.min() < 2:
        fewest = int(counts.argmin())
        name = names[fewest] if names else fewest
        raise DataError(f"{origin}: expected at least 2 samples of every class for a stratified split, got "
                        f"{counts.min()} of class {name}; add samples, or merge or remove the class")
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


def grouped_split(
    strata: Ints, groups: NDArray[Any], n_second: int, n_first: int | None, rng: np.random.Generator, origin: str
) -> tuple[Ints, Ints]:
    """Two sets of rows in random order, for training and validation, such that no group has rows in both.

    Of some random choices of groups the one is taken that comes nearest to the number of rows and to the proportions of
    the strata; choices with every stratum on both sides have priority.

    Args:
        strata: See :func:`stratified_split`.
        groups: Group of each row, ``(n,)``.
        n_second: Approximate number of rows of the second part.
        n_first: Rows of the first part; None takes all others.
        rng: Generator of the split.
        origin: Description of the data for messages.

    Raises:
        DataError: There is one group only, no choice has every stratum in the first part, or the rows do not suffice.
    """
    from sklearn.model_selection import GroupShuffleSplit  # imported here: it takes a second, and few data sets need it

    n_rows, names = len(strata), np.unique(groups)
    if len(names) < 2 or not 1 <= n_second < n_rows:
        raise DataError(f"{origin}: expected at least two groups to split, and 1 to {n_rows - 1} validation samples, "
                        f"got {len(names)} and {n_second}; choose other groups (--groups), or another number")
    n_groups = min(max(1, round(n_second / n_rows * len(names))), len(names) - 1)
    seed = int(rng.integers(2**31 - 1))
    choices = GroupShuffleSplit(N_CHOICES, test_size=n_groups, random_state=seed).split(strata, groups=groups)
    counts = np.bincount(strata)
    wanted = counts * (n_second / n_rows)
    best: tuple[tuple[int, int, float], Ints, Ints] | None = None
    for first, second in choices:
        held = np.bincount(strata[second], minlength=len(counts))
        rating = int((held == counts).sum()), int((held == 0).sum()), float(np.abs(held - wanted).sum())
        if best is None or rating < best[0]:
            best = rating, first, second
    assert best is not None, "there are choices"
    (n_absent, _, _), first, second = best
    if n_absent:
        raise DataError(f"{origin}: expected groups that leave training samples of every class, got none in "
                        f"{N_CHOICES} random choices; each class must occur in several groups")
    if n_first is not None and not 1 <= n_first <= len(first):
        raise DataError(f"{origin}: expected n_train from 1 to {len(first)} (what validation leaves), got {n_first}; "
                        f"change it")
    return rng.permutation(first)[:n_first].astype(np.int64), rng.permutation(second).astype(np.int64)


def _apportion(sizes: Ints, total: int) -> Ints:
    """``total`` seats shared in proportion to ``sizes`` by largest remainders; no share exceeds its size."""
    quotas = sizes * total
    seats, remainders = np.divmod(quotas, max(1, int(sizes.sum())))
    seats[np.argsort(-remainders, kind="stable")[: total - int(seats.sum())]] += 1
    return seats


def _rank_in_stratum(strata: Ints) -> Ints:
    """The number of earlier rows in the same stratum, for each row."""
    by_stratum = np.argsort(strata, kind="stable")
    starts = np.cumsum(np.bincount(strata)) - np.bincount(strata)
    rank = np.empty_like(strata)
    rank[by_stratum] = np.arange(len(strata)) - starts[strata[by_stratum]]
    return rank
