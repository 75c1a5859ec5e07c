# %% [markdown]
# # Digits to C
#
# A search on the digits of scikit-learn, a network chosen from its front by a budget, and that network as a program
# in C whose answers are compared with Python's. It takes about half a minute on two cores and needs a C compiler.

# %%
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import evonas

# %% [markdown]
# ## Samples
#
# The images are 8 × 8 pixels of whole numbers from 0 to 16. As `uint8` the search knows them for images, and the
# exported program takes bytes. 400 images are put aside for the end; of the others the search itself holds back some
# to compare networks by.

# %%
digits = load_digits()
images = digits.images.astype("uint8")
x_train, x_test, y_train, y_test = train_test_split(
    images, digits.target, test_size=400, stratify=digits.target, random_state=0
)
print("to search with:", x_train.shape, "for the end:", x_test.shape)

# %% [markdown]
# ## Search
#
# `EvoClassifier` is the search as an estimator of scikit-learn. With a number of generations and a seed its result is
# the same for any number of jobs; with `time_limit=60` in their place it would use 60 seconds, and the result would
# depend on the machine.

# %%
model = evonas.EvoClassifier(
    generations=8, population=20, epochs=12, n_jobs=2, random_state=0, out="runs/digits"
)
model.fit(x_train, y_train)
run = evonas.Run("runs/digits")
run

# %% [markdown]
# A notebook shows a run as its front: the networks that no other beats in both error and FLOPs, and among all
# evaluations where they lie. The error is `trainval_error`, a mean over validation and training samples ([what is
# compared](../concepts.md#what-is-compared)).
#
# ## Choose
#
# A device that has time for 3 000 FLOPs an image gets the best network within this budget. `model` itself predicts
# with the best network of the whole front; `member` gives another one as an estimator of its own.

# %%
chosen = run.best(under={"flops": 3_000})
small = model.member(chosen)
flops = run.front(also=[model.id_])["flops"]
for name, id, estimator in (("best", model.id_, model), ("chosen", chosen, small)):
    print(f"{name:7} {flops[id]:7,.0f} FLOPs, {estimator.score(x_test, y_test):.1%} of the test images")

# %% [markdown]
# ## Export
#
# C is written with weights of 32-bit floats or of 8-bit integers, and checked against torch before it is written. The
# header says what the program offers and the memory that it takes; here are these lines of it.

# %%
for precision in ("float32", "int8"):
    Path(precision).mkdir()
    model.export(f"{precision}/network.c", id=chosen, precision=precision)
    header = Path(precision, "network.h").read_text().splitlines()
    memory = next(line for line in header if "Memory: " in line)
    print(f"{precision:8}{memory.partition('Memory: ')[2].partition(', no heap')[0]}")
print(*(line for line in header if line.endswith(";")), sep="\n")

# %% [markdown]
# ## Compile and compare
#
# A program of a few lines reads images of 64 bytes each and prints a class for each. No other library is needed.

# %%
MAIN = r"""
#include "network.h"
#include <stdio.h>

int main(void)
{
    uint8_t pixels[NETWORK_INPUTS];

    while (fread(pixels, sizeof pixels, 1, stdin) == 1)
        printf("%u\n", network_classify(pixels));
    return 0;
}
"""

predicted = small.predict(x_test)
answers = {}
for precision in ("float32", "int8"):
    Path(precision, "main.c").write_text(MAIN)
    compiling = ["cc", "-std=c99", "-O3", "main.c", "network.c", "-lm", "-o", "program"]
    subprocess.run(compiling, cwd=precision, check=True)
    done = subprocess.run(["./program"], cwd=precision, input=x_test.tobytes(), capture_output=True, check=True)
    answers[precision] = np.array(done.stdout.split(), dtype=int)
    same, right = (answers[precision] == predicted).sum(), (answers[precision] == y_test).mean()
    print(f"{precision:8} answers as Python does for {same} of {len(x_test)} images, {right:.1%} are right")

# %% [markdown]
# The images that the `int8` program gets wrong, with its answer and the label:

# %%
wrong = np.flatnonzero(answers["int8"] != y_test)[:10]
figure, places = plt.subplots(1, 10, figsize=(10, 1.6))
for place in places:
    place.axis("off")
for place, i in zip(places, wrong, strict=False):
    place.imshow(x_test[i], cmap="gray_r")
    place.set_title(f"{answers['int8'][i]}, not {y_test[i]}", fontsize=9)
plt.show()

# %% [markdown]
# ## Where to go on
#
# - [Export to C, ONNX and torch](../how-to/export.md) has the same from the command line, with bytes of flash and
#   RAM, and ONNX.
# - [Constrain a search](../how-to/constrain.md) makes such a budget a part of the search: it then looks for nothing
#   larger.
# - [Search in an estimator](../how-to/estimators.md) has what else `EvoClassifier` can do.
