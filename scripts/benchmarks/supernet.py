"""Steps of supernet training beside those of discrete networks: python -m scripts.benchmarks.supernet [OPTION=VALUE
...]

Options are those of the cell space, e.g. channels=16. One thread; CPU time, so that a busy machine matters little.
"""

import ast
import resource
import sys
from collections.abc import Callable
from statistics import median
from time import process_time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from evonas.supernet.optimizers import Batch, LogitLearner, WeightLearner, data_loss, first_references
from evonas.supernet.proxyless import CostTerm
from evonas.supernet.settings import METHODS, ProxylessSettings, RelaxedSettings
from evonas.supernet.steps import GatedStep, PathStep, RelaxedStep, Step, StepContext
from evonas.types import Task
from search_spaces.cell.space import create

REPEATS = 9
torch.set_num_threads(1)
options = {name: ast.literal_eval(value) for name, _, value in (argument.partition("=") for argument in sys.argv[1:])}
task = Task("classification", (1, 28, 28), 10)
space = create(task, options)
choices, n_operations = space.choices, len(space.choices.operations)
generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
one, other = (Batch(torch.randn(64, 1, 28, 28, generator=generator), torch.arange(64) % 10) for _ in range(2))


class Recorder(WeightLearner):
    """Learner that records the architectures that were run."""

    arches: tuple[Tensor, ...] = ()

    def loss(self, batch: Batch, arch: Tensor, mix: Tensor | None = None) -> Tensor:
        self.arches = (*self.arches, arch.detach())
        return super().loss(batch, arch, mix)


def milliseconds(action: Callable[[], object]) -> float:
    begin = process_time()
    action()
    return 1e3 * (process_time() - begin)


def make(name: str, **changes: object) -> tuple[Recorder, Callable[[], object]]:
    """Return a step in the middle of a method's training, after it has run once."""
    settings = METHODS[name](**changes)
    learner, hypernet = Recorder(space.supernet(0), choices, task, settings), settings.hypernet(n_operations)
    logits = LogitLearner(first_references(hypernet.n_references, choices, generator), 1e-3)
    step: Step
    if isinstance(settings, RelaxedSettings):
        step = RelaxedStep(learner, logits, choices, hypernet, settings)
    elif isinstance(settings, ProxylessSettings):
        step = GatedStep(learner, logits, settings, CostTerm(choices.costs["flops"], 1e6))
    else:
        step = PathStep(learner, space, settings)

    def run() -> None:
        learner.arches = ()
        step(one, lambda: other, StepContext(0.5, rng, generator))

    run()
    return learner, run


def discrete(arch: Tensor) -> float:
    """Measure one training step of the network of a one-hot architecture; the better of two, since it is fresh."""
    network = space.compile(space.discretize(arch.numpy())).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)

    def step() -> None:
        optimizer.zero_grad()
        data_loss(network(one.x), one.y, task).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    return min(milliseconds(step) for _ in range(2))


def paths(arch: Tensor) -> list[Tensor]:
    """Return the one-hot architectures that a pass has run together."""
    order, n_run = arch.argsort(1, descending=True), int((arch != 0).sum(1).max())
    return [torch.nn.functional.one_hot(order[:, i], n_operations).float() for i in range(n_run)]


def peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}"


table = Table("step", "CPU ms", "relative to", "ratio", "at most", "peak memory so far, MB")
for name, most in {"spos": "1.3", "fairnas": "1.3", "gdas": "1.3", "proxyless": "1.3"}.items():
    learner, run = make(name)
    times, ratios = [], []
    for _ in range(REPEATS):
        times.append(milliseconds(run))
        ratios.append(times[-1] / sum(discrete(path) for arch in learner.arches for path in paths(arch)))
    table.add_row(name, f"{median(times):.0f}", "discrete steps of its paths", f"{median(ratios):.2f}", most, peak())

first, run_first = make("hypernet-scalar")
second, run_second = make("hypernet-scalar", order=2)
nothing = torch.zeros(choices.n_choices, n_operations)
alone = [nothing.clone().index_fill_(1, torch.tensor([column]), 1.0) for column in range(n_operations)]
rows: list[tuple[float, float, float]] = []
for _ in range(REPEATS):
    fixed, *own = (milliseconds(lambda a=arch: first.step([first.loss(one, a)], 0.5)) for arch in (nothing, *alone))
    rows.append((milliseconds(run_first), fixed + sum(time - fixed for time in own), milliseconds(run_second)))
firsts, owns, seconds = zip(*rows, strict=True)
ratio = median(time / (2 * own) for time, own in zip(firsts, owns, strict=True))
table.add_row("first order", f"{median(firsts):.0f}", "its operations alone, twice", f"{ratio:.2f}", "1.3", peak())
ratio = median(b / a for a, b in zip(firsts, seconds, strict=True))
table.add_row("second order", f"{median(seconds):.0f}", "first order", f"{ratio:.2f}", "3.2", peak())
Console(width=110).print(table)
