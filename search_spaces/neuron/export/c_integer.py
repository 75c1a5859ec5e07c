"""C of networks of integers: no other arithmetic, no library; see :mod:`search_spaces.neuron.export.integers`."""

from __future__ import annotations

#: Template of the source.
SOURCE = """\
/* ${stem}.c: see ${stem}.h
 *
 * Integers of 32 bits alone. Edges stand neuron by neuron, and those of a neuron source by source, which are
 * the inputs and places in the buffer of activations. They have a count, and each is a step from the source
 * of the edge before it, the first from that place. ${weights_note}
 * Activations are bytes. Those of hidden layers share one buffer: a layer takes the place of those that
 * are no longer read.
@maps ${maps_comment}
 */
#include "${stem}.h"

#define N_LAYERS ${n_layers}

@edges typedef ${count_type} count_t;
@edges typedef ${step_type} step_t;
@maps typedef int8_t weight_t;
@listed typedef ${place_type} place_t;
@grouped typedef ${group_type} group_t;
@low /* The low four bits, with their sign. */
@low #define LOW(two) ((int8_t)((unsigned)(two) << 4) >> 4)
/* Shifts to the right keep the sign, as with all compilers. */
typedef char ${name}_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

${tables}
@shifts /* x / 2^shift, to the nearest integer. */
@shifts static int32_t shifted(int32_t x, unsigned shift)
@shifts {
@shifts     return (x + ((int32_t)1 << (shift - 1))) >> shift;
@shifts }
@shifts
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
@norm         const unsigned before = square_shifts[layer];
@norm         uint32_t m = epsilons[layer], root;
@norm         int32_t mean = 0, scale = 1;
@grouped         unsigned next = 0, end;
@norm
@norm         for (i = 0; i < n; i++)
@norm             mean += z[i];
@norm         mean = ((mean >> mean_befores[layer]) * (int32_t)mean_multipliers[layer]) >> mean_afters[layer];
@norm         for (i = 0; i < n; i++) {
@norm             const int32_t centred = (z[i] - mean) >> before;
@norm             m += (uint32_t)(centred * centred);
@norm         }
@norm         /* One over the root of m, by Newton's method, in multiples of 2^-15 over scale. */
@norm         for (; m < (uint32_t)1 << 30; m <<= 2)
@norm             scale <<= 1;
@norm         m >>= 16;
@norm         root = ${guess} - (m * ${slope} >> 14);
@norm         for (i = 0; i < ${n_steps}; i++)
@norm             root = root * ((((uint32_t)3 << 16) - (m * (root * root >> 14) >> 14)) >> 2) >> 15;
@norm         root = root * root_multipliers[layer] >> 15;
@grouped         end = *group;
@norm         for (i = 0; i < n; i++) {
@norm             const int32_t x = ((z[i] - mean) * scale >> (before + 1)) * (int32_t)root >> 14;
@grouped             const unsigned k = i < end ? next : ++next;
@affine             const int32_t y = x * gain[${neuron}] + bias[${neuron}] * ((int32_t)1 << bias_shifts[layer]);
@grouped             end += i < end ? 0 : group[next];
@affine             h[i] = activation(shifted(y, gain_shifts[layer])${bounds});
@not_affine             h[i] = activation(shifted(x, gain_shifts[layer])${bounds});
@norm         }
@norm     }
@plain     for (; i < layer_rectified[layer]; i++)
@plain         h[i] = activation(shifted(z[i] * (int32_t)multipliers[layer], shifts[layer])${bounds});
@linear     for (; i < layer_sizes[layer]; i++)
@linear         h[i] = activation(shifted(z[i] * (int32_t)multipliers[layer], shifts[layer]), -zero, zero);
@hidden }
@hidden
${add}
void ${name}_run(const ${name}_input *x, int32_t *outputs)
{
@hidden     static int32_t sums[${n_sums}];
@hidden     static uint8_t buffer[${n_slots}];
@edges     const count_t *count = counts;
@edges     const step_t *step = steps;
@weights     const int8_t *weight = weights;
@offsets     const int16_t *offset = offsets;
@affine     const int8_t *gain = gains, *bias = biases;
@grouped     const group_t *group = group_sizes;
@listed     const place_t *place = row_places;
    unsigned layer, i;
@edges     unsigned source, first = 0, left;
@maps     unsigned map = 0, end;

@no_inputs     (void)x;
    for (layer = 0; layer < N_LAYERS; layer++) {
        int32_t *z = ${destination};

@maps         for (i = 0; i < layer_sizes[layer]; i++)
@maps             z[i] = 0;
@rows         for (i = 0; i < ${n_rows}[layer]; i++) {
@offsets             int32_t sum = offset_shifts[layer] < 0 ? 0 : *offset++ * ((int32_t)1 << offset_shifts[layer]);
@no_offsets             int32_t sum = 0;
@rows
@edges             for (source = first; source < layer_sources[layer]; source++) {
@factors                 int32_t total = 0;
@one_type                 const ${type} *h = ${place};
@one_type
@one_type ${edges}
@two_types                 if (source_slots[source] < 0) {
@two_types                     const int16_t *h = x;
@two_types
@two_types ${edges_within}
@two_types                 } else {
@two_types                     const uint8_t *h = buffer + source_slots[source];
@two_types
@two_types ${edges_within}
@two_types                 }
@factors                 sum += shifted(total * source_multipliers[source], source_shifts[source]);
@edges             }
@listed             z[*place++] = sum;
@all_rows             z[i] = sum;
@rows         }
@edges         first = layer_sources[layer];
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
#: Template of the sum over the edges of a neuron from one source.
EDGES = """\
@int8 for (left = *count++; left > 0; left--) {
@int8     h += *step++;
@int8     ${sum} += *weight++ * *h;
@int8 }
@int4 for (left = *count++; left > 1; left -= 2) {
@int4     const int8_t two = *weight++;
@int4
@int4     h += *step++;
@int4     ${sum} += LOW(two) * *h;
@int4     h += *step++;
@int4     ${sum} += (two >> 4) * *h;
@int4 }
@int4 if (left > 0) {
@int4     h += *step++;
@int4     ${sum} += LOW(*weight) * *h;
@int4     weight++;
@int4 }
@ternary for (left = *count++; left > 0; left--) {
@ternary     const unsigned entry = *step++;
@ternary
@ternary     h += entry >> 1;
@ternary     if (entry < ${escape})
@ternary         ${sum} += entry & 1 ? -*h : *h;
@ternary }
"""
#: What the source says of its weights.
NOTES = {
    "int8": "Weights are bytes.",
    "int4": "Two weights are\n * in a byte, the first in the low bits; those of each count begin with a byte.",
    "ternary": "The last bit\n * of a step is the sign of its weight, and 254 a step of 127 without a weight.",
}
#: Step without a weight of ternary networks, and its entry.
ESCAPE_STEP, ESCAPE = 127, 254
