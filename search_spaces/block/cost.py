"""Costs of a network, in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from evonas.types import Floats, Metrics
from search_spaces.block.genotype import BlockGenotype, columns_of
from search_spaces.block.layout import Layout
from search_spaces.cnn.layers import Filter


def cost(genotype: BlockGenotype, layout: Layout) -> Metrics:
    """Costs per sample.

    Returns:
        ``params``: all that is trained, BatchNorm's gains and shifts included; ``flops``: twice the multiply-adds of
        convolutions and of the classifier (places that are padded count; normalisation, pooling and activations do
        not); ``depth``: layers with weights on the longest path.
    """
    bodies = [layout.body(block, column) for block, column in enumerate(columns_of(genotype, layout))]
    fixed, chosen = [*_fixed(layout)], [f for body in bodies for f in body]
    weights = layout.n_features * layout.n_outputs
    return {
        "params": float(_params([*fixed, *chosen]) + weights + layout.n_outputs),
        "flops": float(_flops([*fixed, *chosen]) + 2 * weights),
        "depth": float(2 + len(chosen)),
    }


def operation_costs(layout: Layout) -> Mapping[str, Floats]:
    """``params`` and ``flops``, each ``(n_blocks, n_operations)``: what an operation adds, whatever others are chosen.
    """
    bodies = [layout.bodies(block) for block in range(len(layout.places))]
    counts = {"params": _params, "flops": _flops}
    return {
        name: np.array([[count(body) for body in row] for row in bodies], np.float32) for name, count in counts.items()
    }


def _fixed(layout: Layout) -> Iterator[Filter]:
    """Convolutions outside the bodies of blocks."""
    yield layout.stem
    for block in range(len(layout.places)):
        shortcut = layout.shortcut(block)
        if shortcut is not None:
            yield shortcut


def _params(filters: Sequence[Filter]) -> int:
    return sum(f.weights + 2 * f.channels for f in filters)


def _flops(filters: Sequence[Filter]) -> int:
    return 2 * sum(f.products for f in filters)
