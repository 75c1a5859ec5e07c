"""C of networks of integers: no other arithmetic, no library; see :mod:`search_spaces.neuron.export.integers`."""

from __future__ import annotations

#: Template of the source.
SOURCE = """\
/* ${stem}.c: see ${stem}.h
 *
 * Integers of 32 bits alone. Edges stand layer by layer, then source by source, then neuron by neuron. A source
 * is the inputs, or a place in the buffer of activations. Of each neuron there is a count and as many edges:
 * each is a step from that of the edge before it, the first from the source. ${weights_note}
 * Activations are bytes. Those of hidden layers share one buffer: a layer takes the place of those that
 * are no longer read.
@maps ${maps_comment}
 */
#include "${stem}.h"

/* What stands of each layer, with less of the outputs. */
enum {${parameters}};
@hidden #define N_PARAMETERS ${n_parameters}
@hidden #define LAST ${last}

typedef ${layer_type} layer_t;
@maps typedef int8_t weight_t;
@listed typedef ${place_type} place_t;
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
@plain_zero     y = y < 0 ? 0 : y;
@plain_zero     return (uint8_t)(y > 255 ? 255 : y);
@plain_zero }
@signed static uint8_t activation(int32_t y, int32_t low, int32_t zero)
@signed {
@signed     y = zero + (y < low ? low : y);
@signed     return (uint8_t)(y > 255 ? 255 : y);
@signed }
@hidden
@affine /* Activations of a hidden layer by its sums; returns the next gain. */
@affine static const int8_t *activate(const int32_t *z, const layer_t *layer, const int8_t *gains, uint8_t *h)
@not_affine_hidden /* Activations of a hidden layer by its sums. */
@not_affine_hidden static void activate(const int32_t *z, const layer_t *layer, uint8_t *h)
@hidden {
@hidden     unsigned i = 0;
@signed     const int32_t zero = layer[ZERO];
@norm     const unsigned n = layer[NORMED];
@norm
@norm     if (n > 0) {
@norm         const unsigned before = layer[SQUARE_SHIFT];
@norm         uint32_t m = layer[EPSILON], root;
@norm         int32_t mean = 0, scale = 1;
@grouped         int32_t gain = 0, bias = 0;
@grouped         unsigned left = 0;
@norm
@norm         for (i = 0; i < n; i++)
@norm             mean += z[i];
@norm         mean = ((mean >> layer[MEAN_BEFORE]) * (int32_t)layer[MEAN_MULTIPLIER]) >> layer[MEAN_AFTER];
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
@norm         root = root * layer[ROOT] >> 15;
@norm         for (i = 0; i < n; i++) {
@norm             const int32_t x = ((z[i] - mean) * scale >> (before + 1)) * (int32_t)root >> 14;
@one_each             const int32_t gain = *gains++, bias = *gains++ * ((int32_t)1 << layer[BIAS_SHIFT]);
@grouped             if (left-- == 0) {
@grouped                 left = (uint8_t)*gains++ - 1u;
@grouped                 gain = *gains++;
@grouped                 bias = *gains++ * ((int32_t)1 << layer[BIAS_SHIFT]);
@grouped             }
@affine             h[i] = activation(shifted(x * gain + bias, layer[GAIN_SHIFT])${bounds});
@not_affine             h[i] = activation(shifted(x, layer[GAIN_SHIFT])${bounds});
@norm         }
@norm     }
@plain     for (; i < layer[RECTIFIED]; i++)
@plain         h[i] = activation(shifted(z[i] * (int32_t)layer[MULTIPLIER], layer[SHIFT])${bounds});
@linear     for (; i < layer[SIZE]; i++)
@linear         h[i] = activation(shifted(z[i] * (int32_t)layer[MULTIPLIER], layer[SHIFT]), -zero, zero);
@affine     return gains;
@hidden }
@hidden
${add}
void ${name}_run(const ${name}_input *x, int32_t *outputs)
{
@hidden     static int32_t sums[${n_sums}];
@hidden     static uint8_t buffer[${n_slots}];
    const layer_t *layer = layers;
@edges     const uint8_t *at = edges;
@offsets     const ${offset_type} *offset = offsets;
@affine     const int8_t *gains = affine;
@listed     const place_t *place = row_places;
    unsigned i;
@edges     unsigned source = 0, end_source = 0;
@maps     unsigned map = 0, end;

@no_inputs     (void)x;
    for (;;) {
@hidden         int32_t *z = layer < layers + LAST ? sums : outputs;
@no_hidden         int32_t *z = outputs;

@some_offsets         for (i = 0; i < layer[SIZE] && layer[OFFSET_SHIFT] < ${none}; i++)
@some_offsets             z[i] = *offset++ * ((int32_t)1 << layer[OFFSET_SHIFT]);
@some_offsets         for (; i < layer[SIZE]; i++)
@some_offsets             z[i] = 0;
@one_start         for (i = 0; i < layer[SIZE]; i++)
@each_offset             z[i] = *offset++;
@shifted_offsets             z[i] = *offset++ * ((int32_t)1 << layer[OFFSET_SHIFT]);
@from_zero             z[i] = 0;
@listed_offsets         for (i = 0; i < layer[ROWS] && layer[OFFSET_SHIFT] < ${none}; i++)
@listed_offsets             z[place[i]] = *offset++ * ((int32_t)1 << layer[OFFSET_SHIFT]);
@edges         for (end_source += layer[SOURCES]; source < end_source; source++) {
@slots             const int slot = source_slots[source];
@factors             const int32_t multiplier = source_multipliers[source], shift = source_shifts[source];
@slots
@two_types             if (slot < 0)
@two_types                 at = add_words(at, z, ${rows}, x${scale});
@two_types             else
@two_types                 at = add_bytes(at, z, ${rows}, buffer + slot${scale});
@one_type             at = add_${kind}(at, z, ${rows}, ${place}${scale});
@edges         }
@listed         place += layer[ROWS];
@maps         end = map + layer[INPUT_MAPS];
@input_maps         add_mapped_${inputs}(z, map, end, x);
@maps         map = end;
@maps         end = map + layer[HIDDEN_MAPS];
@hidden_maps         add_mapped_bytes(z, map, end, buffer);
@maps         map = end;
@no_hidden         return;
@hidden         if (z == outputs)
@hidden             return;
@affine         gains = activate(z, layer, gains, buffer + layer[SLOT]);
@not_affine_hidden         activate(z, layer, buffer + layer[SLOT]);
@hidden         layer += N_PARAMETERS;
    }
}
"""
#: Template of the sums over the edges from a source, for sources of one type.
ADD = """\
/* Adds what the edges from a source contribute to the sums z of ${whose} neurons; returns the next edges. */
static const uint8_t *add_${kind}(const uint8_t *at, int32_t *z, ${listed}unsigned n, const ${type} *source${scale})
{
    for (; n > 0; n--) {
        const ${type} *h = source;
@whole         const uint8_t *const end = at + ${count_bytes} + ${width} * ${count};
@halved         const unsigned count = ${count};
@halved         const uint8_t *end;
@factors         int32_t sum = 0;
@exact         int32_t sum = *${z};

        at += ${count_bytes};
@halved         if (count & 1) {
@halved             h += ${step};
@int8_halved             sum += (int8_t)at[${bytes}] * *h;
@int4_halved             sum += LOW(at[${bytes}]) * *h;
@halved             at += 1 + ${bytes};
@halved         }
@quartered         if (count & 2) {
@quartered ${two}
@quartered             at += ${two_bytes};
@quartered         }
@halved         end = at + ${width} * (count >> ${block_bits});
@int8_halved         for (; at != end; at += ${width}) {
@int8_halved ${block}
@int8_halved         }
@int8_whole         for (; at != end; at += ${width}) {
@int8_whole             h += ${step};
@int8_whole             sum += (int8_t)at[${bytes}] * *h;
@int8_whole         }
@int4_halved         for (; at != end; at += ${width}) {
@int4_halved             h += ${step};
@int4_halved             sum += LOW(at[2 * ${bytes}]) * *h;
@int4_halved             h += ${second};
@int4_halved             sum += ((int8_t)at[2 * ${bytes}] >> 4) * *h;
@int4_halved         }
@ternary_whole         while (at != end) {
@ternary_whole             const unsigned entry = *at++;
@ternary_whole
@ternary_whole             h += entry >> 1;
@ternary_whole             if (entry < ${escape})
@ternary_whole                 sum += entry & 1 ? -*h : *h;
@ternary_whole         }
@factors         *${z} += shifted(sum * multiplier, (unsigned)shift);
@exact         *${z} = sum;
${next}
    }
    return at;
}

"""
#: What the source says of its weights.
NOTES = {
    "int8": "Its weight is a byte.",
    "int4": (
        "Two edges are two steps and\n"
        " * a byte with both weights, the first in the low bits; the first edge of an odd count stands alone."
    ),
    "ternary": "The last bit of a step\n * is the sign of its weight, and 254 a step of 127 without a weight.",
}
#: Step without a weight of ternary networks, and its entry.
ESCAPE_STEP, ESCAPE = 127, 254
