"""Gates of a network in training, and the strength of the prior that closes them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from evonas.types import Ints
from search_spaces.neuron.gates.priors import Prior
from search_spaces.neuron.trainer.torch_backend.learner import adam_step

#: Log-odds at the start: nearly open, but the gradient has not vanished.
FIRST_LOGIT = 2.0
#: Adam's rate for the logits, and the distance that a logit must be able to move in a short training.
RATE, WAY = 0.05, 16.0
#: Ratio of the prior's force on the gates to that of the data at the start.
FIRST_SHARE = 0.1
#: Gains of the controller, per step. Measured: the open gates follow the wanted number within a factor of 1.5, which
#: matters little, since networks are read off at the actual number and not at the wanted one.
PROPORTIONAL, INTEGRAL = 1.0, 0.02
#: Log of the largest strength: with it the data have no influence, and larger strengths would overflow in the end.
MOST = math.log(1e3)


class Gates:
    """Logits of the gates of all edges, under an Adam of their own.

    Args:
        n_edges: Number of edges.
        prior: Distribution and cost of gates.
        n_steps: Calls of :meth:`step` to come.
        seed: Seed of the samples.
    """

    def __init__(self, n_edges: int, prior: Prior, *, n_steps: int, seed: int) -> None:
        self._prior = prior
        self._state = torch.zeros(3, n_edges)  # logits, first moments, second moments
        self._state[0] = FIRST_LOGIT
        self._rate = max(RATE, WAY / n_steps)
        self._n_steps_done = 0
        self._strength: Strength | None = None
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def expected(self) -> Tensor:
        """Return the expected gates, which replace samples once none are drawn, ``(n_edges,)``."""
        return self._prior.expected_gates(self._state[0])

    @property
    def open_probability(self) -> Tensor:
        """Return the probability that each gate is open, ``(n_edges,)``."""
        return self._prior.open_probability(self._state[0])

    @property
    def n_open(self) -> float:
        """Return the expected number of open gates."""
        return float(self.open_probability.sum())

    def sample(self) -> Tensor:
        """Draw relaxed gates, ``(n_edges,)``."""
        return self._prior.gates(self._state[0], self._generator)

    def keep(self, index: Ints) -> None:
        """Continue with the gates of some edges only."""
        self._state = self._state[:, torch.from_numpy(index)]

    def step(self, loss_gradient: Callable[[Tensor], Tensor], wanted: float) -> None:
        """Update the logits, then the strength of the prior.

        Args:
            loss_gradient: Gradient of the loss on the data at a sample of the gates.
            wanted: Wanted number of open gates; the prior grows stronger if more are open.
        """
        with torch.enable_grad():
            logits = self._state[0].clone().requires_grad_()
            gates = self._prior.gates(logits, self._generator)
            penalty = self._prior.penalty(logits, gates).sum()
        (prior_force,) = torch.autograd.grad(penalty, logits, retain_graph=True)
        (data_force,) = torch.autograd.grad(gates, logits, loss_gradient(gates.detach()))
        if self._strength is None:
            ratio = float(data_force.square().mean().sqrt() / prior_force.square().mean().sqrt())
            self._strength = Strength(FIRST_SHARE * ratio)
        adam_step(self._state, data_force.add_(prior_force, alpha=self._strength.value), self._rate, self._n_steps_done)
        self._n_steps_done += 1
        self._strength.follow(self.n_open / wanted)


class Strength:
    """Weight of the prior, set by a PI controller on its logarithm, so that a wanted number of gates is open.

    A fixed strength would have to be found anew for every prior, data set and size of network.
    """

    def __init__(self, first: float) -> None:
        self._log = math.log(max(first, 1e-12))
        self._last_error = 0.0

    @property
    def value(self) -> float:
        return math.exp(self._log)

    def follow(self, excess: float) -> None:
        """Update the strength by the ratio of open gates to the wanted number."""
        error = math.log(excess)
        self._log = min(self._log + PROPORTIONAL * (error - self._last_error) + INTEGRAL * error, MOST)
        self._last_error = error
