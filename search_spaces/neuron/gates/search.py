"""Bilevel training of weights and gates, and the networks that are read off during it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from evonas.data.samples import Splits
from evonas.training import Recipe, Stop
from evonas.training.device import current
from evonas.types import Floats, Ints
from search_spaces.neuron.gates.discretize import discretize, relevance
from search_spaces.neuron.gates.gates import Gates
from search_spaces.neuron.gates.priors import PRIORS, Prior, PriorName
from search_spaces.neuron.genotype import connected
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.checks import check_batch
from search_spaces.neuron.trainer.sample_order import n_batches, sample_order
from search_spaces.neuron.trainer.torch_backend.batches import Problem, pieces, problem
from search_spaces.neuron.trainer.torch_backend.learner import Learner
from search_spaces.neuron.trainer.torch_backend.propagation import compile_network
from search_spaces.neuron.trainer.torch_backend.rewiring import Rewired

#: Share of the training in which all gates are open, since the relevance of random weights means nothing; the wanted
#: number of open gates falls until the second share.
WARM_UP, FALL_END = 0.15, 0.95
#: Probability of being open below which edges are removed for good. Only removal makes the training faster.
CLOSED = 0.01
#: They leave together, at multiples of these steps and where they are at least this share, since the network is
#: compiled anew then.
SHRINK_EVERY, SHRINK_SHARE = 50, 0.1
#: This multiple of the edges of the next network stays in any case.
RESERVE = 2


class Selection(NamedTuple):
    """The result of a search.

    Attributes:
        networks: The networks, one for each number of edges.
        edge_updates: Connected edges times training samples seen, by weights and by gates, as in
            :class:`evonas.training.Trained`.
    """

    networks: list[Network]
    edge_updates: float


@torch.no_grad()
def select(
    network: Network, splits: Splits, recipe: Recipe, *, edges: Sequence[int], epochs: int, seed: int, stop: Stop,
    report: Callable[[int, float], None] = lambda epoch, loss: None, prior: PriorName = "dirichlet",
    teacher: Floats | None = None,
) -> Selection:
    """The most relevant sub-networks of a network, one for each number of edges, from one training.

    Weights learn on one half of ``splits.train`` and gates on the other, step by step (bilevel, first order). After a
    warm-up the prior grows stronger so that the number of open gates falls, by an equal factor a step, from all to the
    smallest number asked for. Whenever it passes a number of ``edges``, the network of the most relevant edges is read
    off; it has not been trained without the others yet. Validation samples are not touched. The result is the same
    for the same arguments and number of torch threads, which is the caller's.

    Args:
        network: The start, dense or nearly so, trained or not. Ties are undone.
        recipe: Recipe of the weights. Its schedule is ignored, since a network that is read off last must still be able
            to adapt: after the warm-up the learning rate is constant. So are dropout, shifts, flips, patience, pruning
            and regrowth.
        edges: Numbers of edges, each at least the number of outputs and at most that of the start.
        epochs: Passes over both halves.
        report: Told after every epoch how many are done, and the mean training loss of the last.
        prior: The prior of the gates, see :data:`search_spaces.neuron.gates.priors.PRIORS`. Measured on Fashion-MNIST
            from 784-120-10, after fine-tuning: the Dirichlet prior is ahead by .2 to .9 points at 1 000 and 2 650
            edges, about equal at 6 600 and 20 700, and the fastest, since its gates need no noise.
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``; weights and gates learn from
            them.

    Returns:
        Networks in the order of ``edges``, connected, each with the number asked for or slightly fewer; and the cost.

    Raises:
        ValueError: An argument is out of range or does not fit the others.
        InvalidGenotype: Some number of edges is too small to connect inputs with outputs.
        FloatingPointError: The loss became infinite or not a number.
        Cancelled, TrialTimeout: ``stop`` asked for it.
    """
    _check(network, splits, edges, epochs, prior, teacher)
    search = _Search(
        network, splits, recipe, PRIORS[prior], edges=edges, epochs=epochs, seed=seed, stop=stop, teacher=teacher
    )
    found = search.run(report)
    return Selection([found[n] for n in edges], search.edge_updates)


class _Search:
    """Training of weights and gates; for its arguments see :func:`select`."""

    def __init__(
        self, network: Network, splits: Splits, recipe: Recipe, prior: Prior, *, edges: Sequence[int], epochs: int,
        seed: int, stop: Stop, teacher: Floats | None,
    ) -> None:
        recipe = replace(recipe, schedule="constant")
        n_samples, n_edges = len(splits.train), network.genotype.n_edges
        self._stop, self._batch_size, self._epochs = stop, recipe.batch_size, epochs
        device = current()  # of the weights; gates, and all that is drawn, are on the CPU
        self._learner = Learner(network, None, recipe, partial(compile_network, device=device), device)
        halving, gating, *self._seeds = np.random.SeedSequence(seed).generate_state(4).tolist()
        order = np.random.default_rng(halving).permutation(n_samples)
        self._samples = problem(splits.train, splits.task, recipe, teacher)
        self._halves = [order[: n_samples // 2], order[n_samples // 2 :]]  # for weights, for gates
        self._n_steps = epochs * n_batches(n_samples // 2, self._batch_size)
        self._rates = recipe.learning_rates(self._n_steps)
        self._first_step = round(WARM_UP * self._n_steps)
        self._gates = Gates(n_edges, prior, n_steps=self._n_steps - self._first_step, seed=gating)
        self._asked = sorted(set(edges), reverse=True)
        falling = np.arange(self._n_steps) / self._n_steps
        progress = np.clip((falling - WARM_UP) / (FALL_END - WARM_UP), 0, 1)
        self._wanted = n_edges * (self._asked[-1] / n_edges) ** progress  # wanted open gates at every step
        self._found: dict[int, Network] = {}
        self._losses: list[float] = []
        self.edge_updates = 0.0

    def run(self, report: Callable[[int, float], None]) -> dict[int, Network]:
        """Return networks by the number of edges asked for."""
        steps_per_epoch = self._n_steps // self._epochs
        for step, (for_weights, for_gates) in enumerate(self._batches()):
            self._stop.check()
            gating = step >= self._first_step
            self._train_weights(for_weights, step, self._gates.sample() if gating else None)
            if gating:
                self._gates.step(partial(self._gate_gradient, for_gates), self._wanted[step])
                self._read_off(step)
                if step % SHRINK_EVERY == SHRINK_EVERY - 1:
                    self._shrink()
            if (step + 1) % steps_per_epoch == 0:
                report((step + 1) // steps_per_epoch, math.fsum(self._losses) / len(self._losses))
                self._losses.clear()
        return self._found

    def _batches(self) -> Iterator[list[Problem]]:
        """Yield a batch of either half for every step."""
        size = self._batch_size
        for epoch in range(self._epochs):
            orders = [
                half[sample_order(len(half), size, seed=seed, epoch=epoch)]
                for half, seed in zip(self._halves, self._seeds, strict=True)
            ]
            for begin in range(0, len(orders[0]), size):
                yield [self._samples.take(order[begin : begin + size]) for order in orders]

    def _gradient(self, batch: Problem, gates: Tensor | None) -> Tensor:
        """Return the flat gradient of the mean loss at the parameters with gated edges (None: all open)."""
        parameters = self._learner.parameters
        if gates is not None:
            parameters = parameters.clone()
            parameters[: len(gates)] *= gates.to(parameters.device)
        loss, gradient = 0.0, torch.zeros_like(parameters)
        for piece in pieces(self._learner.propagation, parameters, batch):
            loss += piece.loss
            gradient += piece.gradient
        if not math.isfinite(loss):
            raise FloatingPointError(f"the training loss became {loss}; lower the learning rate")
        self._losses.append(loss)
        self.edge_updates += float(self._learner.genotype.n_edges) * len(batch.x)
        return gradient

    def _train_weights(self, batch: Problem, step: int, gates: Tensor | None) -> None:
        gradient = self._gradient(batch, gates)
        if gates is not None:
            gradient[: len(gates)] *= gates.to(gradient.device)
        self._learner.step(gradient, float(self._rates[step]), step)

    def _gate_gradient(self, batch: Problem, gates: Tensor) -> Tensor:
        return (self._gradient(batch, gates)[: len(gates)] * self._learner.edge).cpu()

    def _ranking(self) -> Ints:
        gates = self._gates
        tensors = self._learner.edge, gates.expected, gates.open_probability
        return relevance(*(tensor.cpu().numpy() for tensor in tensors))

    def _read_off(self, step: int) -> None:
        """Keep the networks whose numbers of edges the gates have passed; in the last step all that are missing."""
        last = step == self._n_steps - 1
        while self._asked and (last or max(self._gates.n_open, self._wanted[step]) <= self._asked[0]):
            network = self._learner.network()
            gated = replace(network, edge=network.edge * self._gates.expected.numpy())
            n_edges = self._asked.pop(0)
            self._found[n_edges] = discretize(gated, self._ranking(), n_edges)

    def _shrink(self) -> None:
        """Remove closed edges, and those that only closed edges connect."""
        if not self._asked:
            return
        genotype = self._learner.genotype
        stays = self._gates.open_probability.numpy() >= CLOSED
        stays[self._ranking()[: RESERVE * self._asked[0]]] = True
        index = np.flatnonzero(stays)
        index = index[connected(genotype, genotype.edges[index]).edges]
        if self._asked[0] <= len(index) <= (1 - SHRINK_SHARE) * genotype.n_edges:
            self._learner.rewire(Rewired(genotype.edges[index], index))
            self._gates.keep(index)


def _check(
    network: Network, splits: Splits, edges: Sequence[int], epochs: int, prior: PriorName, teacher: Floats | None
) -> None:
    """Raise ``ValueError`` as :func:`select` says.

    Args:
        network, splits, edges, epochs, prior, teacher: Arguments of :func:`select`.
    """
    if prior not in PRIORS:
        raise ValueError(f"prior must be one of {', '.join(PRIORS)}, got {prior!r}")
    check_batch(network, splits.train, splits.task, teacher)
    if len(splits.train) < 2:
        raise ValueError("gates and weights learn on different samples: expected at least 2 for training, got 1")
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, got {epochs}")
    if not edges:
        raise ValueError("edges must name at least one number of edges, got none")
    least, most = network.genotype.n_outputs, network.genotype.n_edges
    for n_edges in edges:
        if not least <= n_edges <= most:
            raise ValueError(
                f"edges must be from {least} (the outputs) to {most} (the edges of the start), got {n_edges}"
            )
