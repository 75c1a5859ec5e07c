"""Archives and arrays of the user's own: samples, targets, groups and weights for each part."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from evonas.data.archives import array_shapes, read_named
from evonas.data.arrays import Kind, RawSamples, raw_samples
from evonas.data.axes import Axes
from evonas.data.npy_files import SUFFIX as NPY
from evonas.data.own_files import FileOptions, array_names, file_of
from evonas.data.sources import Part
from evonas.data.targets import fitting_names, read_names
from evonas.data.weights import check_weights, weighted
from evonas.types import DataError


def read_arrays(
    path: Path, options: FileOptions, folder: Path, part: Part, *, axes: Axes | None = None, task: Kind | None = None,
    like: RawSamples | None = None,
) -> RawSamples:
    """One part of an archive; the axes and the kind of task are those of the training samples, ``like``.

    Args:
        path: The archive of the training samples.
        options: Options of the user's files.
        folder: Not used.
        part: The part to read.
        axes: Axes of ``x``; None infers them.
        task: Kind of task; None infers it.
        like: The training samples, if another part is read.
    """
    file = file_of(path, options, part)
    own = file != path
    names = list(array_names(file, part, own=own))
    if own and file.suffix == NPY:
        options = _beside(options, path, file)
    extras = _test_weights(options, file, own=own) if part == "test" else _extras(options, "train" if own else part)
    x, y, *further = read_named(file, [*names, *extras.values()])
    given = dict(zip(extras, further, strict=True))
    if like is not None:
        axes, task = like.axes, task if like.is_classification else "regression"
    origin = f"{file} ({part})"
    raw = raw_samples(x, y, origin, axes=axes, task=task, missing=options.impute is not None)
    if options.impute is not None and raw.x.ndim > 2:
        raise DataError(f"impute (--impute): expected rows of features, got {raw.x.ndim - 1}-dimensional samples in "
                        f"{origin}; leave it out")
    if "groups" in given:
        if given["groups"].shape != (len(y),):
            raise DataError(f"groups (--groups): expected one value of {options.groups} for each of {len(y)} samples "
                            f"of {origin}, got an array of shape {given['groups'].shape}; store it with the samples")
        raw = replace(raw, groups=given["groups"])
    if raw.is_classification:
        known = options.classes if like is None else like.classes
        if like is None and not known:
            known = fitting_names(read_names(file), int(raw.y.max()) + 1, file)
        raw = replace(raw, classes=known)
    if "weights" not in given:
        return raw
    what = f"{extras['weights']} of {origin}"
    weights = check_weights(given["weights"], len(y), what)
    return replace(raw, weights=weights) if part == "test" else weighted(raw, weights, what)


def _beside(options: FileOptions, path: Path, file: Path) -> FileOptions:
    """Options with the names that groups and weights have beside another ``.npy`` file than that of training samples.

    ``w_monday`` beside ``x_monday``, if ``w_train`` is beside ``x_train``.

    Args:
        options: Options of the user's files.
        path: File with the training samples.
        file: The other file, whose name begins with x.
    """
    ending = path.stem.removeprefix("x") if path.suffix == NPY else "_train"
    named = (options.groups, options.weights)
    groups, weights = (None if name is None else name.removesuffix(ending) + file.stem[1:] for name in named)
    return replace(options, groups=groups, weights=weights)


def _extras(options: FileOptions, part: Part) -> dict[str, str]:
    """Names of an archive's groups and weights for a part: ``w_val`` for validation if ``w_train`` is given."""
    named = {kind: name for kind in ("groups", "weights") if (name := getattr(options, kind)) is not None}
    if part == "validation":
        return {kind: re.sub("_train$", "_val", name) for kind, name in named.items()}
    return named


def _test_weights(options: FileOptions, file: Path, *, own: bool) -> dict[str, str]:
    """Name of the array with the weights of the test samples, if there is one: ``w_test`` if ``w_train`` is given.

    Args:
        options: Options of the user's files.
        file: The archive with the test samples.
        own: Whether it holds these only.
    """
    if options.weights is None:
        return {}
    name = re.sub("_train$", "_test", options.weights)
    names = dict.fromkeys(([name] if name != options.weights else []) + ([options.weights] if own else []))
    return {"weights": there[0]} if (there := list(array_shapes(file, list(names)))) else {}
