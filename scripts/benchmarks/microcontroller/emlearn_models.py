"""Models of scikit-learn as the C that emlearn writes: the best by validation under a budget of flash.

A network of one hidden layer is in floats, as emlearn has no other; a forest is code, with a vote of its trees. Both
see the pixels, or their means over squares of 2 x 2 or 4 x 4, which make larger ones possible; what is best is chosen.
Sizes are those of the linked image with the flags of our own networks.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

from evonas.capabilities.export import ExportTarget
from evonas.data import load, test_split
from evonas.data.samples import Samples, Splits
from evonas.export.data_units import export_target, inputs_of
from evonas.runtimes.compiled import compiled
from evonas.runtimes.targets import Figures, built_in_targets, measure_on
from evonas.types import Inputs, Ints, UserError

from .emlearn_source import Model, source_of
from .networks import figures_of
from .settings import TARGET, Setting

#: Trees of a forest.
N_TREES = (12, 24, 48)
#: Bytes of flash of a leaf with its decision, roughly, from which the first size is guessed; from what that takes the
#: next follows, until it takes this share of the budget, at most so often.
LEAF_BYTES, ENOUGH, TRIES = 14.5, 0.93, 4
#: Bytes of flash of emlearn's code of a network, of which the C library's functions are the most.
MLP_CODE = 3_250
#: Epochs of a network: more had nothing on validation.
EPOCHS = 40
#: Samples that an image is run on.
N_SAMPLES = 8


class Candidate(NamedTuple):
    """Model as C.

    Attributes:
        model: Its size in words.
        files: Its C, contents by suffix.
        figures: Those of its linked image.
        val_accuracy: Accuracy of the C on the validation samples.
    """

    model: str
    files: Mapping[str, bytes]
    figures: Figures
    val_accuracy: float


def pooled(images: Inputs, side: int) -> Ints:
    """Return means over squares, rounded down as in C, ``(n, height // side * width // side)``.

    Args:
        images: Bytes ``(n, 1, height, width)``.
        side: Side of the squares.
    """
    n, _, height, width = images.shape
    rows, columns = height // side, width // side
    squares = images[:, 0, : rows * side, : columns * side].reshape(n, rows, side, columns, side)
    means: Ints = squares.sum(axis=(2, 4), dtype=np.int64).reshape(n, -1) // side**2
    return means


class Kind(NamedTuple):
    """Kind of model.

    Attributes:
        c_type: Type of its features in C.
        from_mean: C expression for a feature from the mean ``sum`` of a square.
        features: The same in numpy, from means ``(n, n_features)``.
        sides: Sides of the squares over which pixels are averaged.
        settings: Settings that are tried: numbers of trees.
        first_size: Size to begin with, from bytes of flash, a number of features and a setting.
        make: Makes a model from a setting, a size and a seed.
        words: Describes a setting and a size.
    """

    c_type: str
    from_mean: str
    features: Callable[[Ints], NDArray[Any]]
    sides: Sequence[int]
    settings: Sequence[int]
    first_size: Callable[[int, int, int], int]
    make: Callable[[int, int, int], Model]
    words: Callable[[int, int], str]


def _hidden(flash: int, n_features: int, _: int) -> int:
    """Return the hidden neurons of a network of about that many bytes of flash; see :attr:`Kind.first_size`."""
    return int((flash - MLP_CODE) / (4 * (n_features + 11)))


def _leaves(flash: int, _: int, trees: int) -> int:
    """Return the leaves of each tree of a forest of about that many bytes; see :attr:`Kind.first_size`."""
    return int((flash - 600) / (LEAF_BYTES * trees))


#: By method. Features of a forest are doubled: thresholds lie between two of them, and emlearn rounds these down.
KINDS: Mapping[str, Kind] = MappingProxyType({
    "emlearn-mlp": Kind(
        "float", "(float)sum * (1.0f / 255.0f)", lambda means: (means / 255).astype(np.float32), (1, 2, 4), (1,),
        _hidden,
        lambda _, size, seed: MLPClassifier((size,), batch_size=128, max_iter=EPOCHS, random_state=seed),
        lambda _, size: f"{size} hidden neurons",
    ),
    "emlearn-forest": Kind(
        "int16_t", "(int16_t)(2 * sum)", lambda means: 2 * means, (1, 2), N_TREES, _leaves,
        lambda trees, size, seed: RandomForestClassifier(trees, max_leaf_nodes=max(2, size), random_state=seed),
        lambda trees, size: f"{trees} trees of {size} leaves",
    ),
})


@dataclass(frozen=True, eq=False)
class Fitting:
    """Models of a kind on a data set of images in bytes.

    Attributes:
        splits: The samples.
        kind: The kind.
        seed: Seed of the trainings.
    """

    splits: Splits
    kind: Kind
    seed: int

    @property
    def export(self) -> ExportTarget:
        """Purpose of the C: a label is one integer."""
        return export_target(self.splits, "network", "int8")

    def best(self, flash: int) -> Candidate | None:
        """Return the model within a bound on the flash that is best on validation; None if none is as small."""
        tried = (self._largest(flash, side, setting) for side in self.kind.sides for setting in self.kind.settings)
        found = [candidate for candidate in tried if candidate is not None]
        return max(found, key=lambda candidate: candidate.val_accuracy, default=None)

    def accuracy(self, files: Mapping[str, bytes], samples: Samples) -> float:
        """Return the share of samples that the C labels rightly, compiled for this machine."""
        with compiled(files, "network", 1) as network:
            return float(np.mean(network.run(inputs_of(samples, self.export))[:, 0] == samples.y))

    def _largest(self, flash: int, side: int, setting: int) -> Candidate | None:
        """Return the best of some models that are nearly as large as they may be; None if the smallest is too large.

        Args:
            flash: Most bytes of flash.
            side: Side of the squares over which pixels are averaged.
            setting: One of the kind's.
        """
        images = inputs_of(self.splits.train, self.export)
        features = self.kind.features(pooled(images, side))
        size, tried, best = self.kind.first_size(flash, features.shape[1], setting), set[int](), None
        while size >= 2 and size not in tried and len(tried) < TRIES:
            tried.add(size)
            one = self._built(images, features, side, setting, size)
            if one.figures.flash <= flash and (best is None or one.val_accuracy > best.val_accuracy):
                best = one
            if ENOUGH * flash <= one.figures.flash <= flash:
                break
            size = int((1 + ENOUGH) / 2 * size * flash / one.figures.flash)
        return best

    def _built(
        self, images: Inputs, features: NDArray[Any], side: int, setting: int, size: int
    ) -> Candidate:
        """Train a model of a size, and link it.

        Args:
            images: The training samples as the C takes them.
            features: What the model takes of them.
            side, setting: See :meth:`_largest`.
            size: Its size.
        """
        model = self.kind.make(setting, size, self.seed)
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # squares of small gradients are zeros
            warnings.simplefilter("ignore")  # warnings of networks that have not converged
            model.fit(features, self.splits.train.y)
        files = source_of(
            model, self.splits.task.input_shape, side, c_type=self.kind.c_type, from_mean=self.kind.from_mean
        )
        figures = measure_on(built_in_targets()[TARGET], files, self.export, images[:N_SAMPLES], 1)
        squares = "" if side == 1 else f" on means of {side} x {side}"
        words = f"{self.kind.words(setting, size)}{squares}"
        return Candidate(words, files, figures, self.accuracy(files, self.splits.validation))


def check_labels(fitting: Fitting, candidate: Candidate) -> None:
    """Raise :class:`UserError` if the labels on the target are not those on this machine."""
    images = inputs_of(fitting.splits.train, fitting.export)[:N_SAMPLES]
    with compiled(candidate.files, "network", 1) as network:
        if not np.array_equal(network.run(images), candidate.figures.outputs):
            raise UserError(f"{candidate.model} gives other labels on {TARGET} than on this machine")


def measure_models(
    method: str, dataset: str, setting: Setting, seed: int, data_root: Path | None
) -> Iterator[dict[str, Any]]:
    """Yield what the best model of a kind reaches under each budget; the test set is used for that alone.

    Args:
        method: A name of :data:`KINDS`.
        dataset: Name or file of the data set.
        setting: Its setting.
        seed: Seed of the trainings; the split into training and validation samples is that of the searches.
        data_root: Folder of the data sets.

    Yields:
        The values of a row, see :class:`scripts.benchmarks.microcontroller.rows.Row`.

    Raises:
        UserError: The samples are no images of one channel in bytes.
    """
    splits = load(dataset, root=data_root)
    shape = splits.task.input_shape
    if len(shape) != 3 or shape[0] != 1 or splits.scaling.input_type != "uint8":
        raise UserError(f"{method} takes grey images in bytes, got {dataset}: leave it out of --methods")
    fitting = Fitting(splits, KINDS[method], seed)
    test = test_split.load_test(dataset, root=data_root)
    for budget in setting.budgets:
        began = time.monotonic()
        candidate = fitting.best(budget.flash)
        values: dict[str, Any] = {"model": "none is as small"}
        if candidate is not None:
            check_labels(fitting, candidate)
            values = {
                "model": candidate.model, "val_accuracy": candidate.val_accuracy,
                "test_accuracy": fitting.accuracy(candidate.files, test), **figures_of(candidate.figures),
            }
        yield {"budget": budget.flash, **values, "seconds": time.monotonic() - began}
