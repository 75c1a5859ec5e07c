"""Genotype with weights from blocks: one neuron for each unit on a path from inputs to outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from evonas.capabilities.layers import ConstantNetwork, Shape
from evonas.types import Doubles, Floats, Ints, Weights
from search_spaces.neuron.edge_editing import new_ids
from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.lowering.blocks import Block, Matrix, places_of, total


@dataclass(eq=False)
class Layer:
    """Block that was not folded.

    Attributes:
        block: The block.
        bias: ``(units,)``.
        reads: A matrix ``(units, source's units)`` for each block that is read.
        alive: Mask of units that become neurons, ``(units,)``.
    """

    block: Block
    bias: Doubles
    reads: dict[int, Matrix]
    alive: NDArray[np.bool_]


def folded_layers(blocks: Sequence[Block], folded: Sequence[int]) -> dict[int, Layer]:
    """Return the remaining blocks, by index, with the weights of those that were folded into them."""
    layers = {
        index: Layer(
            block, np.repeat(block.bias, block.shape.n_places),
            {source: total([product.matrix() for product in products]) for source, products in block.reads.items()},
            np.ones(block.shape.n_units, bool),
        )
        for index, block in enumerate(blocks)
    }
    for index in folded:
        inner = layers.pop(index)
        for layer in layers.values():
            if (outer := layer.reads.pop(index, None)) is not None:
                layer.bias = layer.bias + outer @ inner.bias
                for source, matrix in inner.reads.items():
                    through = [sparse.csr_array(outer @ matrix)]
                    layer.reads[source] = total([layer.reads[source], *through] if source in layer.reads else through)
    return layers


def drop_dead(layers: dict[int, Layer], output: int) -> None:
    """Remove all parts that do not change the network's function, in place.

    They are weights that float32 rounds to 0; units without inputs, whose constant value is added to the biases of
    those that read them; and units that lead to no output.
    """
    constant: dict[int, Doubles] = {}
    for index in sorted(layers):
        layer = layers[index]
        for source, matrix in list(layer.reads.items()):
            fixed = ~layers[source].alive
            layer.bias = layer.bias + matrix[:, fixed] @ constant[source][fixed]
            layer.reads[source] = _entries(matrix, matrix.data.astype(np.float32) != 0, columns=~fixed)
        if index not in (0, output):
            layer.alive = sum((np.diff(m.indptr) for m in layer.reads.values()), np.zeros(len(layer.bias))) > 0
        rectified = layer.block.activation == Activation.RELU
        constant[index] = np.maximum(layer.bias, 0) if rectified else layer.bias
    for index in sorted(layers, reverse=True):
        layer = layers[index]
        if index not in (0, output):
            readers = [reader.reads[index] for reader in layers.values() if index in reader.reads]
            layer.alive &= sum((np.bincount(m.indices, minlength=len(layer.bias)) for m in readers), 0) > 0
        for source, matrix in list(layer.reads.items()):
            layer.reads[source] = _entries(matrix, np.ones(matrix.nnz, bool), rows=layer.alive)
            if not layer.reads[source].nnz:
                del layer.reads[source]


def _entries(
    matrix: Matrix, kept: NDArray[np.bool_], *, rows: NDArray[np.bool_] | None = None,
    columns: NDArray[np.bool_] | None = None,
) -> Matrix:
    """Return a matrix with some of its entries.

    Args:
        matrix: The matrix.
        kept: Mask of the entries that are kept, ``(n_entries,)``.
        rows: Mask of the rows that are kept; None keeps all.
        columns: Mask of the columns that are kept; None keeps all.
    """
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = kept if rows is None else kept & rows[row]
    kept = kept if columns is None else kept & columns[matrix.indices]
    return sparse.csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)


def to_genotype(
    layers: dict[int, Layer], n_inputs: int, n_outputs: int, rng: np.random.Generator
) -> tuple[NeuronGenotype, Weights]:
    """Return the genotype of the living units, and its weights.

    Neurons of a layer are sorted by block, channel and place.

    Args:
        layers: Blocks of neurons by their index: 0 is the input, the largest the output.
        n_inputs: Inputs of the task.
        n_outputs: Outputs of the task.
        rng: Gives the neurons their ids.

    Raises:
        ConstantNetwork: No path leads from the inputs to the outputs.
    """
    if not any(layer.reads for layer in layers.values()):
        raise ConstantNetwork("computes the same for every input: no path leads from its inputs to its outputs")
    depth = _depths(layers)
    output = max(layers)
    order = sorted((index for index in layers if index not in (0, output) and layers[index].alive.any()),
                   key=lambda index: (depth[index], index))
    neuron_of, n_neurons = {}, 0
    for index in (0, *order, output):
        alive = layers[index].alive
        neuron_of[index] = np.where(alive, n_neurons + np.cumsum(alive) - 1, -1)
        n_neurons += int(alive.sum())
    hidden = [layers[index] for index in order]
    sizes = [int(layer.alive.sum()) for layer in hidden]
    edges, values, ties = _edges(layers, neuron_of)
    rows = [layer.bias[layer.alive].astype(np.float32) for layer in (*hidden, layers[output])]
    channels, bias = _share_biases(hidden, np.concatenate(rows))
    squeezed = np.unique([depth[index] for index in order], return_inverse=True)[1] + 1
    genotype = NeuronGenotype(
        n_inputs, n_outputs, np.sort(new_ids(sum(sizes), rng)), np.repeat(squeezed, sizes).astype(np.int32),
        _positions(hidden, layers[0].block.shape), edges, ties, channels=channels,
        activations=np.repeat([int(layer.block.activation) for layer in hidden], sizes).astype(np.int8),
    )
    genotype.validate()
    return genotype, {"edge": values, "bias": bias, "gain": np.ones(len(bias), np.float32)}


def _depths(layers: dict[int, Layer]) -> dict[int, int]:
    """Return the length of the longest path of blocks to each block."""
    depth: dict[int, int] = {}
    for index in sorted(layers):
        depth[index] = max((1 + depth[source] for source in layers[index].reads), default=0)
    return depth


def _positions(hidden: Sequence[Layer], grid: Shape) -> Floats:
    """Return (row, column) of hidden neurons on the grid of the inputs; signals lie on row 0."""
    rows = [np.empty((0, 2))]
    for layer in hidden:
        places = places_of(np.flatnonzero(layer.alive), layer.block.shape)[1]
        lies = layer.block.origin[:, None] + layer.block.step[:, None] * places
        lies = np.clip(lies, 0, np.array(grid.sides)[:, None] - 1)
        rows.append(np.concatenate([np.zeros((2 - len(lies), lies.shape[1])), lies]).T)
    return np.concatenate(rows).astype(np.float32)


def _edges(
    layers: dict[int, Layer], neuron_of: dict[int, Ints]
) -> tuple[NDArray[np.int32], Floats, NDArray[np.int32]]:
    """Return edges ``(n, 2)`` in the order of genotypes, their weights and their ties, ``(n,)`` each."""
    pairs, values, ties, n_ties = [], [], [], 0
    for index, layer in layers.items():
        for source, matrix in layer.reads.items():
            target_unit = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
            weights = matrix.data.astype(np.float32)
            tap = _taps(layer.block, layers[source].block, target_unit, matrix.indices.astype(np.int64))
            pairs.append(np.stack([neuron_of[source][matrix.indices], neuron_of[index][target_unit]], axis=1))
            values.append(weights)
            ties.append(n_ties + _groups(tap, weights))
            n_ties += len(weights)
    edges, weights, tie = np.concatenate(pairs), np.concatenate(values), np.concatenate(ties)
    order = np.lexsort((edges[:, 0], edges[:, 1]))
    return edges[order].astype(np.int32), weights[order], _numbered(tie[order])


def _taps(target: Block, source: Block, target_unit: Ints, source_unit: Ints) -> Ints:
    """Return a number for (channel, source's channel, offset) of each edge, the same for equal ones, ``(n,)``.

    If the target has only one place, as after a global average, edges of different offsets are not distinguished.

    Args:
        target: Block that reads.
        source: Block that is read.
        target_unit: Unit of each edge in ``target``, ``(n,)``.
        source_unit: Unit of each edge in ``source``, ``(n,)``.
    """
    (channel, place), (source_channel, source_place) = (
        places_of(unit, block.shape) for unit, block in ((target_unit, target), (source_unit, source))
    )
    number = channel * source.shape.channels + source_channel
    if target.shape.n_places > 1:
        ratio = np.rint(target.step / source.step).astype(np.int64)
        for offset in source_place - ratio[:, None] * place:
            offset = offset - offset.min(initial=0)
            number = number * (offset.max(initial=0) + 1) + offset
    return number


def _groups(tap: Ints, weights: Floats) -> Ints:
    """Return a number for each edge, below the number of edges, the same for edges of one tap with the same weight.

    After folding, edges of one tap differ near the border, where units see fewer sources.
    """
    value = np.unique(weights, return_inverse=True)[1]
    groups: Ints = np.unique(tap * (value.max(initial=0) + 1) + value, return_inverse=True)[1]
    return groups


def _numbered(groups: Ints) -> NDArray[np.int32]:
    """Number groups of more than one from 0 in the order in which they appear; -1 for single members."""
    _, first, group, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(size > 1)
    number = np.full(len(size), -1)
    number[shared[np.argsort(first[shared])]] = np.arange(len(shared))
    return number[group].astype(np.int32)


def _share_biases(hidden: Sequence[Layer], bias: Floats) -> tuple[NDArray[np.int32], Floats]:
    """Return channels of hidden neurons ``(n_hidden,)``, which have one bias each, and all biases."""
    groups, n_groups, begin = [np.empty(0, np.int64)], 0, 0
    for layer in hidden:
        channel = places_of(np.flatnonzero(layer.alive), layer.block.shape)[0]
        groups.append(n_groups + _groups(channel, bias[begin : begin + len(channel)]))
        begin += len(channel)
        n_groups += len(channel)
    return _numbered(np.concatenate(groups)), bias
