"""The same network for processors with AVX-512: rows unpacked into tiles at the first call.

A row takes a load for each of its sources, and a processor has two or three loads a cycle: with 100 000 edges it is
slower than a dense network of as many weights, which gets sixteen products of a load. A tile is 16 rows by 32 sources:
these are two registers, and one permutation gives each row a source. Trained networks of 21 000 to 95 000 edges were
measured to take a third to a quarter of the time of rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints

N_LANES, WINDOW = 16, 32

SOURCE = """\
/* On processors with AVX-512 the first call unpacks the rows into tiles of 16 rows by 32 sources, and
 * a permutation of two registers takes the place of 16 loads. Define ${NAME}_PORTABLE to do without.
 */
#include <immintrin.h>

#define N_WINDOWS ${n_windows}
#define FIRST_SLOT ${first_slot}

/* For each 16 rows of a layer and each 32 sources: the largest number of edges into one of the rows. */
${tile_table}
static __m512 tile_weights[${n_steps}];
static __m128i tile_sources[${n_steps}];
static __m512 sources[2 * N_WINDOWS];

static void put(uint32_t *next, unsigned place, unsigned lane, float weight)
{
    if (weight != 0) {
        const uint32_t at = 16 * next[place / 32]++ + lane;

        ((float *)tile_weights)[at] = weight;
        ((uint8_t *)tile_sources)[at] = (uint8_t)(place % 32);
    }
}

static void unpack(void)
{
    const step_t *input_step = input_steps;
    const weight_t *input_weight = input_weights;
@hidden     const step_t *hidden_step = hidden_steps;
@hidden     const weight_t *hidden_weight = hidden_weights;
    const uint8_t *steps = tile_steps;
    uint32_t first[N_WINDOWS] = {0}, next[N_WINDOWS], n_steps = 0;
    unsigned layer, i, k, place, row = 0;

    for (layer = 0; layer < N_LAYERS; layer++)
        for (i = 0; i < layer_sizes[layer]; i++, row++) {
            if (i % 16 == 0)
                for (k = 0; k < N_WINDOWS; k++) {
                    first[k] = n_steps;
                    n_steps += *steps++;
                }
            for (k = 0; k < N_WINDOWS; k++)
                next[k] = first[k];
            for (k = 0, place = 0; k < input_counts[row]; k++) {
                place += *input_step++;
                put(next, place, i % 16, ${input_scale}(float)*input_weight++);
            }
@hidden             for (k = 0, place = FIRST_SLOT; k < hidden_counts[row]; k++) {
@hidden                 place += *hidden_step++;
@hidden                 put(next, place, i % 16, ${hidden_scale}(float)*hidden_weight++);
@hidden             }
        }
}

/* a + 16 weights times their sources, which are among low and high. */
static __m512 add_products(__m512 a, __m512 weights, __m128i places, __m512 low, __m512 high)
{
    return _mm512_fmadd_ps(weights, _mm512_permutex2var_ps(low, _mm512_cvtepu8_epi32(places), high), a);
}

void ${name}_run(const ${name}_input *x, float *outputs)
{
    static int unpacked = 0;
    const uint8_t *steps = tile_steps;
    const __m512 *weights = tile_weights;
    const __m128i *places = tile_sources;
    unsigned layer, i, k, row = 0;

    if (!unpacked) {
        unpack();
        unpacked = 1;
    }
    for (i = 0; i < ${NAME}_INPUTS; i++)
        ((float *)sources)[i] = ${entered};
    for (layer = 0; layer < N_LAYERS; layer++) {
        const unsigned size = layer_sizes[layer];
        float *z = ${destination};

        for (i = 0; i < size; i += 16) {
            __m512 a = _mm512_setzero_ps(), b = _mm512_setzero_ps();
            float sums[16];

            for (k = 0; k < N_WINDOWS; k++, steps++) {
                unsigned n = *steps;
                __m512 low, high;

                if (n == 0)
                    continue;
                low = sources[2 * k];
                high = sources[2 * k + 1];
                for (; n >= 2; n -= 2, weights += 2, places += 2) {
                    a = add_products(a, weights[0], places[0], low, high);
                    b = add_products(b, weights[1], places[1], low, high);
                }
                if (n > 0)
                    a = add_products(a, *weights++, *places++, low, high);
            }
            _mm512_storeu_ps(sums, _mm512_add_ps(a, b));
            for (k = 0; k < 16 && i + k < size; k++)
                z[i + k] = offset[row++] + sums[k];
        }
@hidden         if (layer + 1 < N_LAYERS)
@hidden             activate(z, size${activate_arguments});
    }
}
"""


class Tiles(NamedTuple):
    """How many steps each tile takes.

    Attributes:
        steps: uint8 ``(n_groups, n_windows)``: the largest number of edges of a tile into one row.
        first_slot: Place of the first hidden slot among the sources; inputs come before.
    """

    steps: NDArray[np.uint8]
    first_slot: int

    @property
    def n_steps(self) -> int:
        """Of all tiles."""
        return int(self.steps.sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Of tables and buffers."""
        return self.steps.size + N_LANES * self.n_steps * (4 + 1) + 4 * WINDOW * int(self.steps.shape[1])


def tiles(
    row: Ints, column: Ints, from_input: NDArray[np.bool_], layer_sizes: Ints, n_inputs: int, n_slots: int
) -> Tiles:
    """The tiles of entries ``(n,)`` that are not 0.

    Args:
        column: Index of the input, or slot of the hidden neuron.
    """
    first_slot = -(-n_inputs // WINDOW) * WINDOW
    n_windows = (first_slot + -(-n_slots // WINDOW) * WINDOW) // WINDOW
    n_groups = -(-layer_sizes // N_LANES)
    first_row = np.repeat(np.cumsum(layer_sizes) - layer_sizes, layer_sizes)
    index = np.arange(len(first_row)) - first_row  # of each row in its layer
    group = np.repeat(np.cumsum(n_groups) - n_groups, layer_sizes) + index // N_LANES
    window = np.where(from_input, column, first_slot + column) // WINDOW
    shape = (int(n_groups.sum()), n_windows, N_LANES)
    cell = np.ravel_multi_index((group[row], window, index[row] % N_LANES), shape)
    counts = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
    return Tiles(counts.max(axis=2).astype(np.uint8), first_slot)
