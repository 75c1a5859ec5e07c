"""What C of any network has around its own functions: the header, and the end of the source with ``main``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from evonas.capabilities.export import ExportTarget, ProgramInput
from evonas.export import c_text
from evonas.types import Task

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
@plain  * Build: cc -std=c99 -O3 -c ${stem}.c. With
@integers  * Everything is computed in integers of 32 bits, without a library.
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
@words /* Input i is (v - means[c]) / units[c] of a value v in the units of the data, to the nearest integer from
@words  * -${largest_word} to ${largest_word}, with c = ${NAME}_INPUT_CHANNEL(i).
@words  */
@words #define ${NAME}_INPUT_CHANNEL(i) ${input_channel}
@words #define ${NAME}_INPUT_MEANS {${input_means}}
@words #define ${NAME}_INPUT_UNITS {${input_units}}
@fills /* Values that replace missing ones, by channel. */
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
 * block the mean nanoseconds of RUNS runs, over up to 64 samples, which no processor knows by heart.
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
#: C's name of a type of inputs, and its description in the header, for networks of floats.
INPUTS: Mapping[ProgramInput, tuple[str, str]] = MappingProxyType({
    "uint8": ("uint8_t", BYTES), "float32": ("float", "floats"),
    "float64": ("double", "doubles: floats would lose too much of values so far from 0"),
})
#: What the header says of missing values.
MISSING = ". A missing value is NAN, which is\n * imputed as in training (compile without -ffast-math)"


def described(task: Task, target: ExportTarget) -> dict[str, object]:
    """Values of the templates that every network has: its names, sizes and the meaning of inputs and outputs."""
    shape, name = task.input_shape, target.name
    order = ("in the order of its columns", "channel by channel", "channel by channel, row by row")[len(shape) - 1]
    return {
        "stem": target.stem or name, "name": name, "NAME": name.upper(), "n_inputs": task.n_inputs,
        "n_outputs": task.n_outputs, "class_names": c_text.strings(target.classes),
        "input_names": c_text.strings(target.inputs), "target_names": c_text.strings(target.targets),
        "shape_note": f"{' x '.join(map(str, shape))} values, {order}",
    }


def named(target: ExportTarget) -> set[str]:
    """Features of the templates for the names that fit a line."""
    names = {"inputs_named": target.inputs, "targets_named": target.targets}
    found = {feature for feature, texts in names.items() if 0 < len(c_text.strings(texts)) <= c_text.MOST_NAMES}
    return found | ({"named"} if target.classes else set())


def header(
    task: Task, target: ExportTarget, sizes: Mapping[str, int], remarks: Sequence[str], *, unpacked: int | None = None
) -> str:
    """The header of a network that computes in floats.

    Args:
        task: The task.
        target: Purpose of the program.
        sizes: Bytes of ``flash`` and ``ram``.
        remarks: Lines of any characters, for the comment.
        unpacked: Bytes that the first call fills for speed on some processors; None for a network that does not.
    """
    type_, note = INPUTS[target.input_type]
    outputs = "one logit a class" if task.kind == "classification" else "predictions in the units of the data"
    features = named(target) | {"plain" if unpacked is None else "tiles"}
    features |= {"classify"} if task.kind == "classification" else set()
    return c_text.fill(HEADER, features, {
        **described(task, target), **sizes, **FLOAT_OUTPUTS, "remarks": c_text.comment(remarks), "unpacked": unpacked,
        "output_note": outputs, "input_type": type_, "input_note": AS_IN_THE_FILES.format(note),
        "missing_note": NORMALISED + ("" if target.scaling.fill is None else MISSING),
    })
