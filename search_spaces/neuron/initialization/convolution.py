"""Convolutions as single neurons: a neuron for each channel and position, an edge for each tap that is used.

The edges of one tap (level, source channel, target channel, offset) share a weight, the neurons of a channel share a
bias and a gain: the genotype computes ``torch.nn.Conv2d`` or ``Conv1d`` with padding ``kernel // 2``, and can be
untied, pruned and mutated edge by edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints
from search_spaces.neuron.edge_editing import new_ids
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import arrange


@dataclass(frozen=True, slots=True)
class Level:
    """Convolution over the map of the level before it.

    Attributes:
        channels: Feature maps.
        kernel: Positions along each axis that a neuron sees, odd.
        stride: Positions along each axis from one neuron to the next.
        skip: Whether it also sees the map two levels before it, through taps of its own.
    """

    channels: int
    kernel: int
    stride: int
    skip: bool = False


@dataclass(frozen=True, slots=True)
class ConvolutionPlan:
    """Levels of local receptive fields, then the outputs.

    Attributes:
        levels: At least one, the first sees the inputs.
        regions: None gives every edge into the outputs a weight of its own. Otherwise the edges from one channel, in
            one of ``regions`` parts of the map along each axis, to one output share a weight: 1 is a global average.
    """

    levels: tuple[Level, ...]
    regions: int | None = None


@dataclass(frozen=True, slots=True)
class _Map:
    """Feature maps of one level: ``channels`` over a grid of ``shape``, from global index ``first`` on.

    ``step`` is the distance of two neighbours in positions of the input grid.
    """

    channels: int
    shape: tuple[int, ...]
    first: int
    step: int

    @property
    def size(self) -> int:
        return self.channels * prod(self.shape)


def channels_and_grid(input_shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return channels and grid of inputs: ``(channels, height, width)`` is an image, ``(channels, length)`` a signal.

    Raises:
        ValueError: Inputs have another shape; a table ``(n_features,)`` has no grid.
    """
    if len(input_shape) not in (2, 3):
        raise ValueError(
            "convolutions need inputs on a grid, images (channels, height, width) or signals (channels, length), got "
            f"samples of shape {input_shape}"
        )
    return input_shape[0], tuple(input_shape[1:])


def maps_of(input_shape: tuple[int, ...], plan: ConvolutionPlan) -> list[_Map]:
    """Return the inputs and the maps of every level.

    Raises:
        ValueError: The inputs have no grid, or a kernel is larger than the map that it sees.
    """
    channels, shape = channels_and_grid(input_shape)
    maps = [_Map(channels, shape, 0, 1)]
    for number, level in enumerate(plan.levels, 1):
        last = maps[-1]
        if level.kernel > min(last.shape):
            raise ValueError(
                f"a kernel must not be larger than the map that it sees: level {number} has a kernel of "
                f"{level.kernel}, its map is {' x '.join(map(str, last.shape))}"
            )
        shape = tuple((side + 2 * (level.kernel // 2) - level.kernel) // level.stride + 1 for side in last.shape)
        maps.append(_Map(level.channels, shape, last.first + last.size, last.step * level.stride))
    return maps


def count_edges(input_shape: tuple[int, ...], n_outputs: int, plan: ConvolutionPlan) -> int:
    """Count the edges of :func:`convolutional` without building it.

    Edges that it drops, with neurons that no other neuron sees, are included.

    Args:
        input_shape: ``(channels, height, width)`` or ``(channels, length)``.
        n_outputs: Outputs; every neuron of the last level has an edge to each.
        plan: The plan.

    Raises:
        ValueError: As :func:`maps_of`.
    """
    maps = maps_of(input_shape, plan)
    total = n_outputs * maps[-1].size
    for source, target, level in _seen(maps, plan):
        per_axis = [len(_along(n, m, level.kernel, target.step // source.step)[0])
                    for n, m in zip(source.shape, target.shape, strict=True)]
        total += source.channels * target.channels * prod(per_axis)
    return total


def count_weights(input_shape: tuple[int, ...], n_outputs: int, plan: ConvolutionPlan) -> int:
    """Count the weights, biases and gains of :func:`convolutional` while all are shared, without building it.

    Args:
        input_shape: ``(channels, height, width)`` or ``(channels, length)``.
        n_outputs: Outputs; every neuron of the last level has an edge to each.
        plan: The plan.

    Raises:
        ValueError: As :func:`maps_of`.
    """
    maps = maps_of(input_shape, plan)
    taps: int = sum(
        source.channels * target.channels * level.kernel ** len(source.shape)
        for source, target, level in _seen(maps, plan)
    )
    last = maps[-1]
    places = prod(last.shape if plan.regions is None else (min(plan.regions, side) for side in last.shape))
    return taps + (last.channels * places + 1) * n_outputs + 2 * sum(level.channels for level in plan.levels)


def convolutional(
    input_shape: tuple[int, ...], n_outputs: int, plan: ConvolutionPlan, rng: np.random.Generator
) -> NeuronGenotype:
    """Build the plan as a genotype, all of whose taps and channels are tied.

    Args:
        input_shape: ``(channels, height, width)`` or ``(channels, length)``.
        n_outputs: Outputs; every neuron of the last level has an edge to each.
        plan: The plan.
        rng: Gives the neurons their ids.

    Raises:
        ValueError: As :func:`maps_of`.
    """
    maps = maps_of(input_shape, plan)
    n_inputs, first_output = maps[0].size, maps[-1].first + maps[-1].size
    edges, ties, n_ties = [], [], 0
    for source, target, level in _seen(maps, plan):
        pairs, taps = _taps(source, target, level.kernel)
        edges.append(pairs)
        ties.append(n_ties + taps)
        n_ties += source.channels * target.channels * level.kernel ** len(source.shape)
    pairs, regions = _readout(maps[-1], first_output, n_outputs, plan.regions)
    edges.append(pairs)
    ties.append(np.where(regions < 0, -1, n_ties + regions))
    n_hidden = first_output - n_inputs
    sizes = [level_map.size for level_map in maps[1:]]
    channels = [np.repeat(np.arange(m.channels), prod(m.shape)) for m in maps[1:]]
    offsets = np.cumsum([0, *(m.channels for m in maps[1:-1])])
    frame = arrange(
        n_inputs, n_outputs, ids=np.sort(new_ids(n_hidden, rng)),
        layers=np.repeat(np.arange(1, len(maps)), sizes),
        positions=np.concatenate([_positions(m) for m in maps[1:]]),
        edges=np.concatenate(edges), ties=np.concatenate(ties).astype(np.int32),
        channels=np.concatenate([c + offset for c, offset in zip(channels, offsets, strict=True)]).astype(np.int32),
    )
    return connected(frame, frame.edges, frame.ties).genotype


def _seen(maps: list[_Map], plan: ConvolutionPlan) -> list[tuple[_Map, _Map, Level]]:
    """Return (source, target, level) of every convolution, skips included."""
    pairs = []
    for number, level in enumerate(plan.levels, 1):
        pairs.append((maps[number - 1], maps[number], level))
        if level.skip and number > 1:
            pairs.append((maps[number - 2], maps[number], level))
    return pairs


def _along(n_sources: int, n_targets: int, kernel: int, stride: int) -> tuple[Ints, Ints, Ints]:
    """Return (source, target, offset) along one axis, each ``(n,)``, of all taps that do not fall into the padding.

    Args:
        n_sources: Positions of the source.
        n_targets: Positions of the target.
        kernel: Positions that a neuron sees.
        stride: Positions from one neuron to the next.
    """
    target, offset = (a.reshape(-1) for a in np.meshgrid(np.arange(n_targets), np.arange(kernel), indexing="ij"))
    source = target * stride - kernel // 2 + offset
    inside = (source >= 0) & (source < n_sources)
    return source[inside], target[inside], offset[inside]


def _taps(source: _Map, target: _Map, kernel: int) -> tuple[Ints, Ints]:
    """Return edges ``(n, 2)`` of a convolution by global index, and the number of the tap of each, ``(n,)``.

    Args:
        source: Map that is seen.
        target: Map of the level.
        kernel: Positions along each axis that a neuron sees.
    """
    axes = [
        _along(n, m, kernel, target.step // source.step)
        for n, m in zip(source.shape, target.shape, strict=True)
    ]
    sources, targets, offsets = np.zeros((3, 1), np.int64)
    for (u, v, offset), n, m in zip(axes, source.shape, target.shape, strict=True):
        sources = (sources[:, None] * n + u).reshape(-1)
        targets = (targets[:, None] * m + v).reshape(-1)
        offsets = (offsets[:, None] * kernel + offset).reshape(-1)
    into, out_of = np.arange(target.channels)[:, None, None], np.arange(source.channels)[None, :, None]
    n_taps = kernel ** len(source.shape)
    shape = (target.channels, source.channels, len(sources))
    u = np.broadcast_to(source.first + out_of * prod(source.shape) + sources, shape)
    v = np.broadcast_to(target.first + into * prod(target.shape) + targets, shape)
    taps = (into * source.channels + out_of) * n_taps + offsets
    return np.stack([u.reshape(-1), v.reshape(-1)], axis=1), taps.reshape(-1)


def _readout(last: _Map, first_output: int, n_outputs: int, regions: int | None) -> tuple[Ints, Ints]:
    """Return edges ``(n, 2)`` from a map to all outputs, and the group of each, ``(n,)``; -1 is untied.

    Args:
        last: The map.
        first_output: Global index of the first output.
        n_outputs: Outputs.
        regions: See :class:`ConvolutionPlan`.
    """
    sources = np.repeat(np.arange(last.size), n_outputs)
    outputs = np.tile(np.arange(n_outputs), last.size)
    edges = np.stack([last.first + sources, first_output + outputs], axis=1)
    if regions is None:
        return edges, np.full(len(edges), -1)
    part = np.zeros(1, np.int64)
    for side in last.shape:
        part = (part[:, None] * regions + np.arange(side) * regions // side).reshape(-1)
    channel, place = np.divmod(sources, prod(last.shape))
    return edges, (channel * regions ** len(last.shape) + part[place]) * n_outputs + outputs


def _positions(level_map: _Map) -> Floats:
    """Return (row, column) of a map's neurons in the grid of the inputs, ``(size, 2)``: the centre of each."""
    axes: list[NDArray[np.floating[Any]]] = [(np.arange(side) + 0.5) * level_map.step - 0.5 for side in level_map.shape]
    rows, columns = np.meshgrid(axes[0] if len(axes) == 2 else np.zeros(1), axes[-1], indexing="ij")
    places = np.stack([rows.reshape(-1), columns.reshape(-1)], axis=1)
    return np.tile(places, (level_map.channels, 1)).astype(np.float32)
