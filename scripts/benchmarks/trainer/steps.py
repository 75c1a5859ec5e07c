"""Training steps of all backends, ready to be timed.

Each does the recipe's step: forward with LayerNorm, gains, biases and ReLU, softmax cross-entropy, backward, AdamW with
a constant learning rate. Formats under autograd read ready batches in order; trainers fetch and shuffle their batches
themselves. The set-up of a training run (compiling the network; packing the inputs, once for a data set) is not
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from time import perf_counter, process_time
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from evonas.data.samples import Splits
from evonas.training import Recipe, Stop
from search_spaces.neuron.trainer.base import Assignment, Network, TrainedNetwork, Trainer
from search_spaces.neuron.trainer.native import NativeTrainer, available
from search_spaces.neuron.trainer.sample_order import n_batches
from search_spaces.neuron.trainer.torch_backend import TorchTrainer

from .formats import torch_module
from .packages import INSTALL, package_module

REFERENCE = "masked_dense"
#: Backends in the order in which they are printed. ``dense_layer`` and ``embedding_bag`` are the torch trainer's two
#: products.
BACKENDS = (REFERENCE, "dense_layer", "csr", "torch_sparse", "padded_gather", "embedding_bag", "native")

#: Steps that are tried before a number of threads is chosen.
TRIAL_STEPS = 5


def clock(threads: int) -> float:
    """Return seconds; of the processor if one thread works, so that other programs on the machine do not count."""
    return process_time() if threads == 1 else perf_counter()


class Steps(Protocol):
    """Backend with a network and data."""

    def seconds(self, n_steps: int) -> float:
        """Return the seconds for one step, measured over at least ``n_steps``."""
        ...


def recipe(batch: int) -> Recipe:
    """Return the recipe of the timed training."""
    return Recipe(batch_size=batch, schedule="constant", warmup=0)


class AutogradSteps:
    """Torch module under autograd with one fused AdamW.

    Args:
        module: The network.
        splits: The samples.
        batch: Samples of a batch.
        threads: Threads of linear algebra; one is used if a trial shows that it is faster (small products gain nothing
            by more, and on a busy machine they lose much).
        shuffled: Gather the samples of a batch from all the data; otherwise batches are ready, one after the other.
    """

    def __init__(
        self, module: nn.Module, splits: Splits, batch: int, threads: int, *, shuffled: bool = False
    ) -> None:
        self.module = module
        self._x, self._y = torch.from_numpy(splits.train.flat), torch.from_numpy(splits.train.y)
        self._order = torch.randperm(len(self._x)) if shuffled else None
        self._starts = range(0, len(self._x), batch)
        self._clock = partial(clock, threads)
        self._n_done = 0
        settings = recipe(batch)
        decayed = [p for name, p in module.named_parameters() if "weight" in name]
        others = [p for name, p in module.named_parameters() if "weight" not in name]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        self._threads = 1
        if threads > 1:
            self._threads = min((1, threads), key=self._trial)

    def _trial(self, threads: int) -> float:
        """Return the median seconds of a few steps on this number of threads."""
        self._threads = threads
        return median(self.seconds(1) for _ in range(TRIAL_STEPS))

    def seconds(self, n_steps: int) -> float:
        torch.set_num_threads(self._threads)
        begin = self._clock()
        for _ in range(n_steps):
            x, y = self._batch()
            self._optimizer.zero_grad()
            cross_entropy(self.module(x), y).backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return (self._clock() - begin) / n_steps

    def _batch(self) -> tuple[Tensor, Tensor]:
        n = self._n_done % len(self._starts)
        self._n_done += 1
        rows = slice(self._starts[n], self._starts[n] + self._starts.step)
        if self._order is not None:
            return self._x[self._order[rows]], self._y[self._order[rows]]
        return self._x[rows], self._y[rows]


class TrainerSteps:
    """Trainer of the neuron space; with several threads as many candidates train at once, and a step is one of any.

    A trainer trains whole epochs, so at least one is timed; the time of a run of 0 epochs is subtracted.

    Args:
        trainer: The trainer.
        network: The network.
        splits: The samples.
        batch: Samples of a batch.
        threads: Candidates at once.
    """

    def __init__(self, trainer: Trainer, network: Network, splits: Splits, batch: int, threads: int) -> None:
        self._trainer, self._network, self._splits, self._threads = trainer, network, splits, threads
        self._recipe = recipe(batch)
        self._n_batches = n_batches(len(splits.train), batch)

    def seconds(self, n_steps: int) -> float:
        epochs = -(-n_steps // self._n_batches)
        with ThreadPoolExecutor(self._threads) as pool:
            elapsed = self._time(epochs, pool) - self._time(0, pool)
        return elapsed / (epochs * self._n_batches * self._threads)

    def train(self, epochs: int) -> TrainedNetwork:
        """Train one candidate."""
        return self._trainer.train(Assignment(self._network, self._recipe, epochs, 0, Stop()), self._splits)

    def _time(self, epochs: int, pool: ThreadPoolExecutor) -> float:
        begin = clock(self._threads)
        for future in [pool.submit(self.train, epochs) for _ in range(self._threads)]:
            future.result()
        return clock(self._threads) - begin


def steps_of(backend: str, network: Network, splits: Splits, *, batch: int, threads: int) -> Steps | None:
    """Return a backend of :data:`BACKENDS`, or a package of others; None if it cannot take part.

    Args:
        backend: Name of the backend.
        network: The network.
        splits: The samples.
        batch: Samples of a batch.
        threads: Threads, or candidates at once.
    """
    trainer: Trainer
    if backend == "native":
        if not available():
            return None
        trainer = NativeTrainer()
    elif backend in ("dense_layer", "embedding_bag"):
        product: Literal["dense", "embedding_bag"] = "dense" if backend == "dense_layer" else "embedding_bag"
        trainer = TorchTrainer(product)
    else:
        module = package_module(backend, network) if backend in INSTALL else torch_module(backend, network, batch)
        return None if module is None else AutogradSteps(module, splits, batch, threads)
    return TrainerSteps(trainer, network, splits, batch, threads)


def all_steps(
    network: Network, splits: Splits, *, batch: int, threads: int, backends: Sequence[str]
) -> dict[str, Steps]:
    """Return the backends that can take part, by name.

    Args:
        network: The network.
        splits: The samples.
        batch: Samples of a batch.
        threads: Threads, or candidates at once.
        backends: Names of the backends.
    """
    found = {name: steps_of(name, network, splits, batch=batch, threads=threads) for name in backends}
    return {name: steps for name, steps in found.items() if steps is not None}
