# %% [markdown]
# # Compare methods
#
# Is a search better than luck? NSGA-II, the default, against random search at equal budget: as many networks, each
# trained for as many epochs, with 3 seeds on the digits of scikit-learn. It takes about a minute on two cores.

# %%
import json
import subprocess
import sys

import pandas as pd
from IPython.display import Image

import evonas

# %% [markdown]
# ## Runs
#
# One run for each method and seed. `split_seed` stays as it is, so that the same samples validate in all of them.

# %%
SEEDS = range(3)
METHODS = ("nsga2", "random")
for searcher in METHODS:
    for seed in SEEDS:
        evonas.evolve(
            "digits", out=f"runs/{searcher}-{seed}", searcher=searcher, seed=seed, jobs=2,
            population=20, children=10, generations=8, epochs=12,
        )
evaluations = {s: [len(evonas.Run(f"runs/{s}-{seed}").evaluations()) for seed in SEEDS] for s in METHODS}
pd.DataFrame(evaluations, index=pd.Index(SEEDS, name="evaluations with seed"))

# %% [markdown]
# ## Tables
#
# `evonas compare` takes groups of runs, `NAME=RUN,RUN,RUN`. Its first table has the best member under each budget,
# chosen by validation, and with `--test` its accuracy on the test set, too. The second has the hypervolume up to a
# common reference point, and what each run spent: as many evaluations are not as much compute, since networks differ
# in size, and the edge-updates say how much it was.

# %%
GROUPS = [f"{s}={','.join(f'runs/{s}-{seed}' for seed in SEEDS)}" for s in METHODS]


def compare(*options: str) -> subprocess.CompletedProcess[str]:
    """The command, with what it printed."""
    command = [sys.executable, "-m", "evonas", "compare", *GROUPS, *options]
    return subprocess.run(command, check=True, capture_output=True, text=True)


done = compare("--test", "--plot", "attainment.png")
print(done.stderr, done.stdout, sep="\n")

# %% [markdown]
# The third table says how surely the groups differ. Runs of equal seeds are pairs, and the *superiority* is how
# likely the first method is the better one of a pair. There are no p-values: with 3 pairs Wilcoxon's signed-rank test
# cannot come below 0.25, whatever the runs are like. From 6 seeds on it can come below 0.05, and from 5 on there are
# bootstrap intervals.
#
# The note on teachers is about `nsga2`: its children also learn from the best networks of their own run. That is a
# part of the method, which `self_distillation=False` turns off.
#
# ## Attainment
#
# The lines are what at least half of the runs of a method attain, the bands reach from the worst to the best run.

# %%
Image("attainment.png", width=720, alt="Median, best and worst error under each number of FLOPs, for both methods")

# %% [markdown]
# ## Numbers for a program
#
# With `--json` the same comparison is data: here the hypervolume of every run, and the differences by seed.

# %%
found = json.loads(compare("--json").stdout)
volumes = pd.DataFrame({name: [run["hypervolume"] for run in runs] for name, runs in found["groups"].items()})
volumes["difference"] = volumes["nsga2"] - volumes["random"]
volumes.rename_axis("seed").round(4)

# %% [markdown]
# ## Where to go on
#
# - [Compare runs](../how-to/compare.md) has groups, baselines and tables for a paper.
# - [Benchmarks](../benchmarks.md) has comparisons on larger data, with the command that made each.
