"""C of every network: templates whose lines depend on a network's features, tables, and comments."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Collection, Mapping, Sequence
from string import Template
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.export import ExportTarget
from evonas.types import Task

#: Characters that stand for themselves in a comment: those that could end it, begin another, join lines or be one of a
#: trigraph do not.
_HARMLESS = frozenset(map(chr, range(32, 127))) - frozenset("*?\\")
_LINE_WIDTH = 100
#: Characters of a line that every compiler of C99 takes, less those that a definition has beside its names.
MOST_NAMES = 4095 - 300
#: Characters that stand for themselves in a constant.
_PLAIN = f"{string.ascii_letters}{string.digits} _.,:;()<>=+-"

HEADER = """\
/* ${stem}.h: a trained network as C99, written by evonas.
 *
${remarks}
 *
 * Give ${name}_run the values ${input_note}:
 * ${shape_note}${missing_note}.
 * It writes ${output_note}.
 *
 * Memory: ${flash} bytes of constants, ${ram} bytes of static buffers, no heap. The buffers are shared:
 * calls must not overlap.
@tiles  * Compiled for AVX-512 or AVX2 (-march=native), the first call unpacks them into up to ${unpacked} bytes
@tiles  * more, for speed; with -D${NAME}_PORTABLE it does not.
@tiles  * Build: cc -std=c99 -O3 -c ${stem}.c, and link with -lm where sqrtf is not in the C library. With
@integers  * Everything is computed in integers of 32 and 64 bits, without a library.
@integers  * Build: cc -std=c99 -O2 -c ${stem}.c. With
 * -D${NAME}_MAIN there is a main that reads samples from the standard input and prints their outputs.
 */
#ifndef ${NAME}_H
#define ${NAME}_H

#include <stdint.h>

#define ${NAME}_INPUTS ${n_inputs}
#define ${NAME}_OUTPUTS ${n_outputs}
@inputs_named /* In the order of the inputs, in UTF-8: const char *const names[] = ${NAME}_INPUT_NAMES; */
@inputs_named #define ${NAME}_INPUT_NAMES {${input_names}}
@named /* In the order of the outputs, in UTF-8: const char *const names[] = ${NAME}_CLASS_NAMES; */
@named #define ${NAME}_CLASS_NAMES {${class_names}}
@targets_named /* In the order of the outputs, in UTF-8: const char *const names[] = ${NAME}_TARGET_NAMES; */
@targets_named #define ${NAME}_TARGET_NAMES {${target_names}}
@words /* Input i is (v - means[i]) / units[i] of a value v in the units of the data, to the nearest integer from
@words  * -${largest_word} to ${largest_word}.
@words  */
@words #define ${NAME}_INPUT_MEANS {${input_means}}
@words #define ${NAME}_INPUT_UNITS {${input_units}}
@fills /* Values that replace missing ones. */
@fills #define ${NAME}_INPUT_FILLS {${input_fills}}
@integers /* Output i is worth outputs[i] * units[i] + means[i]. */
@integers #define ${NAME}_OUTPUT_UNITS {${output_units}}
@integers #define ${NAME}_OUTPUT_MEANS {${output_means}}

#ifdef __cplusplus
extern "C" {
#endif

typedef ${input_type} ${name}_input;
typedef ${output_type} ${name}_output;

/* x has ${NAME}_INPUTS values, outputs has room for ${NAME}_OUTPUTS. */
void ${name}_run(const ${name}_input *x, ${output_type} *outputs);
@classify
@classify /* The class with the largest output, from 0. */
@classify unsigned ${name}_classify(const ${name}_input *x);

#ifdef __cplusplus
}
#endif

#endif
"""

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

#: What headers say of inputs that are not prepared for a network.
AS_IN_THE_FILES, NORMALISED = "as the files of the data set have them ({})", "; the normalisation is inside"
BYTES = "whole numbers in the units of the data, at most 255"

#: Template of what follows a network's own functions: the class of a sample, and ``main``.
ENTRY = """\
@classify
@classify unsigned ${name}_classify(const ${name}_input *x)
@classify {
@classify     ${output_type} outputs[${NAME}_OUTPUTS];
@classify     unsigned i, best = 0;
@classify
@classify     ${name}_run(x, outputs);
@classify     for (i = 1; i < ${NAME}_OUTPUTS; i++)
@classify         if (outputs[i] > outputs[best])
@classify             best = i;
@classify     return best;
@classify }

#ifdef ${NAME}_MAIN
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Without arguments: the outputs of every sample on the standard input. With BLOCKS RUNS: for each
 * block the mean nanoseconds of so many runs, over up to 64 samples, which no processor knows by heart.
 */
int main(int argc, char **argv)
{
    static ${name}_input x[64][${NAME}_INPUTS];
    static ${output_type} outputs[${NAME}_OUTPUTS];
    const long blocks = argc == 3 ? atol(argv[1]) : 0, runs = argc == 3 ? atol(argv[2]) : 0;
    volatile ${kept_type} kept = 0;
    long block, run;
    int i;

    if (argc == 3) {
        const long n = (long)fread(x, sizeof x[0], 64, stdin);
        for (block = 0; n > 0 && block < blocks; block++) {
            const clock_t begin = clock();
            for (run = 0; run < runs; run++) {
                ${name}_run(x[run % n], outputs);
                kept += (${kept_type})outputs[0];
            }
            ${print_time}
        }
        return 0;
    }
    while (fread(x, sizeof x[0], 1, stdin) == 1) {
        ${name}_run(x[0], outputs);
        for (i = 0; i < ${NAME}_OUTPUTS; i++)
            printf("${output_format}%c", (${printed_type})outputs[i], i + 1 < ${NAME}_OUTPUTS ? ' ' : '\\n');
    }
    return 0;
}
#endif
"""

#: Values of :data:`ENTRY` for networks of float32, and for networks of integers.
FLOAT_OUTPUTS: Mapping[str, str] = MappingProxyType({
    "output_type": "float", "kept_type": "float", "output_format": "%.9g", "printed_type": "double",
    "print_time": 'printf("%.6g\\n", 1e9 / CLOCKS_PER_SEC * (double)(clock() - begin) / (double)runs);',
})
INTEGER_OUTPUTS: Mapping[str, str] = MappingProxyType({
    "output_type": "int32_t", "kept_type": "uint32_t", "output_format": "%ld", "printed_type": "long",
    "print_time": 'printf("%lld\\n", 1000000000LL * (long long)(clock() - begin) / (long long)CLOCKS_PER_SEC / runs);',
})


def described(task: Task, target: ExportTarget) -> dict[str, object]:
    """Values of the templates that every network has: its names, sizes and the meaning of inputs and outputs."""
    shape, name = task.input_shape, target.name
    order = ("in the order of its columns", "channel by channel", "channel by channel, row by row")[len(shape) - 1]
    return {
        "stem": target.stem or name, "name": name, "NAME": name.upper(), "n_inputs": task.n_inputs,
        "n_outputs": task.n_outputs, "class_names": strings(target.classes), "input_names": strings(target.inputs),
        "target_names": strings(target.targets), "shape_note": f"{' x '.join(map(str, shape))} values, {order}",
    }


def named(target: ExportTarget) -> set[str]:
    """Features of the templates for the names that fit a line."""
    names = {"inputs_named": target.inputs, "targets_named": target.targets}
    found = {feature for feature, texts in names.items() if 0 < len(strings(texts)) <= MOST_NAMES}
    return found | ({"named"} if target.classes else set())


def fill(template: str, features: Collection[str], values: Mapping[str, object]) -> str:
    """Fill a template with ``${values}``.

    A line that begins with ``@feature`` is kept only for networks with that feature.

    Args:
        template: C with placeholders.
        features: Features of the network.
        values: Values by the name of their placeholder.
    """
    lines = []
    for line in template.splitlines():
        feature, _, text = line[1:].partition(" ") if line.startswith("@") else ("", "", line)
        if not feature or feature in features:
            lines.append(text)
    return Template("\n".join(lines) + "\n").substitute(values)


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the name of a type in C99."""
    return {"float32": "float", "float64": "double"}.get(dtype.name, f"{dtype.name}_t")


def table(name: str, values: NDArray[Any]) -> str:
    """Return a constant array; float32 comes back bit for bit."""
    suffix = "f" if values.dtype == np.float32 else ""
    numbers = textwrap.fill(", ".join(f"{v!s}{suffix}" for v in values), _LINE_WIDTH - 4, break_on_hyphens=False)
    return f"static const {c_type(values.dtype)} {name}[{len(values)}] = {{\n{textwrap.indent(numbers, '    ')}\n}};\n"


def strings(texts: Sequence[str]) -> str:
    """Texts of any characters as C's constants, in UTF-8 with commas between them, all in one line of ASCII."""
    return ", ".join(f'"{"".join(map(_in_string, text.encode("utf-8", "replace")))}"' for text in texts)


def _in_string(byte: int) -> str:
    """Return a byte of a constant; bytes that could end it, or have another meaning in C, are in octal digits."""
    return chr(byte) if chr(byte) in _PLAIN else f"\\{byte:03o}"


def comment(lines: Sequence[str]) -> str:
    """Text of any origin as the inside of a comment, in ASCII, which it cannot end."""
    plain = ["".join(map(_in_comment, line)) for line in lines]
    width = _LINE_WIDTH - 3
    wrapped = [part for line in plain for part in textwrap.wrap(line, width, break_long_words=False) or [""]]
    return "\n".join(f" * {line}".rstrip() for line in wrapped)


def _in_comment(character: str) -> str:
    """A character of a comment: what is not harmless is written as C99 names it, by its number."""
    if character in _HARMLESS:
        return character
    if character.isspace():
        return " "
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
