"""Priors on structure: log densities of relaxed choices before any data are seen.

The formulas are those of "parameter relevance" (Taranov, Bakhteev and Strijov). A prior is used as ``-log P`` in the
loss of the architecture; it acts on points of the simplex and on the logits behind them, never on both at once.

This module also has remedies against the collapse of a differentiable search into skip connections: skips help the
training of the supernet itself, regardless of the wanted network, so their logits outgrow the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from torch import Tensor

from evonas.supernet.settings import PriorName

#: Function from logits and rows of ``arch``, both ``(n_choices, n_operations)``, to a scalar: minus a log density up to
#: a constant.
Prior: TypeAlias = Callable[[Tensor, Tensor], Tensor]

#: Distance of points of the simplex from its faces, where the densities have poles.
SIMPLEX_MARGIN = 1e-6


def gumbel_softmax_log_density(gamma: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Compute the log density of the Gumbel-softmax distribution (Jang 2016), shape ``(...)``.

    Jang 2016: https://arxiv.org/abs/1611.01144.

    Args:
        gamma: Points of the simplex, ``(..., k)``.
        logits: Unnormalised log-probabilities, ``(k,)`` or ``(..., k)``.
        temperature: Positive.
    """
    k, log_gamma = gamma.shape[-1], gamma.clamp_min(SIMPLEX_MARGIN).log()
    tilted = logits - temperature * log_gamma
    constant = math.lgamma(k) + (k - 1) * math.log(temperature)
    return constant - k * tilted.logsumexp(-1) + (tilted - log_gamma).sum(-1)


def dirichlet_log_density(gamma: Tensor, concentration: Tensor) -> Tensor:
    """Compute the log density of the Dirichlet distribution, shape ``(...)``.

    Args:
        gamma: Points of the simplex, ``(..., k)``.
        concentration: Positive, ``(k,)``; below 1 it favours the faces of the simplex.
    """
    constant = concentration.sum().lgamma() - concentration.lgamma().sum()
    return constant + ((concentration - 1) * gamma.clamp_min(SIMPLEX_MARGIN).log()).sum(-1)


def entropy(logits: Tensor) -> Tensor:
    """Entropy of all rows together in nats, a scalar; logits are ``(..., k)``."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum()


def entropy_penalty(logits: Tensor, target: float) -> Tensor:
    """Compute ``(target - sum of the rows' entropies)**2`` in nats squared, a stable way to ask for definite choices.

    Args:
        logits: ``(n_choices, n_operations)``.
        target: Entropy of all rows together, in nats.
    """
    return (target - entropy(logits)).square()


def make_prior(name: PriorName, parameter: float) -> Prior:
    """Return a prior with the same law for every row.

    Args:
        name: The law.
        parameter: ``"dirichlet"``: the concentration of every operation; ``"gumbel-softmax"``: the temperature, with
            equal probabilities of the operations (above ``1 / (n_operations - 1)`` the density prefers the middle of
            the simplex, below its vertices); ``"entropy"``: the wanted share of the largest possible entropy.
    """
    kinds: dict[PriorName, Callable[..., Tensor]] = {
        "dirichlet": _dirichlet, "gumbel-softmax": _gumbel_softmax, "entropy": _entropy
    }
    return partial(kinds[name], parameter=parameter)


def _dirichlet(logits: Tensor, arch: Tensor, *, parameter: float) -> Tensor:
    return -dirichlet_log_density(arch, torch.full(arch.shape[-1:], parameter)).sum()


def _gumbel_softmax(logits: Tensor, arch: Tensor, *, parameter: float) -> Tensor:
    return -gumbel_softmax_log_density(arch, torch.zeros(arch.shape[-1]), parameter).sum()


def _entropy(logits: Tensor, arch: Tensor, *, parameter: float) -> Tensor:
    n_choices, n_operations = logits.shape
    return entropy_penalty(logits, parameter * n_choices * math.log(n_operations))


def with_auxiliary_skip(arch: Tensor, skip: int | None, progress: float) -> Tensor:
    """Add ``1 - progress`` to the skip of each row: training then needs no skip of the architecture's own (DARTS-).

    Chu 2020, https://arxiv.org/abs/2009.01027.

    Args:
        arch: Rows, ``(n_choices, n_operations)``.
        skip: Column of the skip; None if there is no such operation, and nothing is added.
        progress: Completed share of the training, from 0 to below 1.
    """
    if skip is None:
        return arch
    auxiliary = torch.zeros(arch.shape[-1])
    auxiliary[skip] = 1.0 - progress
    return arch + auxiliary


def beta_decay(logits: Tensor) -> Tensor:
    """Return the mean over the rows of ``logsumexp(logits)``, to be added to the validation loss (beta-DARTS).

    It keeps the softmax from growing sharp too early. Ye 2022, https://arxiv.org/abs/2203.01665.
    """
    return logits.logsumexp(-1).mean()
