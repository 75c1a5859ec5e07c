"""Drawings of a neuron genotype: planes of neurons, from the grid of the inputs to the column of the outputs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.diagram import NetworkDiagram
from evonas.types import Doubles, Task, Weights, grid_of
from search_spaces.neuron.genotype import NeuronGenotype

#: Widths in units of the drawing's height: of a hidden plane, seen at an angle, and of the gap before each plane.
PLANE, GAP = 0.24, 0.3
#: Planes of single channels: the share of a plane's height that separates it from the next, and the gap between columns
#: of a signal's channels.
MARGIN, LINE = 0.18, 0.06
#: Inputs in a column of a flat task.
COLUMN = 32


def diagram(genotype: NeuronGenotype, task: Task, weights: Weights | None = None) -> NetworkDiagram:
    """Draw inputs of an image as its pixels, channels one above the other, and hidden neurons at their positions.

    Other inputs, outputs, and hidden neurons that lie on a line are drawn in columns. The channels of a layer whose
    neurons share biases are small planes of their own.

    Args:
        genotype: A valid genotype.
        task: Gives the inputs' shape.
        weights: Weights of the network; None draws edges without them.
    """
    planes = [_inputs(task)]
    left = float(planes[0][:, 0].max()) + GAP
    for first, last in pairwise(genotype.layer_offsets[1:-1].tolist()):
        neurons = slice(first - genotype.n_inputs, last - genotype.n_inputs)
        plane = _layer(genotype.positions[neurons].astype(np.float64), genotype.channels[neurons], task)
        planes.append(plane + np.array([left, 0]))
        left += max(PLANE, float(plane[:, 0].max())) + GAP
    planes.append(_column(genotype.n_outputs, genotype.n_outputs) + np.array([left, 0]))
    positions = np.concatenate(planes).astype(np.float32)
    n_hidden, n_outputs = genotype.n_hidden, genotype.n_outputs
    return NetworkDiagram(
        width=float(positions[:, 0].max()),
        positions=positions,
        layers=("inputs", *(f"layer {i}" for i in range(1, genotype.depth)), "outputs"),
        layer=genotype.layer_of.astype(np.int64),
        kinds=("input", "neuron", "output"),
        kind=np.repeat([0, 1, 2], [genotype.n_inputs, n_hidden, n_outputs]),
        edges=genotype.edges.astype(np.int64),
        weights=None if weights is None else weights["edge"],
        labels=("",) * (genotype.n_inputs + n_hidden) + tuple(map(str, range(n_outputs))),
        ties=genotype.ties.astype(np.int64) if genotype.n_weights < genotype.n_edges else None,
        input_use=_readers(genotype, task).astype(np.float32),
    )


def _readers(genotype: NeuronGenotype, task: Task) -> Doubles:
    """Return the out-degrees of the inputs, summed over channels, in the shape of the grid."""
    degrees = np.bincount(genotype.edges[:, 0], minlength=genotype.n_inputs)[: genotype.n_inputs]
    readers: Doubles = degrees.reshape(-1, *grid_of(task.input_shape)).sum(axis=0).astype(np.float64)
    return readers


def _inputs(task: Task) -> Doubles:
    height, width = grid_of(task.input_shape)
    if height == 1:
        return _column(task.n_inputs, COLUMN)
    pixel = np.arange(task.n_inputs) % (height * width)
    return np.stack([(pixel % width + 0.5) / height, (pixel // width + 0.5) / height], axis=1)


def _layer(positions: Doubles, channels: NDArray[np.int32], task: Task) -> Doubles:
    """Place the neurons of a hidden layer.

    If neurons share biases, each channel has a plane, in columns, top to bottom.

    Neurons without a channel have one plane together.

    Args:
        positions: (row, column) genes of the layer, ``(n, 2)``.
        channels: Channel genes of the layer, ``(n,)``.
        task: Gives the inputs' shape.
    """
    names, plane = np.unique(channels, return_inverse=True)
    if len(names) in (1, len(channels)):
        return _hidden(positions, task)
    height, width = grid_of(task.input_shape)
    if height == 1:
        lines = np.outer(plane, [LINE, 0.0])
        for i in range(len(names)):
            own = np.flatnonzero(plane == i)
            lines[own[np.argsort(positions[own, 1], kind="stable")]] += _column(len(own), len(own))
        return lines
    n_rows = int(np.ceil(np.sqrt(2 * len(names))))
    cell = 1 / n_rows
    places: Doubles = _hidden(positions, task) * np.array([width / height / PLANE, 1]) * (1 - MARGIN) * cell
    column, row = np.divmod(plane, n_rows)
    places += np.stack([column * cell * max(1.0, width / height), (row + MARGIN / 2) * cell], axis=1)
    return places


def _hidden(positions: Doubles, task: Task) -> Doubles:
    """Place (row, column) genes on the plane; if all rows are equal, in a column in the order of their columns."""
    height, width = grid_of(task.input_shape)
    if height == 1:
        places = np.empty((len(positions), 2))
        places[np.argsort(positions[:, 1], kind="stable")] = _column(len(positions), max(COLUMN, len(positions) // 8))
        return places
    row, column = (positions / np.maximum([height - 1, width - 1], 1)).clip(0, 1).T
    return np.stack([column * PLANE, 0.5 / height + row * (1 - 1 / height)], axis=1)


def _column(n: int, height: int) -> Doubles:
    """Place ``n`` nodes from top to bottom in columns of at most ``height``, centred and close together."""
    n_columns = -(-n // height)
    column, row = np.divmod(np.arange(n), -(-n // n_columns))
    rows = np.bincount(column)[column]
    return np.stack([column * min(0.05, PLANE / max(n_columns - 1, 1)), (row + 0.5) / rows], axis=1)
