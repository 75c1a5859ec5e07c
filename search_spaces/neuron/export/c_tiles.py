"""Variant for processors with AVX-512 or AVX2: rows are unpacked into tiles at the first call.

A row takes a load for each of its sources, and a processor has two or three loads a cycle: with 100 000 edges it is
slower than a dense network of as many weights, which gets sixteen products from a load. A tile is 16 rows by 32 sources
(8 by 16 with AVX2): these are two registers, and one permutation (or two) gives each row a source. Trained networks of
21 000 to 95 000 edges were measured to take a third to a quarter of the time of rows with AVX-512, random ones three
quarters to less than half with AVX2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evonas.types import Ints


class Shape(NamedTuple):
    """Shape of a tile.

    Attributes:
        n_lanes: Rows.
        window: Sources.
    """

    n_lanes: int
    window: int


AVX512, AVX2 = Shape(16, 32), Shape(8, 16)

SOURCE = """\
/* On processors with AVX-512 or AVX2 the first call unpacks the rows into tiles of LANES rows by WINDOW
 * sources, which are two registers: permutations of these take the place of LANES loads. Define
 * ${NAME}_PORTABLE to do without.
 */
#include <immintrin.h>

/* tile_steps: for each LANES rows of a layer and each WINDOW sources, the largest number of edges into
 * one of the rows.
 */
#ifdef __AVX512F__
#define LANES 16
#define WINDOW 32
#define N_STEPS ${avx512_steps}
${avx512_table}
typedef __m512 lanes_t;
#define ZEROS _mm512_setzero_ps()
#define ADD _mm512_add_ps
#define STORE _mm512_storeu_ps

/* a + weights times their sources, which are among low and high. */
static lanes_t add_products(lanes_t a, lanes_t weights, const uint8_t *places, lanes_t low, lanes_t high)
{
    const __m512i at = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)places));

    return _mm512_fmadd_ps(weights, _mm512_permutex2var_ps(low, at, high), a);
}
#else
#define LANES 8
#define WINDOW 16
#define N_STEPS ${avx2_steps}
${avx2_table}
typedef __m256 lanes_t;
#define ZEROS _mm256_setzero_ps()
#define ADD _mm256_add_ps
#define STORE _mm256_storeu_ps

/* a + weights times their sources, which are among low and high. */
static lanes_t add_products(lanes_t a, lanes_t weights, const uint8_t *places, lanes_t low, lanes_t high)
{
    const __m256i at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)places));
    const __m256 is_high = _mm256_castsi256_ps(_mm256_slli_epi32(at, 28));

    low = _mm256_permutevar8x32_ps(low, at);
    high = _mm256_permutevar8x32_ps(high, at);
    return _mm256_fmadd_ps(weights, _mm256_blendv_ps(low, high, is_high), a);
}
#endif
#define FIRST_SLOT ${first_slot}
#define N_WINDOWS (${n_sources} / WINDOW)

static lanes_t tile_weights[N_STEPS];
static uint8_t tile_places[N_STEPS * LANES];
static lanes_t sources[2 * N_WINDOWS];

@maps static float shifts[${n_rows}];

/* Into the first free step of the window's, of which the first is given. */
static void put(const uint32_t *first, unsigned place, unsigned lane, float weight)
{
    if (weight != 0) {
        uint32_t at = LANES * first[place / WINDOW] + lane;

        while (((const float *)tile_weights)[at] != 0)
            at += LANES;
        ((float *)tile_weights)[at] = weight;
        tile_places[at] = (uint8_t)(place % WINDOW);
    }
}

@maps ${put_maps}
@maps
static void unpack(void)
{
@input_rows     const step_t *input_step = input_steps;
@input_rows     const weight_t *input_weight = input_weights;
@hidden_rows     const step_t *hidden_step = hidden_steps;
@hidden_rows     const weight_t *hidden_weight = hidden_weights;
    const uint8_t *steps = tile_steps;
    uint32_t first[N_WINDOWS] = {0}, n_steps = 0;
    unsigned layer, begin, k;
@rows     unsigned i, row = 0;
@any_rows     unsigned place;
@maps     unsigned map = 0, first_row = 0;

    for (layer = 0; layer < N_LAYERS; layer++) {
        const unsigned size = layer_sizes[layer];
@listed         const unsigned end = row + layer_rows[layer];
@maps         const unsigned hidden_map = map + layer_input_maps[layer];
@maps         const unsigned last_map = hidden_map + layer_hidden_maps[layer];

        for (begin = 0; begin < size; begin += LANES) {
            for (k = 0; k < N_WINDOWS; k++) {
                first[k] = n_steps;
                n_steps += *steps++;
            }
@every             for (i = begin; i < begin + LANES && i < size; i++, row++) {
@listed             for (; row < end && (i = row_places[row]) < begin + LANES; row++) {
@listed                 shifts[first_row + i] += offset[row];
@input_rows                 for (k = 0, place = 0; k < input_counts[row]; k++) {
@input_rows                     place += *input_step++;
@input_rows                     put(first, place, i % LANES, ${input_scale}(float)*input_weight++);
@input_rows                 }
@hidden_rows                 for (k = 0, place = FIRST_SLOT; k < hidden_counts[row]; k++) {
@hidden_rows                     place += *hidden_step++;
@hidden_rows                     put(first, place, i % LANES, ${hidden_scale}(float)*hidden_weight++);
@hidden_rows                 }
@rows             }
@maps             put_maps(first, map, hidden_map, begin, 0, shifts + first_row);
@hidden_maps             put_maps(first, hidden_map, last_map, begin, FIRST_SLOT, shifts + first_row);
        }
@maps         map = last_map;
@maps         first_row += size;
    }
}

void ${name}_run(const ${name}_input *x, float *outputs)
{
    static int unpacked = 0;
    const uint8_t *steps = tile_steps;
    const lanes_t *weights = tile_weights;
    const uint8_t *places = tile_places;
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

        for (i = 0; i < size; i += LANES) {
            lanes_t a = ZEROS, b = ZEROS;
            float sums[LANES];

            for (k = 0; k < N_WINDOWS; k++, steps++) {
                unsigned n = *steps;
                lanes_t low, high;

                if (n == 0)
                    continue;
                low = sources[2 * k];
                high = sources[2 * k + 1];
                for (; n >= 2; n -= 2, weights += 2, places += 2 * LANES) {
                    a = add_products(a, weights[0], places, low, high);
                    b = add_products(b, weights[1], places + LANES, low, high);
                }
                if (n > 0) {
                    a = add_products(a, *weights++, places, low, high);
                    places += LANES;
                }
            }
            STORE(sums, ADD(a, b));
            for (k = 0; k < LANES && i + k < size; k++)
                z[i + k] = ${row_offset}[row++] + sums[k];
        }
@hidden         if (layer + 1 < N_LAYERS)
@hidden             ${activate}
    }
}
"""


class Tiles(NamedTuple):
    """Numbers of steps of the tiles.

    Attributes:
        steps: uint8 ``(n_groups, n_windows)``: the largest number of edges of a tile into one row.
        shape: Shape of each tile.
    """

    steps: NDArray[np.uint8]
    shape: Shape

    @property
    def n_steps(self) -> int:
        """Steps of all tiles."""
        return int(self.steps.sum(dtype=np.int64))

    @property
    def n_bytes(self) -> int:
        """Bytes of tables and buffers."""
        n_lanes, window = self.shape
        return self.steps.size + n_lanes * self.n_steps * (4 + 1) + 4 * window * int(self.steps.shape[1])


def whole_windows(n_places: int) -> int:
    """Round a number of places up to whole windows of either shape."""
    return -(-n_places // AVX512.window) * AVX512.window


def tiles(row: Ints, place: Ints, layer_sizes: Ints, n_places: int, shape: Shape) -> Tiles:
    """Return the tiles of entries ``(n,)`` that are not 0.

    Args:
        row: Row of each entry.
        place: Place of its source: inputs come first, hidden slots begin with a window.
        layer_sizes: Neurons of each layer.
        n_places: Number of places, whole windows.
        shape: Shape of each tile.
    """
    n_lanes, window = shape
    n_groups = -(-layer_sizes // n_lanes)
    first_row = np.repeat(np.cumsum(layer_sizes) - layer_sizes, layer_sizes)
    index = np.arange(len(first_row)) - first_row  # index of each row in its layer
    group = np.repeat(np.cumsum(n_groups) - n_groups, layer_sizes) + index // n_lanes
    sizes = (int(n_groups.sum()), n_places // window, n_lanes)
    cell = np.ravel_multi_index((group[row], place // window, index[row] % n_lanes), sizes)
    counts = np.bincount(cell, minlength=int(np.prod(sizes))).reshape(sizes)
    return Tiles(counts.max(axis=2).astype(np.uint8), shape)
