"""Costs of a network, from its genotype and layout alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from evonas.types import Floats, Metrics
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.layout import Features, Layout, Place
from search_spaces.cell.primitives import Counts, convolution_counts


def cost(genotype: CellGenotype, layout: Layout) -> Metrics:
    """Count the costs per sample.

    Returns:
        ``params``: all trained values; ``flops``: twice the multiply-adds of convolutions and of the classifier
            (normalisation, pooling and activations are not counted); ``depth``: layers with weights on the longest
            path; ``edges``: edges with an operation, over all places.
    """
    fixed = list(_fixed(layout))
    chosen = [
        layout.set.operations[name].counts(place.nodes.channels, layout.stride(place, source), place.nodes.pixels)
        for place in layout.places for node in genotype.cells[place.cell] for name, source in node
    ]
    return {
        "params": float(sum(c.params for c in (*fixed, *chosen))),
        "flops": float(sum(c.flops for c in (*fixed, *chosen))),
        "depth": float(_depth(genotype, layout)),
        "edges": float(len(chosen)),
    }


def edge_costs(layout: Layout) -> Mapping[str, Floats]:
    """Return the cost that an operation on a row adds to the network.

    The costs are ``params`` and ``flops``, each ``(n_rows, n_operations)``.

    For every genotype :func:`cost` is the sum over the chosen operations and the fixed parts: an edge counts even if
    its source gets no input.
    """
    shape = layout.n_cells, len(layout.edges), len(layout.set.names)
    totals = {"params": np.zeros(shape, np.float32), "flops": np.zeros(shape, np.float32)}
    for place in layout.places:
        for row, (source, _) in enumerate(layout.edges):
            stride = layout.stride(place, source)
            for name, operation in layout.set.operations.items():
                counts = operation.counts(place.nodes.channels, stride, place.nodes.pixels)
                column = layout.set.names.index(name)
                totals["params"][place.cell, row, column] += counts.params
                totals["flops"][place.cell, row, column] += counts.flops
    return {name: total.reshape(-1, shape[2]) for name, total in totals.items()}


def _fixed(layout: Layout) -> Iterator[Counts]:
    """Yield the counts of all parts except the edges."""
    yield convolution_counts(3, layout.in_channels, layout.stem.channels, layout.stem.pixels)
    for place in layout.places:
        if place.before is not None:
            yield from _residual(place.before, place.nodes)
        if layout.set.skeleton == "darts":
            for given in place.inputs:
                yield convolution_counts(1, given.channels, place.nodes.channels, _entry_pixels(place))
    if layout.set.skeleton == "nasbench201":
        yield Counts(2 * layout.output.channels, 0, 0)  # the last BatchNorm
    weights = layout.output.channels * layout.n_outputs
    yield Counts(weights + layout.n_outputs, 2 * weights, 1)


def _entry_pixels(place: Place) -> int:
    """Return the pixels of each input after its entry, which are those of the last input."""
    return place.inputs[-1].pixels


def _residual(given: Features, nodes: Features) -> Iterator[Counts]:
    yield convolution_counts(3, given.channels, nodes.channels, nodes.pixels)
    yield convolution_counts(3, nodes.channels, nodes.channels, nodes.pixels)
    yield convolution_counts(1, given.channels, nodes.channels, nodes.pixels, norm=False)


def _depth(genotype: CellGenotype, layout: Layout) -> int:
    """Count the layers with weights on the longest path, by dynamic programming over the cells.

    A path begins anew at a node that no edge enters.
    """
    n_inputs = layout.set.n_inputs
    history = [1] * n_inputs  # the stem
    for place in layout.places:
        entry = 1 if layout.set.skeleton == "darts" else 2 * (place.before is not None)
        depths = [depth + entry for depth in history[-n_inputs:]]
        for node in genotype.cells[place.cell]:
            paths = [
                depths[source] + layout.set.operations[name].counts(1, layout.stride(place, source), 1).depth
                for name, source in node
            ]
            depths.append(max(paths, default=0))
        nodes = depths[n_inputs:]
        history.append(max(nodes) if layout.set.skeleton == "darts" else nodes[-1])
    return history[-1] + 1
