"""Templates of the C of networks of layers: a function for each operation of a step; only those in use are written."""

from __future__ import annotations

SOURCE = """\
/* ${stem}.c: see ${stem}.h
 *
 * ${name}_run calls a function for each layer, on one buffer in which values take the place of those that
 * are no longer read. Places of an image stand row by row, channels of a place side by side; weights stand
 * in the order in which they are read. A row of the table shapes says what a function reads and writes.
 */
#include "${stem}.h"

#include <math.h>

#define SHAPE ${shape_size} /* numbers of a row of shapes */
#define IN_ROWS 0
#define IN_COLUMNS 1
#define IN_CHANNELS 2
#define IN_STEP 3 /* values from one place to the next */
#define OUT_ROWS 4
#define OUT_COLUMNS 5
#define OUT_CHANNELS 6
#define OUT_STEP 7
#define ROWS 8 /* of the window */
#define COLUMNS 9
#define ROW_STRIDE 10 /* places between two windows */
#define COLUMN_STRIDE 11
#define ROW_DILATION 12 /* places between two rows of a window */
#define COLUMN_DILATION 13
#define ROWS_BEFORE 14 /* rows of the first window that lie before the image */
#define COLUMNS_BEFORE 15
#define GROUPS 16

typedef ${shape_type} shape_t;
typedef ${weight_type} weight_t;

${tables}
@buffered static float buffer[${n_buffered}];
@buffered
@puts /* Writes or adds a value within bounds. */
@puts static void put(float *y, float value, float least, float most, int adds)
@puts {
@puts     value = value < least ? least : value > most ? most : value;
@puts     *y = adds ? *y + value : value;
@puts }
@puts
@windows /* The first tap inside the image of a window that begins at a place, and the end of those inside. */
@windows static int first_tap(int begin, int dilation)
@windows {
@windows     return begin < 0 ? (dilation - 1 - begin) / dilation : 0;
@windows }
@windows
@windows static int end_tap(int begin, int dilation, int taps, int places)
@windows {
@windows     const int end = begin < places ? (places - begin + dilation - 1) / dilation : 0;
@windows
@windows     return end < taps ? end : taps;
@windows }
@windows
@enter /* The normalisation of inputs; these stand channel by channel. */
@enter static void enter(const ${name}_input *x, float *y)
@enter {
@enter     int place, c;
@enter
@enter     for (place = 0; place < ${n_places}; place++)
@enter         for (c = 0; c < ${n_channels}; c++) {
@enter             const ${name}_input value = x[c * ${n_places} + place];
@enter             *y++ = ${entered};
@enter         }
@enter }
@enter
@convolve static float dot(const float *x, const weight_t *weights, int n)
@convolve {
@convolve     float a = 0, b = 0, c = 0, d = 0; /* four, since each addition waits for the one before */
@convolve
@convolve     for (; n >= 4; n -= 4, x += 4, weights += 4) {
@convolve         a += (float)weights[0] * x[0];
@convolve         b += (float)weights[1] * x[1];
@convolve         c += (float)weights[2] * x[2];
@convolve         d += (float)weights[3] * x[3];
@convolve     }
@convolve     for (; n > 0; n--)
@convolve         a += (float)*weights++ * *x++;
@convolve     return (a + b) + (c + d);
@convolve }
@convolve
@convolve /* A convolution or a linear layer. Taps whose sources are side by side are one run. */
@convolve static void convolve(const float *x, float *y, const shape_t *s, const weight_t *weights,
@convolve                      ${scale_parameter}const float *bias, float least, float most, int adds)
@convolve {
@convolve     const int channels = s[IN_CHANNELS] / s[GROUPS], outputs = s[OUT_CHANNELS] / s[GROUPS];
@convolve     const int row_step = s[ROW_DILATION] * s[IN_COLUMNS] * s[IN_STEP], step = s[COLUMN_DILATION] * s[IN_STEP];
@convolve     const int row_taps = s[COLUMNS] * channels, taps = s[ROWS] * row_taps;
@convolve     int row, column, group, output, k, l;
@convolve
@convolve     for (row = 0; row < s[OUT_ROWS]; row++)
@convolve         for (column = 0; column < s[OUT_COLUMNS]; column++, y += s[OUT_STEP]) {
@convolve             const int top = row * s[ROW_STRIDE] - s[ROWS_BEFORE];
@convolve             const int left = column * s[COLUMN_STRIDE] - s[COLUMNS_BEFORE];
@convolve             const int first_row = first_tap(top, s[ROW_DILATION]);
@convolve             const int first = first_tap(left, s[COLUMN_DILATION]);
@convolve             const int begin = (top + first_row * s[ROW_DILATION]) * s[IN_COLUMNS]
@convolve                               + left + first * s[COLUMN_DILATION];
@convolve             const weight_t *w = weights + first_row * row_taps + first * channels;
@convolve             int n_rows = end_tap(top, s[ROW_DILATION], s[ROWS], s[IN_ROWS]) - first_row;
@convolve             int n_runs = end_tap(left, s[COLUMN_DILATION], s[COLUMNS], s[IN_COLUMNS]) - first;
@convolve             int run = channels, o = 0;
@convolve
@convolve             if (n_runs <= 0)
@convolve                 n_rows = 0;
@convolve             else if (step == channels) {
@convolve                 run *= n_runs;
@convolve                 n_runs = 1;
@convolve                 if (run == row_taps && row_step == row_taps) {
@convolve                     run *= n_rows;
@convolve                     n_rows = n_rows > 0;
@convolve                 }
@convolve             }
@convolve             for (group = 0; group < s[GROUPS]; group++)
@convolve                 for (output = 0; output < outputs; output++, o++, w += taps) {
@convolve                     const float *source = n_rows > 0 ? x + begin * s[IN_STEP] + group * channels : x;
@convolve                     const weight_t *tap = w;
@convolve                     float total = 0;
@convolve
@convolve                     for (k = 0; k < n_rows; k++, source += row_step, tap += row_taps)
@convolve                         for (l = 0; l < n_runs; l++)
@convolve                             total += dot(source + l * step, tap + l * channels, run);
@convolve                     put(y + o, total${scaled_output} + bias[o], least, most, adds);
@convolve                 }
@convolve         }
@convolve }
@convolve
@convolve_each /* A convolution of each channel by itself. */
@convolve_each static void convolve_each(const float *x, float *y, const shape_t *s, const weight_t *weights,
@convolve_each                           ${scale_parameter}const float *bias, float least, float most, int adds)
@convolve_each {
@convolve_each     const int channels = s[OUT_CHANNELS], step = s[COLUMN_DILATION] * s[IN_STEP];
@convolve_each     int row, column, c, k, l;
@convolve_each
@convolve_each     for (row = 0; row < s[OUT_ROWS]; row++)
@convolve_each         for (column = 0; column < s[OUT_COLUMNS]; column++, y += s[OUT_STEP]) {
@convolve_each             const int top = row * s[ROW_STRIDE] - s[ROWS_BEFORE];
@convolve_each             const int left = column * s[COLUMN_STRIDE] - s[COLUMNS_BEFORE];
@convolve_each             const int first_row = first_tap(top, s[ROW_DILATION]);
@convolve_each             const int first = first_tap(left, s[COLUMN_DILATION]);
@convolve_each             const int end_row = end_tap(top, s[ROW_DILATION], s[ROWS], s[IN_ROWS]);
@convolve_each             const int end = end_tap(left, s[COLUMN_DILATION], s[COLUMNS], s[IN_COLUMNS]);
@convolve_each
@convolve_each             for (c = 0; c < channels; c++) {
@convolve_each                 float total = 0;
@convolve_each
@convolve_each                 for (k = first_row; k < end_row && first < end; k++) {
@convolve_each                     const int place = (top + k * s[ROW_DILATION]) * s[IN_COLUMNS]
@convolve_each                                       + left + first * s[COLUMN_DILATION];
@convolve_each                     const float *source = x + place * s[IN_STEP] + c;
@convolve_each                     const weight_t *tap = weights + (k * s[COLUMNS] + first) * channels + c;
@convolve_each
@convolve_each                     for (l = first; l < end; l++, source += step, tap += channels)
@convolve_each                         total += (float)*tap * *source;
@convolve_each                 }
@convolve_each                 put(y + c, total${scaled_channel} + bias[c], least, most, adds);
@convolve_each             }
@convolve_each         }
@convolve_each }
@convolve_each
@pools /* The mean of each window, over what lies inside the image or over all of it; or its largest value. */
@pools static void pool(const float *x, float *y, const shape_t *s, int means, int counts_all, float least, float most,
@pools                  int adds)
@pools {
@pools     int row, column, c, k, l;
@pools
@pools     for (row = 0; row < s[OUT_ROWS]; row++)
@pools         for (column = 0; column < s[OUT_COLUMNS]; column++, y += s[OUT_STEP]) {
@pools             const int top = row * s[ROW_STRIDE] - s[ROWS_BEFORE];
@pools             const int left = column * s[COLUMN_STRIDE] - s[COLUMNS_BEFORE];
@pools             const int first_row = first_tap(top, s[ROW_DILATION]);
@pools             const int end_row = end_tap(top, s[ROW_DILATION], s[ROWS], s[IN_ROWS]);
@pools             const int first = first_tap(left, s[COLUMN_DILATION]);
@pools             const int end = end_tap(left, s[COLUMN_DILATION], s[COLUMNS], s[IN_COLUMNS]);
@pools             const int inside = end > first && end_row > first_row ? (end_row - first_row) * (end - first) : 1;
@pools             const int n = counts_all ? s[ROWS] * s[COLUMNS] : inside;
@pools
@pools             for (c = 0; c < s[OUT_CHANNELS]; c++) {
@pools                 float total = means ? 0 : -INFINITY;
@pools
@pools                 for (k = first_row; k < end_row; k++)
@pools                     for (l = first; l < end; l++) {
@pools                         const int place = (top + k * s[ROW_DILATION]) * s[IN_COLUMNS] + left
@pools                                           + l * s[COLUMN_DILATION];
@pools                         const float value = x[place * s[IN_STEP] + c];
@pools
@pools                         total = means ? total + value : value > total ? value : total;
@pools                     }
@pools                 put(y + c, means ? total / (float)n : total, least, most, adds);
@pools             }
@pools         }
@pools }
@pools
@scale /* Factors and summands of channels. */
@scale static void scale(const float *x, float *y, const shape_t *s, const float *factors, const float *summands,
@scale                   float least, float most, int adds)
@scale {
@scale     int place, c;
@scale
@scale     for (place = s[OUT_ROWS] * s[OUT_COLUMNS]; place > 0; place--, x += s[IN_STEP], y += s[OUT_STEP])
@scale         for (c = 0; c < s[OUT_CHANNELS]; c++)
@scale             put(y + c, x[c] * factors[c] + summands[c], least, most, adds);
@scale }
@scale
@transfer /* Values within bounds, copied or added; x and y may be the same. */
@transfer static void transfer(const float *x, float *y, const shape_t *s, float least, float most, int adds)
@transfer {
@transfer     int place, c;
@transfer
@transfer     for (place = s[OUT_ROWS] * s[OUT_COLUMNS]; place > 0; place--, x += s[IN_STEP], y += s[OUT_STEP])
@transfer         for (c = 0; c < s[OUT_CHANNELS]; c++)
@transfer             put(y + c, x[c], least, most, adds);
@transfer }
@transfer
@flatten /* All values as channels of one place, channel by channel. */
@flatten static void flatten(const float *x, float *y, const shape_t *s, float least, float most, int adds)
@flatten {
@flatten     const int places = s[IN_ROWS] * s[IN_COLUMNS];
@flatten     int place, c;
@flatten
@flatten     for (c = 0; c < s[IN_CHANNELS]; c++)
@flatten         for (place = 0; place < places; place++)
@flatten             put(y++, x[place * s[IN_STEP] + c], least, most, adds);
@flatten }
@flatten
@clear static void clear(float *y, const shape_t *s)
@clear {
@clear     int place, c;
@clear
@clear     for (place = s[OUT_ROWS] * s[OUT_COLUMNS]; place > 0; place--, y += s[OUT_STEP])
@clear         for (c = 0; c < s[OUT_CHANNELS]; c++)
@clear             y[c] = 0;
@clear }
@clear
void ${name}_run(const ${name}_input *x, float *outputs)
{
${calls}
}
"""
