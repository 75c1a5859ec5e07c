"""Runs from Python: :func:`evolve`, and where samples that are no file yet are kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from evonas.config import RunConfig, check_config
from evonas.data.arrays import RawSamples, raw_samples
from evonas.data.axes import AXES_INSIDE
from evonas.data.locating import absolute, expanded
from evonas.data.numeric import as_numbers
from evonas.data.weights import check_weights, weighted
from evonas.run import start
from evonas.run.api import Run
from evonas.run.observer import RunObserver
from evonas.serialization import renamed
from evonas.serialization.files import DATABASE, replacement
from evonas.store import check_absent
from evonas.types import Ints, UserError


def evolve(
    data: Any, y: Any = None, *, out: str | Path, sample_weight: Any = None, observers: Sequence[RunObserver] = (),
    seed_from: str | Path | Sequence[str | Path] = (), replace_max_pool: bool = False, **settings: Any,
) -> Run:
    """Search, as ``evonas evolve`` does, and return the run.

    ``evonas.evolve("digits", out="runs/digits", generations=20, jobs=2)`` takes a data set by its name or path,
    ``evonas.evolve(X, y, out="runs/mine", time_limit=60)`` arrays, and ``evonas.evolve(config, out=...)`` a
    :class:`evonas.config.RunConfig`. A time limit that ends the search is no error: ``evonas resume`` goes on.

    Args:
        data: A data set's name, the path of an own file, a configuration; or samples, as in
            :func:`evonas.data.load`, which are kept beside the run in ``OUT.npz``.
        y: Labels of any kind ``(n,)``, or targets ``(n,)`` or ``(n, n_outputs)``; for samples only. Integers and texts
            are labels, floats targets of a regression, unless ``task`` says otherwise.
        out: The run's directory, to be made.
        sample_weight: Weight of each sample, ``(n,)``; for samples only.
        observers: See :class:`evonas.run.observer.RunObserver`.
        seed_from: A run whose front is the founders, or several.
        replace_max_pool: As in :func:`evonas.run.start.evolve`.
        settings: Fields of :class:`evonas.config.RunConfig`; unknown names are refused.

    Raises:
        UserError: As :func:`evonas.run.start.evolve`; samples or weights are unfit; nothing is written then.
    """
    given = [seed_from] if isinstance(seed_from, str | Path) else seed_from
    seeds = [expanded(path) for path in given]
    more: dict[str, Any] = {"seed_from": seeds, "replace_max_pool": replace_max_pool, "observers": observers}
    if isinstance(data, str | Path | RunConfig):
        if y is not None or sample_weight is not None:
            raise UserError(f"y and sample_weight are for arrays, got them with {str(data)[:40]!r}: leave them out")
        start.evolve(_config(data, settings), expanded(out), **more)
        return Run(out)
    if y is None:
        raise UserError("expected labels or targets y with the samples, or the name or path of a data set, got "
                        f"{type(data).__name__} alone")
    raw = _samples(as_numbers(data, "x"), np.asarray(y), sample_weight, settings)
    with workspace(out) as (directory, file):
        start.evolve(stored(raw, file, settings, source="evonas.evolve"), directory, **more)
    return Run(directory)


def _config(data: str | Path | RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    if isinstance(data, RunConfig):
        given = data.model_dump(exclude_unset=True)
        changes = renamed.keys(settings, renamed.SETTINGS)
        return check_config({**given, **changes}, source="evonas.evolve") if changes else data
    return check_config({**settings, "dataset": str(data)}, source="evonas.evolve")


def _samples(x: Any, y: Any, sample_weight: Any, settings: Mapping[str, Any]) -> RawSamples:
    for name in ("dataset", "columns", "groups", "weights"):
        if settings.get(name):
            raise UserError(f"{name} is for files of samples, got {settings[name]!r} with arrays: leave it out")
    classes: tuple[str, ...] = ()
    if y.dtype.kind in "OUS" and settings.get("task") == "regression":
        y = as_numbers(y, "y")
    elif y.dtype.kind in "OUS":
        y, classes = _numbered(y)
    raw = raw_samples(
        x, y, "the samples", axes=settings.get("axes"), task=settings.get("task"),
        missing=settings.get("impute") is not None,
    )
    if classes:
        raw = replace(raw, classes=classes)
    if sample_weight is None:
        return raw
    weights = check_weights(np.asarray(sample_weight), len(raw.x), "sample_weight")
    return weighted(raw, weights, "sample_weight")


def _numbered(y: NDArray[Any]) -> tuple[Ints, tuple[str, ...]]:
    """Numbers of labels that are texts or of mixed kinds, and the names of the classes."""
    import pandas as pd

    absent = pd.isna(y.ravel())
    if absent.any():
        raise UserError(f"y: expected a label for every sample, got none for sample {int(absent.argmax())}; complete "
                        f"or remove the samples")
    names, labels = np.unique(y.astype(str), return_inverse=True)
    return labels.reshape(y.shape), tuple(names.tolist())


def stored(raw: RawSamples, file: Path, settings: Mapping[str, Any], *, source: str) -> RunConfig:
    """Write samples for a run, and give the configuration that reads them.

    Args:
        raw: The samples.
        file: File to be written.
        settings: Fields of :class:`RunConfig`.
        source: Source that messages name.

    Raises:
        UserError: A setting is unknown or not allowed, or the file cannot be written; there is no file then.
    """
    kept = {**settings, "dataset": str(file), "axes": raw.axes and AXES_INSIDE[raw.axes]}
    kept["task"] = "classification" if raw.is_classification else "regression"
    arrays: dict[str, Any] = {"x_train": raw.x, "y_train": raw.y}
    if raw.classes:
        kept["classes"], arrays["classes"] = raw.classes, np.array(raw.classes)
    if raw.weights is not None:
        kept["weights"], arrays["w_train"] = "w_train", raw.weights
    config = check_config(kept, source=source)
    try:
        with replacement(file) as opened:
            np.savez(opened, **arrays)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror or error}") from None
    return config


@contextmanager
def workspace(out: str | Path, *, numbered: bool = False) -> Iterator[tuple[Path, Path]]:
    """A run's directory, still to be made, and a file beside it for its samples, which goes where no run is made.

    Args:
        out: The directory.
        numbered: Take ``OUT-2``, ``OUT-3`` and so on if ``OUT`` is a run already, or one is being made.

    Raises:
        UserError: There is something else, or no folder or file can be made there.
    """
    directory, lock = _claimed(absolute(out), numbered=numbered)
    samples = directory.with_name(f"{directory.name}.npz")
    try:
        if os.path.lexists(samples):
            raise UserError(f"{samples}, where the samples would be kept, exists already: choose another out")
        try:
            yield directory, samples
        finally:
            if not directory.exists():
                samples.unlink(missing_ok=True)
    finally:
        _release(lock)


def _release(lock: FileLock) -> None:
    """Let others claim the directory, and remove the file while they cannot yet."""
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _claimed(out: Path, *, numbered: bool) -> tuple[Path, FileLock]:
    """A directory that no other process will make, and the lock that tells them so; it ends with the process."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {out.parent}: {error.strerror}; choose another out") from None
    for number in count(1):
        directory = out if number == 1 else out.with_name(f"{out.name}-{number}")
        if not (numbered and os.path.lexists(directory / DATABASE)):
            check_absent(directory)
        lock = FileLock(directory.with_name(f".{directory.name}.begun"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not numbered:
                raise UserError(f"{directory} is being made by another process: choose another out") from None
            continue
        except OSError as error:
            raise UserError(f"cannot write {lock.lock_file}: {error.strerror}; choose another out") from None
        if not os.path.lexists(directory):
            return directory, lock
        _release(lock)
        if not numbered:  # another process has made it since
            check_absent(directory)
    raise AssertionError("there is always another number")
