"""Inheritance of weights: kernels are padded or cropped, inner channels added or cut.

What only adds (a larger kernel, more inner channels) changes nothing that the network computes: new taps are 0, and so
are the weights that read new channels. Channels are cut by the weights that read them.
"""

from __future__ import annotations

import numpy as np

from evonas.types import Floats, Ints, Weights
from search_spaces.block.layout import Body


def resize(weights: Weights, fresh: Weights, old: Body, new: Body) -> Weights:
    """The state of a block's :class:`search_spaces.block.network.Convolutions`.

    Args:
        weights: Weights of the parent's operation.
        fresh: Untrained ones of the child's operation: what new channels begin with.
        old, new: Convolutions of both operations, in the same block.
    """
    kept = _strongest(weights[f"convolutions.{len(old) - 1}.weight"], new[0].channels)
    resized = {name: value.copy() for name, value in fresh.items()}
    for index, f in enumerate(new):
        is_last, name = index == len(new) - 1, f"convolutions.{index}.weight"
        theirs, ours = weights[name], resized[name]
        if not is_last:
            theirs = theirs[kept]
        if index and f.groups == 1:
            theirs = theirs[:, kept]
            ours[:, len(kept) :] = 0
        ours[: theirs.shape[0], : theirs.shape[1]] = _kernel(theirs, f.kernel)
        for entry in ("weight", "bias", "running_mean", "running_var"):
            of_norm = weights[f"norms.{index}.{entry}"]
            of_norm = of_norm if is_last else of_norm[kept]
            resized[f"norms.{index}.{entry}"][: len(of_norm)] = of_norm
    return resized


def _strongest(readers: Floats, n: int) -> Ints:
    """Inner channels, in their order: all, or the ``n`` that the last convolution reads with the largest weights."""
    read = np.abs(readers).sum(axis=(0, 2, 3))
    return np.sort(np.argsort(-read, kind="stable")[:n])


def _kernel(weights: Floats, size: int) -> Floats:
    """The middle taps, or zeros around all."""
    margin = (size - weights.shape[-1]) // 2
    if margin >= 0:
        return np.pad(weights, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
    return weights[:, :, -margin:margin, -margin:margin]
