"""Relaxations of a categorical choice: from architecture logits to the rows of a supernet's ``arch``.

Logits are unconstrained; ``softmax(logits)`` are the probabilities of the operations. All functions are differentiable
in the logits, and pure: noise is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor, nn

from evonas.supernet.settings import RelaxationName

#: Function from logits, temperature and noise to rows of ``arch``.
Relaxation: TypeAlias = Callable[[Tensor, float, Tensor], Tensor]


def temperature(progress: float, first: float = 1.0, last: float = 0.2) -> float:
    """Linear in the share of the training that is done, which unlike the epoch's number cannot drive it below 0.

    Args:
        progress: Part of the training that is done, from 0 to 1.
        first: Temperature at 0.
        last: Temperature at 1.
    """
    return first + (last - first) * progress


def gumbel_noise(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Draw standard Gumbel variables: minus the logarithms of exponential ones."""
    tiny = torch.finfo(torch.float32).tiny
    return -torch.empty(*shape).exponential_(generator=generator).clamp_min_(tiny).log_()


def softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """Return the mean choice (DARTS, Liu 2019, https://arxiv.org/abs/1806.09055).

    Args:
        logits: ``(..., n_operations)``.
        temperature: Not used.
        noise: Not used.
    """
    return logits.softmax(-1)


def gumbel_softmax(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """Return a relaxed sample (Jang 2016, https://arxiv.org/abs/1611.01144).

    At every temperature its largest entry is operation j with probability ``softmax(logits)[j]``; as the temperature
    falls to 0 it becomes a one-hot sample.

    Args:
        logits: ``(..., n_operations)``.
        temperature: Positive.
        noise: Standard Gumbel variables of the shape of ``logits``.
    """
    return ((logits + noise) / temperature).softmax(-1)


def straight_through(logits: Tensor, temperature: float, noise: Tensor) -> Tensor:
    """Return a one-hot sample with the gradient of the relaxed one (GDAS, Dong 2019, https://arxiv.org/abs/1910.04465).

    The zeros are exact, so that a supernet runs one operation of each row.

    Args:
        logits: ``(..., n_operations)``.
        temperature: Positive.
        noise: Standard Gumbel variables of the shape of ``logits``.
    """
    soft = gumbel_softmax(logits, temperature, noise)
    hard = nn.functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype)
    return hard + (soft - soft.detach())


RELAXATIONS: Mapping[RelaxationName, Relaxation] = MappingProxyType(
    {"softmax": softmax, "gumbel-softmax": gumbel_softmax, "straight-through": straight_through}
)
