"""C of networks with shared weights: see :mod:`search_spaces.neuron.export.maps`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.export import c_text
from evonas.export.c_text import narrow
from evonas.types import Doubles, Ints
from search_spaces.neuron.export.maps import Maps, segments, spread
from search_spaces.neuron.genotype import NeuronGenotype

COMMENT = """\
 *
 * Where neurons share weights, these stand once, as kernels. A map is the neurons of a layer that apply
 * a kernel to an earlier layer. Its plan are runs of neurons side by side whose sources lie in the same
 * pattern, a stride apart. A pattern is segments of sources side by side, with as many weights, or, where
 * segment_taps is negative, with a single one. The other edges stand in rows, of those neurons that have
 * such or need an offset of their own.
"""
#: Template for sources of one type.
ADD_MAPS = """\
/* Adds the maps [map, end) of sources x to the sums z of a layer. */
static void add_${kind}(${sum_type} *z, unsigned map, unsigned end, const ${type} *x)
{
    for (; map < end; map++) {
        const weight_t *kernel = kernel_weights + map_kernels[map];
        unsigned run = plan_runs[map_plans[map]], i = map_rows[map];

        for (; run < plan_runs[map_plans[map] + 1]; run++) {
            const ${sum_type} shift = map_shifts[map_first_shifts[map] + run_shifts[run]];
            const unsigned pattern = run_patterns[run];
            int column = (int)map_columns[map] + run_columns[run];
            unsigned n, s;

            for (i += run_gaps[run], n = run_counts[run]; n > 0; n--, i++, column += run_strides[run]) {
                const ${type} *source = x + column;
                ${total} total = 0;

                for (s = pattern_segments[pattern]; s < pattern_segments[pattern + 1]; s++) {
                    const weight_t *w = kernel + segment_weights[s];
                    int taps = segment_taps[s];
                    ${total} part = 0;

                    source += segment_steps[s];
                    if (taps < 0) {
                        for (; taps < 0; taps++)
                            part += (${total})*source++;
                        part *= (${total})*w;
                    } else {
                        for (; taps > 0; taps--)
                            part += (${total})*w++ * (${total})*source++;
                    }
                    total += part;
                }
                z[i] += shift + ${scaled_total};
            }
        }
    }
}

"""
#: Template for sums of integers, for sources of one type.
ADD_INTEGER_MAPS = """\
/* The sum of the products of a pattern's sources and of weights: its segments are [s, end). */
static int32_t ${kind}_sum(unsigned s, unsigned end, const weight_t *kernel, const ${type} *source)
{
    int32_t total = 0;

    for (; s < end; s++) {
        const weight_t *w = kernel + segment_weights[s];
        int taps = segment_taps[s];

        source += segment_steps[s];
@single         if (taps < 0) {
@single             int32_t part = 0;
@single
@single             for (; taps < 0; taps++)
@single                 part += *source++;
@single             total += part * *w;
@single         }
        for (; taps > 0; taps--)
            total += *w++ * *source++;
    }
    return total;
}

/* Adds the maps [map, end) of sources x to the sums z of a layer. */
static void add_${kind}(int32_t *z, unsigned map, unsigned end, const ${type} *x)
{
    for (; map < end; map++) {
        const weight_t *kernel = kernel_weights + map_kernels[map];
        int32_t *sum = z + map_rows[map];
        unsigned run = plan_runs[map_plans[map]];

        for (; run < plan_runs[map_plans[map] + 1]; run++) {
            const int32_t shift = map_shifts[map_first_shifts[map] + run_shifts[run]];
            const unsigned pattern = run_patterns[run];
            int column = (int)map_columns[map] + run_columns[run];
            unsigned n = run_counts[run];

            for (sum += run_gaps[run]; n > 0; n--, column += run_strides[run])
                *sum++ += shift + shifted(map_multipliers[map] * ${kind}_sum(
                    pattern_segments[pattern], pattern_segments[pattern + 1], kernel, x + column
                ), map_scale_shifts[map]);
        }
    }
}

"""
#: Template for the tiles of :mod:`search_spaces.neuron.export.c_tiles`.
PUT_MAPS = """\
/* The edges of the maps [map, end) into the LANES neurons from begin on. */
static void put_maps(const uint32_t *first, unsigned map, unsigned end, unsigned begin, int place, float *shifts)
{
    for (; map < end; map++) {
        const weight_t *kernel = kernel_weights + map_kernels[map];
        unsigned run = plan_runs[map_plans[map]], i = map_rows[map];

        for (; run < plan_runs[map_plans[map] + 1]; run++) {
            const float shift = map_shifts[map_first_shifts[map] + run_shifts[run]];
            const unsigned pattern = run_patterns[run];
            int column = place + (int)map_columns[map] + run_columns[run];
            unsigned n, s;

            for (i += run_gaps[run], n = run_counts[run]; n > 0; n--, i++, column += run_strides[run]) {
                int source = column, k;

                if (i < begin || i >= begin + LANES)
                    continue;
                shifts[i] += shift;
                for (s = pattern_segments[pattern]; s < pattern_segments[pattern + 1]; s++) {
                    const weight_t *w = kernel + segment_weights[s];
                    const int taps = segment_taps[s];

                    source += segment_steps[s];
                    for (k = 0; k < (taps < 0 ? -taps : taps); k++)
                        put(first, (unsigned)source++, i - begin, ${scale}(float)w[taps < 0 ? 0 : k]);
                }
            }
        }
    }
}

"""


class MapsInC(NamedTuple):
    """Shared weights as C.

    Attributes:
        tables: Constants by name.
        listed: Rows that have other edges or an offset of their own, ``(n_listed,)``.
        offsets: Numbers to add to their sums, ``(n_listed,)``.
        from_inputs, from_hidden: Whether there are maps of such sources.
        longest: Products of the longest sum.
    """

    tables: dict[str, NDArray[Any] | None]
    listed: Ints
    offsets: Doubles
    from_inputs: bool
    from_hidden: bool
    longest: int


def maps_in_c(maps: Maps, genotype: NeuronGenotype, offset: Doubles, weights: NDArray[Any]) -> MapsInC:
    """Return the tables of shared weights, and the rows that they do not cover.

    Args:
        maps: Shared weights.
        genotype: The genotype.
        offset: Numbers to add to the sums of neurons, ``(n_hidden + n_outputs,)``.
        weights: Weights of edges, ``(n_edges,)``.
    """
    layer_offsets = genotype.layer_offsets[1:-1] - genotype.n_inputs
    added, left = spread(maps, offset, layer_offsets)
    run_shifts, shifts = _shifts(maps, added)
    pieces, pattern_segments = segments(maps.patterns)
    n_hidden = np.bincount(maps.layers[maps.from_hidden], minlength=genotype.depth + 1)[1:]
    others = genotype.edges[maps.kernels < 0, 1] - genotype.n_inputs
    listed = np.union1d(others, np.flatnonzero(left))
    in_layer = genotype.layer_of[listed + genotype.n_inputs] - 1
    tables: dict[str, NDArray[Any] | None] = {
        "layer_input_maps": narrow(np.bincount(maps.layers, minlength=genotype.depth + 1)[1:] - n_hidden),
        "layer_hidden_maps": narrow(n_hidden),
        "layer_rows": narrow(np.bincount(in_layer, minlength=genotype.depth)) if len(listed) else None,
        "row_places": narrow(listed - layer_offsets[in_layer]) if len(listed) else None,
        "map_rows": narrow(maps.rows), "map_plans": narrow(maps.plans), "map_kernels": narrow(maps.first_weights),
        "map_columns": narrow(maps.columns), "map_first_shifts": narrow(np.cumsum([0, *map(len, shifts[:-1])])),
        "map_shifts": np.concatenate(shifts),
        "plan_runs": narrow(maps.plan_starts), "run_gaps": narrow(maps.runs.gaps),
        "run_counts": narrow(maps.runs.counts), "run_patterns": narrow(maps.runs.patterns),
        "run_columns": narrow(maps.runs.columns), "run_strides": narrow(maps.runs.strides),
        "run_shifts": narrow(run_shifts), "pattern_segments": narrow(pattern_segments),
        "segment_steps": narrow(pieces.steps), "segment_weights": narrow(pieces.weights),
        "segment_taps": narrow(pieces.taps), "kernel_weights": weights[maps.weights],
    }
    longest = max(len(columns) for columns, _ in maps.patterns)
    return MapsInC(tables, listed, left[listed], not maps.from_hidden.all(), bool(maps.from_hidden.any()), longest)


def add_maps(maps: MapsInC, *, byte_inputs: bool, exact: bool) -> str:
    """Return the functions that add maps to sums.

    They are ``add_bytes`` for inputs that are bytes, and ``add_floats`` for all others.

    Args:
        maps: Shared weights.
        byte_inputs: Whether inputs are bytes.
        exact: Whether products of bytes are summed as integers.
    """
    common, text = {"sum_type": "float", "scaled_total": f"{_scale(maps)}(float)total"}, ""
    if byte_inputs and maps.from_inputs:
        total = "int32_t" if exact else "float"
        text += c_text.fill(ADD_MAPS, (), {**common, "kind": "bytes", "type": "uint8_t", "total": total})
    if maps.from_hidden or not byte_inputs:
        text += c_text.fill(ADD_MAPS, (), {**common, "kind": "floats", "type": "float", "total": "float"})
    return text.rstrip()


def add_integer_maps(maps: MapsInC, *, takes_bytes: bool) -> str:
    """Return the functions that add maps to integer sums.

    They are ``add_mapped_bytes`` for bytes, hidden activations among them, and ``add_mapped_words`` for other inputs.

    Args:
        maps: Shared weights.
        takes_bytes: Whether inputs are bytes.
    """
    taps = maps.tables["segment_taps"]
    assert taps is not None
    features, text = {"single"} if taps.min() < 0 else set[str](), ""
    if maps.from_inputs and not takes_bytes:
        text += c_text.fill(ADD_INTEGER_MAPS, features, {"kind": "mapped_words", "type": "int16_t"})
    if maps.from_hidden or (maps.from_inputs and takes_bytes):
        text += c_text.fill(ADD_INTEGER_MAPS, features, {"kind": "mapped_bytes", "type": "uint8_t"})
    return text


def put_maps(maps: MapsInC) -> str:
    """Return the function that unpacks maps into tiles."""
    return c_text.fill(PUT_MAPS, (), {"scale": _scale(maps)}).rstrip()


def _scale(maps: MapsInC) -> str:
    """Return the factor of a map's quantized weights; empty if weights are floats."""
    return "" if maps.tables.get("map_scales") is None else "map_scales[map] * "


def _shifts(maps: Maps, added: list[dict[int, float]]) -> tuple[Ints, list[NDArray[np.float64]]]:
    """Return for each run which of its map's numbers is added, ``(n_runs,)``, and these numbers of each map.

    Patterns of a plan to which all its maps add the same share a number.
    """
    run_shifts, shifts = np.zeros(len(maps.runs.counts), np.int64), [np.empty(0)] * len(added)
    for plan in range(len(maps.plan_starts) - 1):
        own = np.flatnonzero(maps.plans == plan)
        patterns = list(added[own[0]])
        values = np.array([[added[i][pattern] for pattern in patterns] for i in own])
        distinct, place = np.unique(values, axis=1, return_inverse=True)
        place_of = dict(zip(patterns, place.ravel().tolist(), strict=True))
        runs = slice(*maps.plan_starts[plan:][:2])
        run_shifts[runs] = [place_of[pattern] for pattern in maps.runs.patterns[runs].tolist()]
        for i, numbers in zip(own, distinct, strict=True):
            shifts[i] = numbers
    return run_shifts, shifts
