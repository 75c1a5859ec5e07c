"""Relaxed gates and the priors under which they are learned.

A gate multiplies the weight of an edge. Each has one logit, the log-odds of the edge against no edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from evonas.supernet.priors import SIMPLEX_MARGIN, dirichlet_log_density, gumbel_softmax_log_density

PriorName: TypeAlias = Literal["hard-concrete", "gumbel-softmax", "dirichlet"]


class Prior(Protocol):
    """Distribution of gates and cost of open ones; all tensors are ``(n_edges,)``, and differentiable."""

    def gates(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Draw relaxed gates, in [0, 1]."""
        ...

    def penalty(self, logits: Tensor, gates: Tensor) -> Tensor:
        """Return the cost of every gate, up to a constant; ``gates`` is the sample."""
        ...

    def open_probability(self, logits: Tensor) -> Tensor:
        """Return the probability that an edge is there; it grows with the logit."""
        ...

    def expected_gates(self, logits: Tensor) -> Tensor:
        """Return the expected gates, which replace samples once none are drawn."""
        ...


class HardConcrete:
    """Stretched and clipped binary concrete gate, exactly 0 or 1 with positive probability.

    The cost is the expected L0 norm in closed form (Louizos 2017, https://arxiv.org/abs/1712.01312, the source of the
    constants).
    """

    TEMPERATURE, LOW, HIGH = 2 / 3, -0.1, 1.1

    def gates(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        return self._stretched(_concrete(logits, self.TEMPERATURE, generator))

    def penalty(self, logits: Tensor, gates: Tensor) -> Tensor:
        return self.open_probability(logits)

    def open_probability(self, logits: Tensor) -> Tensor:
        return (logits - self.TEMPERATURE * math.log(-self.LOW / self.HIGH)).sigmoid()

    def expected_gates(self, logits: Tensor) -> Tensor:
        return self._stretched(logits.sigmoid())

    def _stretched(self, concrete: Tensor) -> Tensor:
        return (concrete * (self.HIGH - self.LOW) + self.LOW).clamp(0, 1)


class GumbelSoftmax:
    """Edge and null edge from a Gumbel-softmax; the cost is minus the log density of one that favours the null.

    The density of the prior has its temperature above 1, where it has one mode; below, it would reward every open gate
    for opening further, and no strength of the prior would close it. The mode is at ``gates`` with the log-odds
    ``-12 / 2``: a gate that only the prior moves is closed.
    """

    TEMPERATURE = 2 / 3
    PRIOR_LOGITS, PRIOR_TEMPERATURE = (12.0, 0.0), 2.0

    def gates(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        return _concrete(logits, self.TEMPERATURE, generator)

    def penalty(self, logits: Tensor, gates: Tensor) -> Tensor:
        return -gumbel_softmax_log_density(_simplex(gates), torch.tensor(self.PRIOR_LOGITS), self.PRIOR_TEMPERATURE)

    def open_probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def expected_gates(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()


class Dirichlet:
    """Gate that is itself the point on the simplex (null edge, edge); the cost is minus its Dirichlet log density.

    The concentration is below 1 for the edge only: the density has its pole at closed gates.
    """

    CONCENTRATION = (1.0, 0.5)

    def gates(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        return logits.sigmoid()

    def penalty(self, logits: Tensor, gates: Tensor) -> Tensor:
        return -dirichlet_log_density(_simplex(gates), torch.tensor(self.CONCENTRATION))

    def open_probability(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def expected_gates(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()


PRIORS: Mapping[PriorName, Prior] = MappingProxyType(
    {"hard-concrete": HardConcrete(), "gumbel-softmax": GumbelSoftmax(), "dirichlet": Dirichlet()}
)


def _concrete(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Draw the second coordinate of a Gumbel-softmax sample of two: the difference of two Gumbel variables is logistic.

    Args:
        logits: Log-odds, ``(n_edges,)``.
        temperature: Positive.
        generator: Draws the sample.
    """
    uniform = torch.rand(logits.shape, generator=generator).clamp_(SIMPLEX_MARGIN, 1 - SIMPLEX_MARGIN)
    return ((uniform.logit() + logits) / temperature).sigmoid()


def _simplex(gates: Tensor) -> Tensor:
    """Return (null edge, edge) of every gate, ``(n_edges, 2)``."""
    return torch.stack([1 - gates, gates], -1)
