"""C of every network of neurons: the template of its source; the end is :data:`evonas.export.c_frame.ENTRY`."""

from __future__ import annotations

SOURCE = """\
/* ${stem}.c: see ${stem}.h
 *
 * Weights stand row by row: the edges into one neuron. The source of an edge is a step from that of
 * the edge before it; the first of a row is a step from 0. A step that is too long for its type is
 * made of several, with weights of 0. Activations of hidden layers share one buffer: a layer takes
 * the place of those that are no longer read.
@maps ${maps_comment}
 */
#include "${stem}.h"

@norm #include <math.h>
@norm
#define N_LAYERS ${n_layers}

typedef ${step_type} step_t;
typedef ${weight_type} weight_t;

${tables}
@norm /* The sum of z[i] - centre, or of the squares; in eight parts, since each addition waits for the one before. */
@norm static float sum_around(float centre, const float *z, unsigned n, int squared)
@norm {
@norm     float part[8] = {0}, rest = 0;
@norm     unsigned i, k;
@norm
@norm     for (i = 0; i + 8 <= n; i += 8)
@norm         for (k = 0; k < 8; k++)
@norm             part[k] += squared ? (z[i + k] - centre) * (z[i + k] - centre) : z[i + k] - centre;
@norm     for (; i < n; i++)
@norm         rest += squared ? (z[i] - centre) * (z[i] - centre) : z[i] - centre;
@norm     for (k = 0; k < 8; k++)
@norm         rest += part[k];
@norm     return rest;
@norm }
@norm
@hidden ${activation}
@hidden
#if (defined(__AVX512F__) || (defined(__AVX2__) && defined(__FMA__))) && !defined(${NAME}_PORTABLE)
${tiles}
#else
@hidden static float buffer[${n_slots}];
@enter static float normalised[${NAME}_INPUTS];

@maps ${add_maps}
@maps
@bytes static float sum_bytes(const uint8_t *x, const step_t *step, const weight_t *weight, unsigned n)
@bytes {
@bytes     ${byte_total} a = 0, b = 0, c = 0, d = 0; /* four, since each addition waits for the one before */
@bytes
@bytes     for (; n >= 4; n -= 4, step += 4, weight += 4) {
@bytes         x += step[0];
@bytes         a += (${byte_total})weight[0] * (${byte_total})*x;
@bytes         x += step[1];
@bytes         b += (${byte_total})weight[1] * (${byte_total})*x;
@bytes         x += step[2];
@bytes         c += (${byte_total})weight[2] * (${byte_total})*x;
@bytes         x += step[3];
@bytes         d += (${byte_total})weight[3] * (${byte_total})*x;
@bytes     }
@bytes     for (; n > 0; n--) {
@bytes         x += *step++;
@bytes         a += (${byte_total})*weight++ * (${byte_total})*x;
@bytes     }
@bytes     return (float)((a + b) + (c + d));
@bytes }
@bytes
@floats static float sum_floats(const float *x, const step_t *step, const weight_t *weight, unsigned n)
@floats {
@floats     float a = 0, b = 0, c = 0, d = 0; /* four, since each addition waits for the one before */
@floats
@floats     for (; n >= 4; n -= 4, step += 4, weight += 4) {
@floats         x += step[0];
@floats         a += (float)weight[0] * *x;
@floats         x += step[1];
@floats         b += (float)weight[1] * *x;
@floats         x += step[2];
@floats         c += (float)weight[2] * *x;
@floats         x += step[3];
@floats         d += (float)weight[3] * *x;
@floats     }
@floats     for (; n > 0; n--) {
@floats         x += *step++;
@floats         a += (float)*weight++ * *x;
@floats     }
@floats     return (a + b) + (c + d);
@floats }
@floats
void ${name}_run(const ${name}_input *x, float *outputs)
{
@input_rows     const step_t *input_step = input_steps;
@input_rows     const weight_t *input_weight = input_weights;
@hidden_rows     const step_t *hidden_step = hidden_steps;
@hidden_rows     const weight_t *hidden_weight = hidden_weights;
@every     unsigned layer, i, row = 0;
@maps     unsigned layer, i, end, map = 0;
@listed     unsigned row = 0;

@enter     for (i = 0; i < ${NAME}_INPUTS; i++)
@enter         normalised[i] = ${entered};
    for (layer = 0; layer < N_LAYERS; layer++) {
        const unsigned size = layer_sizes[layer];
        float *z = ${destination};

@maps         for (i = 0; i < size; i++)
@maps             z[i] = 0;
@every         for (i = 0; i < size; i++, row++) {
@listed         for (end = row + layer_rows[layer]; row < end; row++) {
@listed             i = row_places[row];
@rows             z[i] = ${row_sum};
@input_rows             input_step += input_counts[row];
@input_rows             input_weight += input_counts[row];
@hidden_rows             z[i] += ${sum_hidden};
@hidden_rows             hidden_step += hidden_counts[row];
@hidden_rows             hidden_weight += hidden_counts[row];
@rows         }
@maps         end = map + layer_input_maps[layer];
@input_maps         ${add_input_maps}
@maps         map = end;
@maps         end = map + layer_hidden_maps[layer];
@hidden_maps         add_floats(z, map, end, buffer);
@maps         map = end;
@hidden         if (layer + 1 < N_LAYERS)
@hidden             ${activate}
    }
}
#endif
"""
