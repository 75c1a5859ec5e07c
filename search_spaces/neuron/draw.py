"""A neuron genotype as a drawing: planes of neurons, from the grid of the inputs to the column of the outputs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from evonas.sketch import Sketch
from evonas.types import Doubles, Task, Weights, grid_of
from search_spaces.neuron.genotype import NeuronGenotype

#: Widths in units of the drawing's height: of a hidden plane, seen at an angle, and of the gap before each plane.
PLANE, GAP = 0.24, 0.3
#: Of a flat task the inputs stand in columns of so many.
COLUMN = 32


def sketch(genotype: NeuronGenotype, task: Task, weights: Weights | None = None) -> Sketch:
    """Inputs of an image as its pixels, channels one upon the other; hidden neurons where their position gene says.

    Of other inputs, and of outputs, one stands above the next; so do hidden neurons that lie on a line.
    """
    planes = [_inputs(task)]
    left = float(planes[0][:, 0].max()) + GAP
    for first, last in pairwise(genotype.layer_offsets[1:-1].tolist()):
        place = genotype.positions[first - genotype.n_inputs : last - genotype.n_inputs]
        planes.append(_hidden(place.astype(np.float64), task) + np.array([left, 0]))
        left += PLANE + GAP
    planes.append(_column(genotype.n_outputs, genotype.n_outputs) + np.array([left, 0]))
    positions = np.concatenate(planes).astype(np.float32)
    n_hidden, n_outputs = genotype.n_hidden, genotype.n_outputs
    return Sketch(
        width=float(positions[:, 0].max()),
        positions=positions,
        layers=("inputs", *(f"layer {i}" for i in range(1, genotype.depth)), "outputs"),
        layer=genotype.layer_of.astype(np.int64),
        kinds=("input", "neuron", "output"),
        kind=np.repeat([0, 1, 2], [genotype.n_inputs, n_hidden, n_outputs]),
        edges=genotype.edges.astype(np.int64),
        weights=None if weights is None else weights["edge"],
        labels=("",) * (genotype.n_inputs + n_hidden) + tuple(map(str, range(n_outputs))),
        input_use=_readers(genotype, task).astype(np.float32),
    )


def _readers(genotype: NeuronGenotype, task: Task) -> Doubles:
    """Out-degrees of the inputs, summed over channels, in the shape of the grid."""
    degrees = np.bincount(genotype.edges[:, 0], minlength=genotype.n_inputs)[: genotype.n_inputs]
    readers: Doubles = degrees.reshape(-1, *grid_of(task.input_shape)).sum(axis=0).astype(np.float64)
    return readers


def _inputs(task: Task) -> Doubles:
    height, width = grid_of(task.input_shape)
    if height == 1:
        return _column(task.n_inputs, COLUMN)
    pixel = np.arange(task.n_inputs) % (height * width)
    return np.stack([(pixel % width + 0.5) / height, (pixel // width + 0.5) / height], axis=1)


def _hidden(positions: Doubles, task: Task) -> Doubles:
    """(row, column) genes on the plane; where all rows are one, a column in the order of their columns."""
    height, width = grid_of(task.input_shape)
    if height == 1:
        places = np.empty((len(positions), 2))
        places[np.argsort(positions[:, 1], kind="stable")] = _column(len(positions), max(COLUMN, len(positions) // 8))
        return places
    row, column = (positions / np.maximum([height - 1, width - 1], 1)).clip(0, 1).T
    return np.stack([column * PLANE, 0.5 / height + row * (1 - 1 / height)], axis=1)


def _column(n: int, height: int) -> Doubles:
    """``n`` nodes from top to bottom in columns of at most ``height``, centred, close enough to share a plane."""
    n_columns = -(-n // height)
    column, row = np.divmod(np.arange(n), -(-n // n_columns))
    rows = np.bincount(column)[column]
    return np.stack([column * min(0.05, PLANE / max(n_columns - 1, 1)), (row + 0.5) / rows], axis=1)
