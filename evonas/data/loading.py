"""Loading of the part of a data set that a search may see."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from evonas.data.arrays import Kind, RawSamples, check_task, infer_task
from evonas.data.axes import Axes
from evonas.data.locating import expanded, resolve
from evonas.data.normalisation import normalised, training_statistics
from evonas.data.own_files import NO_OPTIONS, FileOptions, has_validation, imputation
from evonas.data.room import check_samples
from evonas.data.samples import Scaling, Splits
from evonas.data.sources import Source
from evonas.data.splitting import grouped_split, stratified_split
from evonas.data.test_split_check import check_apart, check_test_set
from evonas.data.weights import of_mean_one
from evonas.rng import Stream, stream
from evonas.types import DataError, Ints, Task

#: Number of samples from which a sixth is enough for validation; smaller sets give a fifth.
LARGE = 10_000


def load(
    name: str | Path, *, root: str | Path | None = None, seed: int = 0, validation: float | int | None = None,
    n_train: int | None = None, axes: Axes | None = None, task: Kind | None = None,
    options: FileOptions = NO_OPTIONS, check_test: bool = False,
) -> Splits:
    """Train and validation samples of a data set, normalised by the statistics of the train samples, shuffled.

    The split is stratified by class, and the same for the same arguments and files. The test set is not read into it.

    Args:
        name: A name of :data:`evonas.data.sources.SOURCES`, or the path of an ``.npz`` file with ``x_train``,
            ``y_train`` and optionally ``x_val``, ``y_val`` and ``x_test``, ``y_test``; or ``x_train.npy`` with the
            others in files beside it; or of a table, a CSV or Parquet file.
        root: A folder to search before ``$EVONAS_DATA`` and the user's data folder.
        seed: Seed of the split and the order.
        validation: Samples held back for validation, as a share (float) or a number (int) of those outside the test
            set; None means a sixth, for sets of fewer than 10 000 samples a fifth, and at least one of each class.
        n_train: Number of the remaining samples that are used for training; None uses all.
        axes: Axes of ``x`` in the user's own file, see :mod:`evonas.data.axes`; None infers them from its shape.
        task: Kind of task of the user's own file; None: integers are labels, floats are targets of a regression.
        options: Further options of the user's own files.
        check_test: Also check that test samples in the user's own files fit, and are no others of the data set, see
            :func:`evonas.data.test_split_check.check_test_set`: at the start of a search, not at its end.

    Raises:
        DataError: If the data set is unknown, missing, damaged or unfit, or cannot be split so; or the test samples do
            not fit.
    """
    if check_test:
        check_apart(name, options)
    prepared = prepare(
        name, root=root, seed=seed, validation=validation, n_train=n_train, axes=axes, task=task,
        options=options,
    )
    splits = prepared.splits(name, prepared.train_rows, prepared.validation_rows)
    if check_test:
        check_test_set(splits, options, task)
    return splits


@dataclass(frozen=True, eq=False)
class Prepared:
    """The samples outside the test set as stored, with their split and normalisation.

    Attributes:
        source: Source of the data set.
        folder: Folder of its files.
        task: The task.
        raw: All samples outside the test set.
        train_rows: Rows of the training samples, ``(n_train,)``.
        validation_rows: Rows of the validation samples, ``(n_validation,)``.
        scaling: Normalisation by the statistics of the training samples.
        axes: Axes of the array in the user's own file, else None.
    """

    source: Source
    folder: Path
    task: Task
    raw: RawSamples
    train_rows: Ints
    validation_rows: Ints
    scaling: Scaling
    axes: Axes | None

    def splits(self, name: str | Path, train_rows: Ints, validation_rows: Ints) -> Splits:
        """The given rows, normalised, as the data set ``name``.

        Args:
            name: Name or path of the data set.
            train_rows: Rows of the training samples, ``(n_train,)``.
            validation_rows: Rows of the validation samples, ``(n_validation,)``.
        """
        raw = self.raw
        weight = None if raw.weights is None else of_mean_one(raw.weights, train_rows)
        return Splits(
            name=str(name),
            task=self.task,
            train=normalised(raw, train_rows, self.scaling, weight),
            validation=normalised(raw, validation_rows, self.scaling, weight),
            fingerprint=fingerprint(raw, train_rows, validation_rows),
            scaling=self.scaling,
            axes=self.axes,
            columns=raw.columns,
            classes=raw.classes,
            categories=raw.categories,
            targets=raw.targets,
        )


def prepare(
    name: str | Path, *, root: str | Path | None, seed: int, validation: float | int | None, n_train: int | None,
    axes: Axes | None, task: Kind | None, options: FileOptions,
) -> Prepared:
    """The data set as :func:`load` needs it, before samples are copied.

    Args:
        name, root, seed, validation, n_train, axes, task, options: See :func:`load`.

    Raises:
        DataError: See :func:`load`.
    """
    source, folder = resolve(name, root, options)
    origin = f"{name} (train)"
    if source.task is None:
        raw = source.read(folder, "train", axes=axes, task=task)
        found = infer_task(raw, origin)
        # The test set is read like the training set, regardless of its own shape; its targets may be integers.
        source = replace(source, read=partial(source.read, task=task, like=raw))
    else:
        found = _published(name, source.task, axes, task)
        raw = source.read(folder, "train")
        check_task(raw, found, origin, complete=True)
    rng = np.random.default_rng(stream(seed, Stream.DATA))
    if source.task is None and has_validation(expanded(name), options):
        raw, train_rows, validation_rows = _beside(source, folder, raw, found, validation, n_train, rng)
    else:
        train_rows, validation_rows = _split(raw, validation, n_train, rng, origin)
    fill = None if options.impute is None else imputation(raw, train_rows, options.impute, origin)
    if fill is not None:
        raw = replace(raw, x=np.where(np.isnan(raw.x), fill, raw.x))
    check_samples(len(train_rows) + len(validation_rows), raw.x.shape[1:], origin)
    scaling = training_statistics(raw, train_rows, origin)
    if fill is not None:
        scaling = replace(scaling, fill=fill.tolist())
    found = replace(found, target_scale=scaling.target_std)
    own_axes = raw.axes if source.task is None else None
    return Prepared(source, folder, found, raw, train_rows, validation_rows, scaling, own_axes)


def _split(
    raw: RawSamples, validation: float | int | None, n_train: int | None, rng: np.random.Generator, origin: str
) -> tuple[Ints, Ints]:
    """The rows of the training and of the validation samples.

    Args:
        raw: All samples outside the test set.
        validation: Share or number of validation samples; see :func:`load`.
        n_train: Number of training samples; None uses all others.
        rng: Generator of the split.
        origin: Description of the data for messages.
    """
    strata = raw.y.astype(np.int64) if raw.is_classification else np.zeros(len(raw.y), np.int64)
    n_validation = _validation_size(validation, len(raw.x), int(strata.max()) + 1)
    if raw.groups is not None:
        return grouped_split(strata, raw.groups, n_validation, n_train, rng, origin)
    validation_rows, train_rows = stratified_split(strata, n_validation, n_train, rng, origin, raw.classes)
    return train_rows, validation_rows


def _beside(
    source: Source, folder: Path, raw: RawSamples, task: Task, validation: float | int | None, n_train: int | None,
    rng: np.random.Generator,
) -> tuple[RawSamples, Ints, Ints]:
    """The samples for training joined with the user's own validation samples, and the rows of both.

    Args:
        source: Source of the data set.
        folder: Folder of its files.
        raw: The training samples.
        task: The task.
        validation: Share or number of validation samples, which must be None.
        n_train: Number of training samples; None uses all.
        rng: Generator of the order.
    """
    origin = f"{source.name} (validation)"
    if validation is not None:
        raise DataError(f"validation (--n-validation): expected none, since there are validation samples beside "
                        f"{source.name}, got {validation}; leave it out, or hold some of the training samples back "
                        f"instead (--validation split)")
    other = source.read(folder, "validation")
    check_task(other, task, origin, complete=False)
    n = len(raw.x)
    if n_train is not None and not 1 <= n_train <= n:
        raise DataError(f"{source.name}: expected n_train from 1 to {n}, got {n_train}; change it")
    if raw.groups is not None and other.groups is not None and (both := np.intersect1d(raw.groups, other.groups)).size:
        raise DataError(f"groups (--groups): expected no group on both sides of the split, got {both[0]!s} among the "
                        f"training and the validation samples; move its samples to one side")
    rows = rng.permutation(n)[:n_train].astype(np.int64)
    joined = replace(
        raw, x=np.concatenate([raw.x, other.x]), y=np.concatenate([raw.y, other.y]), groups=None,
        weights=None if raw.weights is None or other.weights is None else np.concatenate([raw.weights, other.weights]),
    )
    return joined, rows, np.arange(n, n + len(other.x), dtype=np.int64)


def _published(name: str | Path, published: Task, axes: Axes | None, task: Kind | None) -> Task:
    """The task of a data set with a name.

    Args:
        name: Name of the data set.
        published: Its task.
        axes: Axes given by the user, which must be None.
        task: Kind of task given by the user, None or that of the data set.

    Raises:
        DataError: Axes or another kind of task were given.
    """
    if task not in (None, published.kind):
        raise DataError(f"task (--task): expected {published.kind}, which {name} is, got {task}; leave it out")
    if axes is not None:
        raise DataError(f"axes (--axes): expected none for {name}, whose axes are known, got {axes}; leave them out")
    return published


def fingerprint(raw: RawSamples, train_rows: Ints, validation_rows: Ints) -> str:
    """Hex digest of the stored values and of the split; it does not depend on the files' compression.

    Args:
        raw: All samples outside the test set.
        train_rows: Rows of the training samples, ``(n_train,)``.
        validation_rows: Rows of the validation samples, ``(n_validation,)``.
    """
    digest = hashlib.blake2b(digest_size=16)
    arrays = raw.x, raw.y, train_rows, validation_rows, *([] if raw.weights is None else [raw.weights])
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    if raw.columns:  # only for tables, since names of classes in an archive are optional
        digest.update(repr((raw.columns, raw.classes)).encode())
    if raw.categories or len(raw.targets) > 1:
        digest.update(repr((sorted(raw.categories.items()), raw.targets)).encode())
    return digest.hexdigest()


def _validation_size(validation: float | int | None, n_samples: int, n_strata: int) -> int:
    if validation is None:
        return max(n_strata, round(n_samples / (6 if n_samples >= LARGE else 5)))
    if isinstance(validation, int):
        return validation
    if not 0 < validation < 1:
        raise DataError(f"validation: expected a share between 0 and 1 or a whole number of samples, got {validation}; "
                        f"0.2 holds back a fifth")
    return round(validation * n_samples)
