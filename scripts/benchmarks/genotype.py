"""Times of the bookkeeping on a genotype of 100 000 edges over 3 072 inputs: python -m scripts.benchmarks.genotype"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from evonas.types import Task
from search_spaces.neuron.mutation import OPERATORS, MutationParams
from search_spaces.neuron.space import create
from search_spaces.neuron.weights import fresh

REPEATS = 15


def milliseconds(action: Callable[[], object]) -> list[float]:
    times = []
    for _ in range(REPEATS):
        begin = perf_counter()
        action()
        times.append(1e3 * (perf_counter() - begin))
    return times


options = {"founders": "log-uniform", "founder_edges": (100_000, 100_000)}
space = create(Task("classification", (3, 32, 32), 10), options)
rng = np.random.default_rng(0)
first, second = space.sample(rng), space.sample(rng)
params = MutationParams(space.law)
child = OPERATORS["grow_and_prune"](first, rng, params) or first  # with edges that it does not inherit
stored, weights = space.encode(first), fresh(first, rng)
mutations: dict[str, Callable[[], object]] = {name: partial(f, first, rng, params) for name, f in OPERATORS.items()}
actions: dict[str, Callable[[], object]] = {
    "sample": lambda: space.sample(rng),
    **mutations,
    "crossover": lambda: space.crossover(first, second, rng),
    "validate": lambda: space.validate(replace(first)),  # a copy, so that nothing is cached
    "hash": lambda: replace(first).digest,
    "encode": lambda: space.encode(replace(first)),
    "decode": lambda: space.decode(stored),
    "inherit": lambda: space.inherit(child, first, weights, rng),
    "cost": lambda: space.cost(replace(first)),
}
table = Table("action", "median ms", "least ms", title=f"{first.n_edges} edges, {first.n_hidden} hidden neurons")
for name, action in actions.items():
    times = milliseconds(action)
    table.add_row(name, f"{median(times):.1f}", f"{min(times):.1f}")
Console().print(table)
