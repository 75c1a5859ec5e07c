"""C of networks of integers: no other arithmetic, no library; see :mod:`search_spaces.neuron.export.integers`."""

from __future__ import annotations

#: Template of the source.
SOURCE = """\
/* ${stem}.c: see ${stem}.h
 *
 * Integers alone. The edges between two layers are a pair; pairs stand by the layer that they lead to.
 * Those into one neuron have a count (255: another count follows), and each is a step from the source of
 * the edge before it, the first from the layer's beginning. ${weights_note}
 * Activations are bytes. Those of hidden layers share one buffer: a layer takes the place of those that
 * are no longer read.
@maps ${maps_comment}
 */
#include "${stem}.h"

#define N_LAYERS ${n_layers}

typedef ${step_type} step_t;
@maps typedef int8_t weight_t;
@listed typedef ${place_type} place_t;
@grouped typedef ${group_type} group_t;
/* Shifts to the right keep the sign, as with all compilers. */
typedef char ${name}_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

${tables}
@pairs /* The next counts, steps and weights. */
@pairs typedef struct {
@pairs     const uint8_t *count;
@pairs     const step_t *step;
@int8_pairs     const int8_t *weight;
@int4_pairs     const uint8_t *weight;
@int4_pairs     unsigned half; /* 1: the next weight is in the high bits */
@pairs } edges_t;
@pairs
@scales /* x / 2^shift, to the nearest integer. */
@scales static int32_t shifted(int64_t x, unsigned shift)
@scales {
@scales     return (int32_t)((x + ((int64_t)1 << (shift - 1))) >> shift);
@scales }
@scales
@scales /* x * multiplier / 2^shift, to the nearest integer. */
@scales static int32_t scaled(int32_t x, int32_t multiplier, unsigned shift)
@scales {
@scales     return shifted((int64_t)x * multiplier, shift);
@scales }
@scales
@norm /* One over the square root of x, in multiples of 2^-28, times 2^e; adds e to the shift. */
@norm static int32_t inverse_root(uint64_t x, int *shift)
@norm {
@norm     uint32_t m, y;
@norm     int i;
@norm
@norm     for (; x >> 32; x >>= 2)
@norm         ++*shift;
@norm     for (m = (uint32_t)x; m < (uint32_t)1 << 30; m <<= 2)
@norm         --*shift;
@norm     y = ${guess}u - (uint32_t)((uint64_t)m * ${slope}u >> 32);
@norm     for (i = 0; i < ${n_steps}; i++) {
@norm         const uint32_t square = (uint32_t)((uint64_t)y * y >> 28);
@norm         const uint32_t product = (uint32_t)((uint64_t)m * square >> 32);
@norm         y = (uint32_t)((uint64_t)y * (((uint32_t)3 << 28) - product) >> 29);
@norm     }
@norm     return (int32_t)y;
@norm }
@norm
@hidden /* The activation for y, in units of its step. */
@plain_zero static uint8_t activation(int32_t y)
@plain_zero {
@plain_zero     return (uint8_t)(y < 0 ? 0 : y > 255 ? 255 : y);
@plain_zero }
@signed static uint8_t activation(int32_t y, int32_t low, int32_t zero)
@signed {
@signed     return (uint8_t)((y < low ? low : y > 255 - zero ? 255 - zero : y) + zero);
@signed }
@hidden
@hidden /* Activations of a hidden layer by its sums. */
@hidden static void activate(const int32_t *z, unsigned layer, ${parameters}uint8_t *h)
@hidden {
@hidden     unsigned i = 0;
@norm     const unsigned n = layer_normed[layer];
@signed     const int32_t zero = layer_zeros[layer];
@norm
@norm     if (n > 0) {
@norm         uint64_t squares = epsilons[layer];
@norm         int32_t sum = 0, mean, root;
@norm         int shift = ${normalised_shift};
@grouped         unsigned next = 0, end;
@norm
@norm         for (i = 0; i < n; i++)
@norm             sum += z[i];
@norm         mean = scaled(sum, mean_multipliers[layer], mean_shifts[layer]);
@norm         for (i = 0; i < n; i++) {
@norm             const int64_t centred = z[i] - mean;
@norm             squares += (uint64_t)(centred * centred);
@norm         }
@norm         root = scaled(inverse_root(squares, &shift), root_multipliers[layer], root_shifts[layer]);
@grouped         end = *group;
@norm         for (i = 0; i < n; i++) {
@norm             const int32_t x = scaled(z[i] - mean, root, (unsigned)shift);
@grouped             const unsigned k = i < end ? next : ++next;
@affine             const int32_t y = x * gain[${neuron}] + bias[${neuron}] * ((int32_t)1 << bias_shifts[layer]);
@grouped             end += i < end ? 0 : group[next];
@affine             h[i] = activation((y + ((int32_t)1 << (gain_shifts[layer] - 1))) >> gain_shifts[layer]${bounds});
@not_affine             h[i] = activation(shifted(x, gain_shifts[layer])${bounds});
@norm         }
@norm     }
@plain     for (; i < layer_rectified[layer]; i++)
@plain         h[i] = activation(scaled(z[i], multipliers[layer], shifts[layer])${bounds});
@linear     for (; i < layer_sizes[layer]; i++)
@linear         h[i] = activation(scaled(z[i], multipliers[layer], shifts[layer]), -zero, zero);
@hidden }
@hidden
${add}
void ${name}_run(const ${name}_input *x, int32_t *outputs)
{
@hidden     static int32_t sums[${n_sums}];
@hidden     static uint8_t buffer[${n_slots}];
@int8_pairs     edges_t at = {counts, steps, weights};
@int4_pairs     edges_t at = {counts, steps, weights, 0};
@ternary_pairs     edges_t at = {counts, steps};
@offsets     const int16_t *offset = offsets;
@affine     const int8_t *gain = gains, *bias = biases;
@grouped     const group_t *group = group_sizes;
@listed     const place_t *place = row_places;
    unsigned layer, i;
@pairs     unsigned pair = 0;
@maps     unsigned map = 0, end;

@no_inputs     (void)x;
    for (layer = 0; layer < N_LAYERS; layer++) {
        const unsigned size = layer_sizes[layer];
        int32_t *z = ${destination};

        for (i = 0; i < size; i++)
@own_offsets             z[i] = offset_shifts[layer] < 0 ? 0 : *offset++ * ((int32_t)1 << offset_shifts[layer]);
@from_zero             z[i] = 0;
@listed_offsets         for (i = 0; i < layer_rows[layer] && offset_shifts[layer] >= 0; i++)
@listed_offsets             z[place[i]] = *offset++ * ((int32_t)1 << offset_shifts[layer]);
@pairs         for (; pair < layer_pairs[layer]; pair++) {
@hidden_pairs             if (pair_slots[pair] >= 0) {
@hidden_pairs                 add_bytes(z, ${rows}, buffer + pair_slots[pair], pair, &at);
@hidden_pairs                 continue;
@hidden_pairs             }
@inputs             add_${inputs}(z, ${rows}, x, pair, &at);
@pairs         }
@listed         place += layer_rows[layer];
@maps         end = map + layer_input_maps[layer];
@input_maps         add_mapped_${inputs}(z, map, end, x);
@maps         map = end;
@maps         end = map + layer_hidden_maps[layer];
@hidden_maps         add_mapped_bytes(z, map, end, buffer);
@maps         map = end;
@hidden         if (layer + 1 < N_LAYERS)
@hidden             activate(z, layer, ${arguments}buffer + layer_slots[layer]);
@affine         if (layer + 1 < N_LAYERS) {
@affine             gain += ${n_gains}[layer];
@affine             bias += ${n_gains}[layer];
@grouped             group += ${n_gains}[layer];
@affine         }
    }
}
"""
#: Template of the sums over a pair, for sources of one type.
ADD = """\
/* Adds what the edges of a pair contribute to the sums z of ${whose} neurons. */
static void add_${kind}(int32_t *z, ${places}unsigned n, const ${type} *source, unsigned pair, edges_t *at)
{
    const uint8_t *count = at->count;
    const step_t *step = at->step;
@int8     const int8_t *weight = at->weight;
@int4     const uint8_t *weight = at->weight;
@int4     unsigned half = at->half;
    unsigned i, left;

    for (i = 0; i < n; i++) {
        const ${type} *x = source;
        int32_t sum = 0;

        do {
@int8             for (left = *count; left > 0; left--) {
@int8                 x += *step++;
@int8                 sum += (int32_t)*weight++ * *x;
@int8             }
@int4             left = *count;
@int4             if (half && left > 0) {
@int4                 x += *step++;
@int4                 sum += ((*weight++ >> 4) - 8) * *x;
@int4                 half = 0;
@int4                 left--;
@int4             }
@int4             for (; left >= 2; left -= 2) {
@int4                 const int two = *weight++;
@int4
@int4                 x += *step++;
@int4                 sum += ((two & 15) - 8) * *x;
@int4                 x += *step++;
@int4                 sum += ((two >> 4) - 8) * *x;
@int4             }
@int4             if (left > 0) {
@int4                 x += *step++;
@int4                 sum += ((*weight & 15) - 8) * *x;
@int4                 half = 1;
@int4             }
@ternary             for (left = *count; left > 0; left--) {
@ternary                 const unsigned entry = *step++;
@ternary
@ternary                 x += entry >> 1;
@ternary                 if (entry < ${escape})
@ternary                     sum += (1 - (int)((entry & 1) << 1)) * (int32_t)*x;
@ternary             }
        } while (*count++ == 255);
        z[${place}] += scaled(sum, pair_multipliers[pair], pair_shifts[pair]);
    }
    at->count = count;
    at->step = step;
@not_ternary     at->weight = weight;
@int4     at->half = half;
}

"""
#: What the source says of its weights.
NOTES = {
    "int8": "Weights are bytes.",
    "int4": "Two weights are\n * in a byte, the first in the low bits; 8 is 0.",
    "ternary": "The last bit of\n * a step is the sign of its weight, and 254 a step of 127 without a weight.",
}
#: Step without a weight of ternary networks, and its entry.
ESCAPE_STEP, ESCAPE = 127, 254
