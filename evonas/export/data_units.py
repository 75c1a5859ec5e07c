"""Between the values of a data set's files, which exported networks take and give, and those of the search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.capabilities.export import ExportTarget, Precision
from evonas.data.samples import LARGEST_LOSS, Samples, Scaling, Splits
from evonas.types import Doubles, Floats, Inputs


def export_target(splits: Splits, name: str, precision: Precision = "float32") -> ExportTarget:
    """What a network for this data set is exported for."""
    return ExportTarget(name, splits.scaling, splits.scaling.input_type == "uint8", precision)


def inputs_of(samples: Samples, target: ExportTarget) -> Inputs:
    """Samples ``(n, *input_shape)`` as an exported network takes them."""
    values = target.scaling.restore(samples.x)
    return np.rint(values).astype(np.uint8) if target.byte_inputs else values.astype(target.input_type)


def samples_of(inputs: Inputs, samples: Samples, target: ExportTarget) -> Samples:
    """The samples in the units of the search, but of the very inputs, rounded as they are.

    Args:
        inputs: ``(n, *input_shape)``, as :func:`inputs_of` gives them.
        samples: Where the targets come from, in the same order.
        target: What the network is exported for.
    """
    return replace(samples, x=target.scaling.normalise(inputs))


def outputs_of(outputs: Floats, target: ExportTarget) -> Floats:
    """What an exported network gave, ``(n, n_outputs)``, in the units of the search."""
    return target.scaling.normalise_targets(outputs)


def output_rounding(scaling: Scaling) -> Doubles:
    """What outputs may lose, ``(n_outputs,)`` or ``(1,)``, in the units of the search, since they are float32: the mean
    of the targets is added to them, in three roundings.
    """
    return 3 * scaling.float32_target_losses


def lossy_columns(scaling: Scaling) -> str:
    """The columns or channels that float32 cannot hold, with what it would lose of them; empty where it holds all."""
    if scaling.input_type != "float64":
        return ""
    what, losses = "column" if np.ndim(scaling.mean) == 1 else "channel", scaling.float32_losses
    lossy = np.flatnonzero(losses > LARGEST_LOSS)
    named = ", ".join(f"{what} {column} ({losses[column]:.2g})" for column in lossy[:5])
    return named + (f" and {len(lossy) - 5} more" if len(lossy) > 5 else "")
