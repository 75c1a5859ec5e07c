"""Samples in memory, and the part of a data set that a search may see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.axes import Axes
from evonas.types import Doubles, Floats, Ints, Json, Task

#: Type of inputs in the data's own units: uint8 if the file has bytes, float64 if float32 would lose too much.
InputType: TypeAlias = Literal["uint8", "float32", "float64"]
#: Largest rounding error to float32 in a column, as a multiple of its standard deviation.
LARGEST_LOSS = 1e-3
#: Training samples by which the steps of activations are chosen.
CALIBRATION_SAMPLES = 1024


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples in memory, normalised; compared and hashed by identity, so that derived layouts can be cached.

    Attributes:
        x: C-contiguous float32, shape ``(n, *input_shape)``; images are channels first.
        y: int64 class indices of shape ``(n,)``, or float32 standardised targets of shape ``(n, n_outputs)``.
        weight: What the loss of each sample, and its share in an error, is multiplied with: not negative, of mean 1
            over the training samples, float32 of shape ``(n,)``. None: all count alike.
    """

    x: Floats
    y: NDArray[np.int64] | Floats
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: Ints) -> Samples:
        """Copy of some of the samples."""
        return Samples(self.x[rows], self.y[rows], None if self.weight is None else self.weight[rows])

    def evenly(self, n: int) -> Samples:
        """Copy of up to ``n`` samples, evenly spaced."""
        return self.take(np.linspace(0, len(self) - 1, min(len(self), n)).round().astype(np.int64))

    @property
    def flat(self) -> Floats:
        """``x`` as a ``(n, n_inputs)`` view."""
        return self.x.reshape(len(self.x), -1)


#: See :attr:`Scaling.is_foldable`.
LARGEST_MEAN, LARGEST_SPREAD = 8.0, 4.0


@dataclass(frozen=True, slots=True)
class Scaling:
    """The normalisation of samples, as JSON; it is needed to feed new samples to a network.

    All conversions are made in float64: beside an offset of many deviations float32 has no room for the deviations.

    Attributes:
        mean, std: Numbers, or nested lists that broadcast over one sample; a network sees ``(x - mean) / std``.
        target_mean, target_std: Scale of regression targets: a prediction in the data's own units is
            ``output * target_std + target_mean``, with one mean and one deviation for each target; in runs of
            earlier versions, one deviation for all.
        input_type: The narrowest type that holds inputs in the data's own units.
        fill: Replacement of a missing value (NaN) of each feature, in the data's own units; None if none may be
            missing.
    """

    mean: Json = 0.0
    std: Json = 1.0
    target_mean: Json = 0.0
    target_std: Json = 1.0
    input_type: InputType = "float32"
    fill: Json = None

    def to_json(self) -> Json:
        """Fields by name; ``fill`` only if it is set, so that earlier versions can read the rest."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def normalise(self, x: NDArray[Any]) -> Floats:
        """Inputs ``(n, *input_shape)``, given in the data's own units, as the network sees them."""
        if self.fill is not None and x.dtype.kind == "f":
            x = np.where(np.isnan(x), np.array(self.fill), x)
        normalised: Floats = np.empty(x.shape, np.float32)
        np.divide(x - np.array(self.mean), np.array(self.std), out=normalised, casting="same_kind")
        return normalised

    def restore(self, x: Floats) -> Doubles:
        """The inverse of :meth:`normalise`, to the precision of float32."""
        values: Doubles = np.array(x, np.float64) * np.array(self.std) + np.array(self.mean)
        return values

    @property
    def is_foldable(self) -> bool:
        """Whether weights can hold the normalisation at no cost in accuracy, and a network take inputs as they are.

        This holds for means of at most :data:`LARGEST_MEAN` standard deviations (sums of raw values then do not
        cancel), and for deviations that differ by at most a factor of :data:`LARGEST_SPREAD` (one scale of rounded
        weights then serves all). Pixels satisfy this; features, each with a mean and a deviation of its own, rarely do.
        """
        mean, std = np.broadcast_arrays(np.array(self.mean, np.float64), np.array(self.std, np.float64))
        is_even = std.max() <= LARGEST_SPREAD * std.min()
        return bool(is_even and np.abs(mean / std).max() <= LARGEST_MEAN and self.fill is None)

    @property
    def takes_bytes(self) -> bool:
        """Whether programs of integers take the bytes of the data set; else normalised inputs."""
        return self.input_type == "uint8" and self.is_foldable

    def normalise_targets(self, y: NDArray[Any]) -> Floats:
        """Regression targets ``(n, n_outputs)``, given in the data's own units, as training sees them."""
        targets: Floats = ((y - np.array(self.target_mean)) / np.array(self.target_std)).astype(np.float32)
        return targets

    def restore_targets(self, outputs: NDArray[Any]) -> Doubles:
        """Outputs of a network, ``(n, n_outputs)``, in the data's own units."""
        values: Doubles = outputs * np.array(self.target_std, np.float64) + np.array(self.target_mean, np.float64)
        return values

    @property
    def float32_losses(self) -> Doubles:
        """Rounding error to float32 in each column or channel, in standard deviations, ``(n,)``."""
        return _losses(self.mean, self.std)

    @property
    def float32_target_losses(self) -> Doubles:
        """Rounding error to float32 in each target, in standard deviations, ``(n_outputs,)``."""
        return _losses(self.target_mean, self.target_std)


def _losses(mean: Json, std: Json) -> Doubles:
    """Rounding errors in standard deviations: half a unit of the last of 24 bits, relative to the column's offset."""
    means, deviations = np.broadcast_arrays(np.array(mean, np.float64), np.array(std, np.float64))
    losses: Doubles = (np.abs(means) / deviations).ravel() * 2.0**-24
    return losses


@dataclass(frozen=True, eq=False)
class Splits:
    """The part of a data set that a search sees: train and validation. It does not contain or refer to the test set.

    Attributes:
        name: The data set's name or path.
        task: The task.
        train: Training samples.
        validation: Validation samples.
        fingerprint: Hex digest of the files and of the split, to recognise a different data set on resume.
        scaling: Scaling of the values in the files to those in ``train`` and ``validation``.
        axes: Axes of the array in the user's own file, given or inferred from its shape; None for tables and data sets
            with a name.
        columns: Names of the feature columns of a table; empty if they have no names.
        classes: Names of the classes in the order of the outputs; empty if they have none.
        categories: Categories by column, for columns that are encoded as one feature per category, in order.
        targets: Names of the targets of a table.
    """

    name: str
    task: Task
    train: Samples
    validation: Samples
    fingerprint: str
    scaling: Scaling = Scaling()
    axes: Axes | None = None
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: tuple[str, ...] = ()

    @cached_property
    def calibration(self) -> Samples:
        """Training samples, evenly spaced, by which programs of integers choose the steps of activations."""
        return self.train.evenly(CALIBRATION_SAMPLES)

    @cached_property
    def train_probe(self) -> Samples:
        """Training samples, evenly spaced: as many as for validation, or all."""
        return self.train.evenly(len(self.validation))
