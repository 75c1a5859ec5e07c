"""Conversion between the units of a data set's files, which exported networks use, and those of the search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION, ExportTarget, Precision
from evonas.data.samples import LARGEST_LOSS, Samples, Scaling, Splits
from evonas.types import Doubles, Floats, Inputs


def export_target(splits: Splits, name: str, precision: Precision = "float32") -> ExportTarget:
    """The target of exports for a data set.

    Args:
        splits: The data set.
        name: Name of the network.
        precision: What programs compute with.
    """
    return ExportTarget(
        name, splits.scaling, splits.scaling.input_type == "uint8", precision,
        calibration=splits.calibration.x,
    )


def inputs_of(samples: Samples, target: ExportTarget) -> Inputs:
    """Samples ``(n, *input_shape)`` in the form that an exported network takes."""
    if target.input_type == "int16":
        words = np.rint(samples.x.astype(np.float64) * WORDS_A_DEVIATION)
        return np.clip(words, -LARGEST_WORD, LARGEST_WORD).astype(np.int16)
    values = target.scaling.restore(samples.x)
    return np.rint(values).astype(np.uint8) if target.byte_inputs else values.astype(target.input_type)


def samples_of(inputs: Inputs, samples: Samples, target: ExportTarget) -> Samples:
    """Samples in the units of the search, converted from an exported network's inputs including their rounding.

    Args:
        inputs: Inputs ``(n, *input_shape)`` from :func:`inputs_of`.
        samples: Samples with the targets, in the same order.
        target: Target of the export.
    """
    if target.input_type == "int16":
        return replace(samples, x=(inputs / WORDS_A_DEVIATION).astype(np.float32))
    return replace(samples, x=target.scaling.normalise(inputs))


def outputs_of(outputs: Floats | Doubles, target: ExportTarget) -> Floats:
    """Outputs of an exported network, ``(n, n_outputs)``, in the units of the search."""
    return target.scaling.normalise_targets(outputs)


def output_rounding(scaling: Scaling) -> Doubles:
    """Bound of the rounding error of float32 outputs, ``(n_outputs,)`` or ``(1,)``, in the units of the search.

    The mean of the targets is added to the outputs in three roundings.
    """
    return 3 * scaling.float32_target_losses


def lossy_columns(scaling: Scaling) -> str:
    """The columns or channels that float32 cannot hold, with the deviations that are lost; empty if it holds all."""
    if scaling.input_type != "float64":
        return ""
    what, losses = "column" if np.ndim(scaling.mean) == 1 else "channel", scaling.float32_losses
    lossy = np.flatnonzero(losses > LARGEST_LOSS)
    named = ", ".join(f"{what} {column} ({losses[column]:.2g})" for column in lossy[:5])
    return named + (f" and {len(lossy) - 5} more" if len(lossy) > 5 else "")
