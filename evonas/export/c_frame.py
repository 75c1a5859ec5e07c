"""What C of any network has around its own functions: the header, and the end of the source with ``main``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import InputType
from evonas.export import c_text
from evonas.types import Task

#: C's name of a type of inputs, and its description in the header.
INPUTS: Mapping[InputType, tuple[str, str]] = MappingProxyType({
    "uint8": ("uint8_t", "whole numbers in the units of the data, at most 255"), "float32": ("float", "floats"),
    "float64": ("double", "doubles: floats would lose too much of values so far from 0"),
})
HEADER = """\
/* ${stem}.h: a trained network as C99, written by evonas.
 *
${remarks}
 *
 * Give ${name}_run the values as the files of the data set have them (${input_note}):
 * ${shape_note}; the normalisation is inside.${missing_note}
 * It writes ${output_note}.
 *
 * Memory: ${flash} bytes of constants, ${ram} bytes of static buffers, no heap. The buffers are shared:
 * calls must not overlap.
@unpacks  * Compiled for AVX-512 or AVX2 (-march=native), the first call unpacks them into up to ${unpacked} bytes
@unpacks  * more, for speed; with -D${NAME}_PORTABLE it does not.
@unpacks  * Build: cc -std=c99 -O3 -c ${stem}.c, and link with -lm where sqrtf is not in the C library. With
@unpacks  * -D${NAME}_MAIN there is a main that reads samples from the standard input and prints their outputs.
@plain  * Build: cc -std=c99 -O3 -c ${stem}.c. With -D${NAME}_MAIN there is a main that reads samples from the
@plain  * standard input and prints their outputs.
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

#ifdef __cplusplus
extern "C" {
#endif

typedef ${input_type} ${name}_input;

/* x has ${NAME}_INPUTS values, outputs has room for ${NAME}_OUTPUTS. */
void ${name}_run(const ${name}_input *x, float *outputs);
@classify
@classify /* The class with the largest output, from 0. */
@classify unsigned ${name}_classify(const ${name}_input *x);

#ifdef __cplusplus
}
#endif

#endif
"""

#: End of a source: the function that names a class, and ``main``.
ENDING = """\
@classify
@classify unsigned ${name}_classify(const ${name}_input *x)
@classify {
@classify     float outputs[${NAME}_OUTPUTS];
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
    static float outputs[${NAME}_OUTPUTS];
    const long blocks = argc == 3 ? atol(argv[1]) : 0, runs = argc == 3 ? atol(argv[2]) : 0;
    volatile float kept = 0;
    long block, run;
    int i;

    if (argc == 3) {
        const long n = (long)fread(x, sizeof x[0], 64, stdin);
        for (block = 0; n > 0 && block < blocks; block++) {
            const clock_t begin = clock();
            for (run = 0; run < runs; run++) {
                ${name}_run(x[run % n], outputs);
                kept += outputs[0];
            }
            printf("%.6g\\n", 1e9 / CLOCKS_PER_SEC * (double)(clock() - begin) / (double)runs);
        }
        return 0;
    }
    while (fread(x, sizeof x[0], 1, stdin) == 1) {
        ${name}_run(x[0], outputs);
        for (i = 0; i < ${NAME}_OUTPUTS; i++)
            printf("%.9g%c", (double)outputs[i], i + 1 < ${NAME}_OUTPUTS ? ' ' : '\\n');
    }
    return 0;
}
#endif
"""


def features_of(task: Task, target: ExportTarget) -> set[str]:
    """Features of the templates that follow from the task and from the names that outputs and inputs have."""
    present = {
        "classify": task.kind == "classification", "named": len(target.classes) > 0,
        "inputs_named": 0 < len(c_text.strings(target.inputs)) <= c_text.MOST_NAMES,
        "targets_named": 0 < len(c_text.strings(target.targets)) <= c_text.MOST_NAMES,
    }
    return {feature for feature, there in present.items() if there}


def values_of(task: Task, target: ExportTarget) -> dict[str, object]:
    """Values that all templates of a network have: its names, and numbers of inputs and outputs."""
    name = target.name
    return {
        "stem": target.stem or name, "name": name, "NAME": name.upper(), "n_inputs": task.n_inputs,
        "n_outputs": task.n_outputs,
    }


def header(
    task: Task, target: ExportTarget, sizes: Mapping[str, int], remarks: Sequence[str], *, unpacked: int | None = None
) -> str:
    """The header of a network.

    Args:
        task: The task.
        target: Purpose of the program.
        sizes: Bytes of ``flash`` and ``ram``.
        remarks: Lines of any characters, for the comment.
        unpacked: Bytes that the first call fills for speed on some processors; None for a network that does not.
    """
    shape, (type_, note) = task.input_shape, INPUTS[target.input_type]
    order = ("in the order of its columns", "channel by channel", "channel by channel, row by row")[len(shape) - 1]
    outputs = "one logit a class" if task.kind == "classification" else "predictions in the units of the data"
    missing = " A missing value is NAN, which is imputed as in\n * training (compile without -ffast-math)."
    features: Collection[str] = {*features_of(task, target), "plain" if unpacked is None else "unpacks"}
    return c_text.fill(HEADER, features, {
        **values_of(task, target), **sizes, "remarks": c_text.comment(remarks), "unpacked": unpacked,
        "output_note": outputs, "class_names": c_text.strings(target.classes),
        "input_names": c_text.strings(target.inputs), "target_names": c_text.strings(target.targets),
        "missing_note": "" if target.scaling.fill is None else missing, "input_type": type_, "input_note": note,
        "shape_note": f"{' x '.join(map(str, shape))} values, {order}",
    })
