"""The test set, and the whole training set for a final retraining. Code that searches never imports this module.

Both are normalised by the statistics of the *search's* train samples, so that a network with its weights, found by the
search or trained again, always sees inputs in the same units. Give the same arguments as to
:func:`evonas.data.load`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from evonas.data.arrays import Kind, check_task
from evonas.data.axes import Axes
from evonas.data.loading import prepare
from evonas.data.normalisation import normalised
from evonas.data.own_files import NO_OPTIONS, FileOptions
from evonas.data.samples import Samples, Splits
from evonas.data.weights import of_mean_one
from evonas.rng import Stream, stream


def load_test(
    name: str | Path, *, root: str | Path | None = None, seed: int = 0, validation: float | int | None = None,
    n_train: int | None = None, axes: Axes | None = None, task: Kind | None = None,
    options: FileOptions = NO_OPTIONS,
) -> Samples:
    """The test set, in the order of its files; with weights of mean 1 if it has some that differ.

    Args:
        name, root, seed, validation, n_train, axes, task, options: See :func:`evonas.data.load`.

    Raises:
        DataError: As :func:`evonas.data.load` does; also if there is no test set, or one that does not fit.
    """
    prepared = prepare(
        name, root=root, seed=seed, validation=validation, n_train=n_train, axes=axes, task=task,
        options=options,
    )
    raw = prepared.source.read(prepared.folder, "test")
    check_task(raw, prepared.task, f"{name} (test)", complete=False)
    rows = np.arange(len(raw.x))
    weight = None if raw.weights is None else of_mean_one(raw.weights, rows)
    return normalised(raw, rows, prepared.scaling, weight)


def load_for_retraining(
    name: str | Path, *, root: str | Path | None = None, seed: int = 0, validation: float | int | None = None,
    n_train: int | None = None, axes: Axes | None = None, task: Kind | None = None,
    options: FileOptions = NO_OPTIONS,
) -> Splits:
    """Samples outside the test set as ``train``, shuffled; ``validation`` is empty: it must not select an epoch.

    Args:
        name, root, seed, validation, n_train, axes, task, options: See :func:`evonas.data.load`.

    Raises:
        DataError: See :func:`evonas.data.load`.
    """
    prepared = prepare(
        name, root=root, seed=seed, validation=validation, n_train=n_train, axes=axes, task=task,
        options=options,
    )
    rows = np.random.default_rng(stream(seed, Stream.DATA, 1)).permutation(len(prepared.raw.x))
    return prepared.splits(name, rows, rows[:0])
