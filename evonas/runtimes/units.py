"""Between the values of a data set's files, which exported networks take and give, and those of the search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Scaling, Splits
from evonas.exportable import ExportTarget, Precision
from evonas.types import Floats

#: Samples that are looked at in one go: their copies stay small.
BLOCK = 4096
#: Of rounding in float32, in the data's units: next to 255 it is a tenth of that.
TOLERANCE = 1e-3


def export_target(splits: Splits, name: str, precision: Precision = "float32") -> ExportTarget:
    """What a network for this data set is exported for."""
    return ExportTarget(name, splits.scaling, _holds_bytes(splits), precision)


def _holds_bytes(splits: Splits) -> bool:
    """Whether every value is a whole number from 0 to 255 in the data's units."""
    for samples in (splits.train, splits.validation):
        for begin in range(0, len(samples), BLOCK):
            values = _in_data_units(samples.x[begin : begin + BLOCK], splits.scaling)
            whole = np.rint(values)
            if whole.min() < 0 or whole.max() > 255 or np.abs(values - whole).max() > TOLERANCE:
                return False
    return True


def inputs_of(samples: Samples, target: ExportTarget) -> NDArray[np.uint8] | Floats:
    """Samples ``(n, *input_shape)`` as an exported network takes them: uint8 or float32."""
    values = _in_data_units(samples.x, target.scaling)
    return np.rint(values).astype(np.uint8) if target.byte_inputs else values.astype(np.float32)


def outputs_of(outputs: Floats, target: ExportTarget) -> Floats:
    """What an exported network gave, ``(n, n_outputs)``, in the units of the search."""
    scaling = target.scaling
    normalised: Floats = ((outputs - np.array(scaling.target_mean)) / scaling.target_std).astype(np.float32)
    return normalised


def _in_data_units(x: Floats, scaling: Scaling) -> Floats:
    values: Floats = x * np.array(scaling.std, np.float32) + np.array(scaling.mean, np.float32)
    return values
