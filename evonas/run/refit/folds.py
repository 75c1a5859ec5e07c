"""Repeated folds of all samples outside the test set, and the loss of each sample for networks that have not seen it.

With a few dozen validation samples the luckiest of hundreds of networks has the fewest errors. In a fold every network
is trained anew on the other samples, and after a repeat every sample has been held out once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.types import Doubles, Floats, Ints, Task

#: Number of folds in a repeat: each network is trained on four fifths of the samples, as in the search.
FOLDS = 5


@dataclass(frozen=True, eq=False)
class Fold:
    """One training and what it is judged by.

    Attributes:
        splits: The samples to train on; ``validation`` is empty.
        held: The others.
        rows: Indices of ``held`` among all samples, ``(n_held,)``.
    """

    splits: Splits
    held: Samples
    rows: Ints


def joined(splits: Splits) -> Splits:
    """Samples of the search as ``train``, those for validation last; ``validation`` is empty."""
    first, second = splits.train, splits.validation
    both: dict[str, Any] = {
        name: _joined(getattr(first, name), getattr(second, name)) for name in first.__dataclass_fields__
    }
    return replace(splits, train=replace(first, **both), validation=second.take(np.arange(0)))


def _joined(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
    """Both arrays, the first one first; None where one part lacks it."""
    return None if first is None or second is None else np.concatenate([first, second])


def fold(everything: Splits, index: int, seed: np.random.SeedSequence) -> Fold:
    """Fold ``index`` of a sequence without end: the first :data:`FOLDS` hold out every sample once, the next again.

    Args:
        everything: All samples, see :func:`joined`.
        index: The number of the fold, from 0.
        seed: The random stream of the sequence.
    """
    samples, task = everything.train, everything.task
    repeat, number = divmod(index, FOLDS)
    rng = np.random.default_rng([*seed.generate_state(4).tolist(), repeat])
    strata = samples.y.astype(np.int64) if task.kind == "classification" else np.zeros(len(samples), np.int64)
    held = np.flatnonzero(_fold_of(strata, rng) == number)
    others = rng.permutation(np.setdiff1d(np.arange(len(samples)), held))
    return Fold(replace(everything, train=samples.take(others)), samples.take(held), held)


def _fold_of(strata: Ints, rng: np.random.Generator) -> Ints:
    """The fold of each sample, ``(n,)``: folds of equal sizes, each with its share of every stratum."""
    order = rng.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    folds = np.empty(len(strata), np.int64)
    folds[order] = np.arange(len(strata)) % FOLDS
    return folds


def losses(outputs: Floats, samples: Samples, task: Task) -> Doubles:
    """The loss of a network on each sample, ``(n,)``.

    For classes it is the mean of the error (0 or 1) and of half the squared distance of the probabilities from the
    truth (Brier 1950): the error is what counts, and far noisier. For a regression it is the squared error in
    deviations of the target, averaged over the targets.

    Args:
        outputs: Outputs before softmax, ``(n, n_outputs)``.
        samples: The samples of these outputs.
        task: Their task.
    """
    z = outputs.astype(np.float64)
    if task.kind == "regression":
        squares: Doubles = ((z - samples.y) ** 2).mean(axis=1)
        return squares
    labels = samples.y.astype(np.int64)
    wrong = z.argmax(axis=1) != labels
    exponentials = np.exp(z - z.max(axis=1, keepdims=True))
    distance = exponentials / exponentials.sum(axis=1, keepdims=True)
    distance[np.arange(len(z)), labels] -= 1
    both: Doubles = (wrong + 0.5 * (distance**2).sum(axis=1)) / 2
    return both
