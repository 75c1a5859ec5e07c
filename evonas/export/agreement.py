"""Agreement of exported programs with torch."""

from __future__ import annotations

import numpy as np

from evonas.capabilities.export import ExportTarget
from evonas.export.data_units import output_rounding, outputs_of
from evonas.types import Doubles, Floats

#: Largest difference from torch, relative to the largest output: float32 sums in another order.
TOLERANCE = 1e-5


def difference(found: Floats | Doubles, expected: Floats, target: ExportTarget) -> float:
    """Largest difference of a program's outputs from torch's, relative to the largest output, if that is above 1.

    Args:
        found: Outputs of the program in the data's own units, ``(n, n_outputs)``.
        expected: Outputs of torch in the units of the search, of the same shape.
        target: Target of the export.
    """
    largest = max(1.0, float(np.abs(expected).max()))
    deviations = np.abs(outputs_of(found, target) - expected) - output_rounding(target.scaling)
    return float(deviations.max()) / largest
