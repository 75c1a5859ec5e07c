"""Shared weights as a device stores them: each once, and its uses as runs of equal patterns.

A *kernel* is a set of weights that some neurons share. A *map* is those neurons of a layer that apply a kernel to one
earlier layer: a channel of a convolution, an output with a global average. It consists of *runs*, adjacent neurons
whose sources have the same *pattern* and are a constant stride apart; the runs of a map are its *plan*, which all
channels of a convolution have in common, whichever channels they read. A pattern consists of *segments*: adjacent
sources with adjacent weights, or with a single one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Doubles, Ints
from search_spaces.neuron.export.ordering import components
from search_spaces.neuron.genotype import NeuronGenotype

#: Smallest ratio of a kernel's edges to its weights and runs, over all its maps, with which it is stored as such; the
#: edges of other kernels are stored in rows. The best ratio depends on how many kernels have a plan and patterns in
#: common, so each is tried.
LEAST_SHARING = (4, 1)


class Runs(NamedTuple):
    """Runs of adjacent neurons, all ``(n_runs,)``, plan by plan.

    Attributes:
        gaps: Neurons of the layer between the run before, or the first of the map, and this one.
        counts: Neurons.
        patterns: Pattern of their sources.
        columns: The first source of the first neuron, from the first one's of the map.
        strides: Steps from a neuron's first source to the next neuron's.
    """

    gaps: Ints
    counts: Ints
    patterns: Ints
    columns: Ints
    strides: Ints


class Maps(NamedTuple):
    """Shared weights of a network.

    Attributes:
        kernels: ``(n_edges,)``, the kernel of each edge, -1 for edges that are not stored as shared.
        weights: ``(n_weights,)``, for each stored weight an edge that has it; a kernel's weights are adjacent.
        layers, source_layers, rows, plans, kernel_of, first_weights: ``(n_maps,)``: the layer of a map's neurons, that
            of its sources (0: inputs), its first neuron in the layer, its plan, its kernel, and the kernel's first
            place in ``weights``. Maps are sorted by the first, then those of inputs come before others.
        columns: ``(n_maps,)``, the first source of the first neuron.
        plan_starts: ``(n_plans + 1,)``, the first run of each plan, then the number of runs.
        runs: Runs of all plans.
        patterns: Columns, from the first one's, and weights, from the kernel's first, of the sources of each pattern.
    """

    kernels: Ints
    weights: Ints
    layers: Ints
    source_layers: Ints
    rows: Ints
    plans: Ints
    kernel_of: Ints
    first_weights: Ints
    columns: Ints
    plan_starts: Ints
    runs: Runs
    patterns: tuple[tuple[Ints, Ints], ...]

    @property
    def from_hidden(self) -> NDArray[np.bool_]:
        """Whether the sources of each map are hidden neurons, ``(n_maps,)``."""
        hidden: NDArray[np.bool_] = self.source_layers > 0
        return hidden

    def neurons(self, map: int) -> tuple[Ints, Ints]:
        """Return the neurons of a map by their place in the layer, and their patterns, both ``(n_neurons,)``."""
        runs = slice(*self.plan_starts[self.plans[map] :][:2])
        gaps, counts, patterns = self.runs.gaps[runs], self.runs.counts[runs], self.runs.patterns[runs]
        first = self.rows[map] + np.cumsum(gaps) + np.cumsum(counts) - counts
        places = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        return places, np.repeat(patterns, counts)


def candidate_maps(genotype: NeuronGenotype, columns: Ints, weights: NDArray[np.floating]) -> Iterator[Maps]:
    """Yield shared weights for each of :data:`LEAST_SHARING`, until no kernel is left out.

    Args:
        genotype: The genotype.
        columns: See :func:`find_maps`.
        weights: ``(n_edges,)``, as a program multiplies them: a tie may have several if inputs differ in scale.
    """
    distinct = np.unique(weights, return_inverse=True)[1]
    values = np.unique(genotype.ties.astype(np.int64) * len(weights) + distinct, return_inverse=True)[1]
    values[genotype.ties < 0] = -1
    for least_sharing in LEAST_SHARING:
        maps = find_maps(genotype, columns, values, least_sharing)
        if maps is None:
            continue
        yield maps
        if (maps.kernels[values >= 0] >= 0).all():
            return


def find_maps(genotype: NeuronGenotype, columns: Ints, values: Ints, least_sharing: float) -> Maps | None:
    """Return the shared weights whose sharing saves memory, None if there are none.

    Args:
        genotype: The genotype.
        columns: ``(n_edges,)``, the place of the source of each edge: among the inputs, or in the buffer of
            activations.
        values: ``(n_edges,)``, edges with the same number have the same weight; -1 is not shared.
        least_sharing: One of :data:`LEAST_SHARING`.
    """
    parts = _parts(genotype, columns, values)
    if parts is None:
        return None
    runs, map_starts, pattern_of = _runs(parts)
    kernel_of = parts.kernels[parts.starts[map_starts[:-1]]]
    n_edges = np.bincount(parts.kernels)
    n_runs = np.bincount(kernel_of, np.diff(np.searchsorted(runs[:, 0], np.arange(len(map_starts)))), len(n_edges))
    n_weights = np.bincount(parts.kernels[parts.firsts], minlength=len(n_edges))
    rare = n_edges <= least_sharing * (n_runs + n_weights)
    if rare.any():
        kept = values.copy()
        kept[parts.edges[rare[parts.kernels]]] = -1
        return find_maps(genotype, columns, kept, least_sharing)
    plans: dict[bytes, int] = {}
    plan_runs, plan_of = [], []
    for own in np.split(runs[:, 1:], np.searchsorted(runs[:, 0], np.arange(1, len(map_starts) - 1))):
        own = own - [0, 0, 0, own[0, 3], 0]  # channels of a depthwise convolution have a plan in common
        key = own.tobytes()
        if key not in plans:
            plans[key] = len(plans)
            plan_runs.append(own)
        plan_of.append(plans[key])
    first_part = map_starts[:-1]
    first_edge = parts.edges[parts.starts[first_part]]
    kernels = np.full(genotype.n_edges, -1)
    kernels[parts.edges] = parts.kernels
    first_of_kernel = np.searchsorted(parts.kernels[parts.firsts], np.arange(len(n_edges)))
    return Maps(
        kernels, parts.edges[parts.firsts], genotype.layer_of[genotype.edges[first_edge, 1]].astype(np.int64),
        genotype.layer_of[genotype.edges[first_edge, 0]].astype(np.int64), parts.rows[first_part], np.array(plan_of),
        kernel_of, first_of_kernel[kernel_of], parts.columns[first_part], np.cumsum([0, *map(len, plan_runs)]),
        Runs(*np.concatenate(plan_runs).T), tuple((code >> 32, code & 0xFFFFFFFF) for code in pattern_of),
    )


class _Parts(NamedTuple):
    """Edges of each neuron from each earlier layer, kernel by kernel: the parts of maps.

    Attributes:
        edges, kernels, codes: ``(n,)``: shared edges, their kernels, and their columns from the part's first, times
            2^32, plus the weight's place in the kernel.
        firsts: ``(n_weights,)``, index into ``edges`` of one that has the weight, kernel by kernel.
        starts, maps, rows, columns: ``(n_parts,)``: first of ``edges``, map, neuron in its layer, first column.
    """

    edges: Ints
    kernels: Ints
    codes: Ints
    firsts: Ints
    starts: Ints
    maps: Ints
    rows: Ints
    columns: Ints


def _parts(genotype: NeuronGenotype, columns: Ints, values: Ints) -> _Parts | None:
    edges = np.flatnonzero(values >= 0)
    edges = edges[np.bincount(values[edges])[values[edges]] > 1] if len(edges) else edges
    if not len(edges):
        return None
    source, target = genotype.edges[edges].T.astype(np.int64)
    from_hidden = source >= genotype.n_inputs
    kernels = components(2 * target + from_hidden, values[edges])
    source_layer, layer = genotype.layer_of[source], genotype.layer_of[target]
    order = np.lexsort((columns[edges], target, source_layer, kernels, from_hidden, layer))
    edges, kernels, target, source_layer, layer = (v[order] for v in (edges, kernels, target, source_layer, layer))
    keys = np.stack([layer, source_layer, kernels])
    new_map = np.append(True, (np.diff(keys) != 0).any(axis=0))
    new_part = new_map | np.append(True, np.diff(target) != 0)
    starts = np.flatnonzero(new_part)
    part = np.cumsum(new_part) - 1
    sizes = np.bincount(part)
    by_size = np.lexsort((-sizes[part], kernels))  # the weights of a kernel in the order of its largest part
    names, firsts = np.unique(values[edges][by_size], return_index=True)
    place = np.argsort(np.argsort(firsts))[np.searchsorted(names, values[edges])]
    firsts = by_size[np.sort(firsts)]
    place -= np.searchsorted(kernels[firsts], np.arange(kernels.max() + 1))[kernels]
    codes = (columns[edges] - columns[edges][starts][part] << 32) + place
    rows = target[starts] - genotype.layer_offsets[layer[starts]]
    return _Parts(edges, kernels, codes, firsts, starts, (np.cumsum(new_map) - 1)[starts], rows, columns[edges][starts])


def _runs(parts: _Parts) -> tuple[Ints, Ints, list[Ints]]:
    """Return runs ``(n_runs, 6)``: map, then the columns of :class:`Runs`.

    The first part of each map, and codes by pattern, are returned beside them.
    """
    patterns: dict[bytes, int] = {}
    codes: list[Ints] = []
    runs: list[list[int]] = []
    map_starts: list[int] = []
    ends = np.append(parts.starts[1:], len(parts.edges))
    after = before = 0  # neuron after the last one, and its first column
    for i, (first, end, map, row, column) in enumerate(
        zip(parts.starts, ends, parts.maps.tolist(), parts.rows.tolist(), parts.columns.tolist(), strict=True)
    ):
        code = parts.codes[first:end]
        pattern = patterns.setdefault(code.tobytes(), len(codes))
        if pattern == len(codes):
            codes.append(code)
        if not runs or runs[-1][0] != map:
            map_starts.append(i)
            runs.append([map, 0, 1, pattern, column, 0])
        elif pattern == runs[-1][3] and row == after and (runs[-1][2] == 1 or column - before == runs[-1][5]):
            runs[-1][2] += 1
            runs[-1][5] = column - before
        else:
            runs.append([map, row - after, 1, pattern, column, 0])
        after, before = row + 1, column
    return np.array(runs), np.array([*map_starts, len(parts.starts)]), codes


class Segments(NamedTuple):
    """Segments of the patterns' sources, pattern by pattern, all ``(n_segments,)``.

    Attributes:
        steps: Steps from the end of the segment before, or the first source, to this one's.
        weights: The first weight, from the kernel's first.
        taps: Number of sources; negative if all have the same weight.
    """

    steps: Ints
    weights: Ints
    taps: Ints


def segments(patterns: tuple[tuple[Ints, Ints], ...]) -> tuple[Segments, Ints]:
    """Return the segments, and the first of each pattern, then their number, ``(n_patterns + 1,)``."""
    found: list[tuple[int, int, int]] = []
    starts = [0]
    for columns, weights in patterns:
        first = end = 0
        while first < len(columns):
            side_by_side = np.diff(columns[first:]) == 1
            lengths = [
                1 + int(np.argmin(np.append(side_by_side & (np.diff(weights[first:]) == step), False)))
                for step in (1, 0)
            ]
            length = max(lengths)
            found.append((int(columns[first]) - end, int(weights[first]), length if lengths[0] == length else -length))
            first, end = first + length, int(columns[first]) + length
        starts.append(len(found))
    return Segments(*np.array(found).T), np.array(starts)


def spread(maps: Maps, offsets: Doubles, layer_offsets: Ints) -> tuple[list[dict[int, float]], Doubles]:
    """Return numbers to add to the sums of a map's neurons, one for each pattern, and the rest to add, ``(n_rows,)``.

    Args:
        maps: Shared weights.
        offsets: ``(n_rows,)``, the number to add to each neuron's sum; float32 values.
        layer_offsets: First row of each layer from the first hidden one on.
    """
    left, added = offsets.copy(), []
    for map, layer in enumerate(maps.layers):
        places, patterns = maps.neurons(map)
        rows = places + layer_offsets[layer - 1]
        common: dict[int, float] = {}
        for pattern in np.unique(patterns):
            own = rows[patterns == pattern]
            common[int(pattern)] = float(np.sort(left[own])[len(own) // 2])
            left[own] -= common[int(pattern)]
        added.append(common)
    return added, left
