"""The C of models of scikit-learn, as emlearn writes it, behind a function that takes the bytes of an image."""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from sklearn.ensemble import RandomForestClassifier
from sklearn.neural_network import MLPClassifier

INSTALL = "python -m pip install emlearn==0.23.2"

Model: TypeAlias = MLPClassifier | RandomForestClassifier

_WRAPPER = """#include "network.h"

static TYPE features[N_FEATURES];

void network_run(const uint8_t *x, int32_t *label)
{
    int row, column, i, j, sum;

    for (row = 0; row < ROWS; row++)
        for (column = 0; column < COLUMNS; column++) {
            sum = 0;
            for (i = 0; i < SIDE; i++)
                for (j = 0; j < SIDE; j++)
                    sum += x[(row * SIDE + i) * WIDTH + column * SIDE + j];
            sum /= SIDE * SIDE;
            features[row * COLUMNS + column] = FROM_MEAN;
        }
    *label = model_predict(features, N_FEATURES);
}

#ifdef NETWORK_MAIN
#include <stdio.h>

int main(void)
{
    static uint8_t x[N_INPUTS];
    int32_t label;

    while (fread(x, 1, sizeof x, stdin) == sizeof x) {
        network_run(x, &label);
        printf("%ld\\n", (long)label);
    }
    return 0;
}
#endif
"""


def installed() -> bool:
    """Whether emlearn can be imported."""
    return find_spec("emlearn") is not None


def source_of(model: Model, shape: tuple[int, ...], side: int, *, c_type: str, from_mean: str) -> dict[str, bytes]:
    """Return a model as C with the function ``network_run``, contents by suffix.

    emlearn's headers are put into ours, which is marked as the system's: it has warnings.

    Args:
        model: The trained model.
        shape: Shape of an image, ``(1, height, width)``.
        side: Side of the squares over which pixels are averaged.
        c_type: Type of the model's features in C.
        from_mean: C expression for a feature from the mean ``sum`` of a square.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 0.23.2 imports distutils
        emlearn = import_module("emlearn")
        if isinstance(model, MLPClassifier):
            code = emlearn.convert(model).save(name="model")  # 0.23.2 cannot write networks as code
        else:
            code = emlearn.convert(model, method="inline", dtype=c_type).save(name="model", include_proba=False)
    headers = Path(str(emlearn.__file__)).parent
    _, height, width = shape
    rows, columns = height // side, width // side
    names = {
        "TYPE": c_type, "N_FEATURES": rows * columns, "ROWS": rows, "COLUMNS": columns, "SIDE": side,
        "WIDTH": width, "FROM_MEAN": from_mean, "N_INPUTS": height * width,
    }
    wrapper = re.sub(r"\b[A-Z_]+\b", lambda word: str(names.get(word[0], word[0])), _WRAPPER)
    header = f"#pragma GCC system_header\n#include <stdint.h>\n{_flat(code, headers, set())}"
    return {".c": wrapper.encode("ascii"), ".h": header.encode("ascii", "replace")}


def _flat(code: str, headers: Path, known: set[str]) -> str:
    """Return C with the headers of emlearn in the place where each is first included.

    Args:
        code: The C.
        headers: Folder of the headers.
        known: Headers that have been put in; it grows.
    """
    def header(match: re.Match[str]) -> str:
        if match[1] in known:
            return ""
        known.add(match[1])
        return _flat((headers / match[1]).read_text(), headers, known)

    return re.sub(r'#include\s+[<"](eml_\w+\.h)[>"]', header, code)
