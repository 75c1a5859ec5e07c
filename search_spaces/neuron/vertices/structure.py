"""Parameters that are learned beside the weights: logits of the simplices, and a decay for each function's weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from evonas.supernet.priors import entropy, make_prior
from evonas.supernet.relaxation import RELAXATIONS, gumbel_noise
from evonas.supernet.settings import PriorName, RelaxationName

#: Bounds of a decay: below the first it does nothing in any training, beyond the second a step of SGD would overshoot.
LEAST_DECAY, MOST_DECAY = 1e-8, 1.0


class Structure:
    """One vector of numbers: an optimiser's leaf, from which gammas and decays are read.

    Args:
        sizes: Pairs of every vertex.
        n_decays: Functions that have weights.
        first_decay: First decay of each function.
        generator: Generator of the logits, near 0.

    Attributes:
        values: Logits, then the logarithms of the decays, ``(sum(sizes) + n_decays,)``.
    """

    def __init__(self, sizes: Sequence[int], n_decays: int, first_decay: float, generator: torch.Generator) -> None:
        self._sizes, self._n_logits = list(sizes), sum(sizes)
        logits = 1e-3 * torch.randn(self._n_logits, generator=generator)
        self.values = torch.cat([logits, torch.full((n_decays,), math.log(first_decay))])

    @property
    def logits(self) -> tuple[Tensor, ...]:
        """Logits of every vertex, ``(n_pairs,)`` each."""
        return torch.split(self.values[: self._n_logits], self._sizes)

    @property
    def gammas(self) -> list[Tensor]:
        """The most probable shares, without noise."""
        return [logits.softmax(-1) for logits in self.logits]

    @property
    def decays(self) -> Tensor:
        """The diagonal of A, one entry for the weights of each function, ``(n_decays,)``."""
        return self.values[self._n_logits :].exp()

    def noise(self, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Gumbel noise for :meth:`relax`, a tensor a vertex."""
        return torch.split(gumbel_noise((self._n_logits,), generator), self._sizes)

    def relax(self, name: RelaxationName, temperature: float, noise: Sequence[Tensor]) -> list[Tensor]:
        """Gammas, differentiable in :attr:`values`.

        Args:
            name: Name of the relaxation.
            temperature: Temperature of the relaxation.
            noise: Result of :meth:`noise`.
        """
        pairs = zip(self.logits, noise, strict=True)
        return [RELAXATIONS[name](logits, temperature, each) for logits, each in pairs]

    @torch.no_grad()
    def keep_bounds(self) -> None:
        """Put decays that have left their bounds back."""
        self.values[self._n_logits :].clamp_(math.log(LEAST_DECAY), math.log(MOST_DECAY))

    def freeze_decays(self, gradient: Tensor) -> Tensor:
        """A gradient at :attr:`values` that moves no decay."""
        return torch.cat([gradient[: self._n_logits], torch.zeros_like(gradient[self._n_logits :])])


def weight_penalty(weights: Sequence[Tensor], decays: Tensor) -> Tensor:
    """``1/2 w^T A w`` with a diagonal A that is one number for each of the weights."""
    squares = torch.stack([weight.square().sum() for weight in weights])
    return 0.5 * (decays.to(squares.device) * squares).sum()


def structure_penalty(
    name: PriorName, parameter: float, logits: Sequence[Tensor], gammas: Sequence[Tensor]
) -> Tensor:
    """Minus the log prior of the gammas of all vertices, but for a constant.

    Args:
        name: ``"dirichlet"`` and ``"gumbel-softmax"`` are densities of each vertex' gamma; ``"entropy"`` is the square
            of what the entropies of all vertices together miss of the wanted share of the largest there is.
        parameter: See :func:`evonas.supernet.priors.make_prior`.
        logits, gammas: Logits and gammas of every vertex, ``(n_pairs,)`` each.
    """
    if name == "entropy":
        target = parameter * sum(math.log(len(each)) for each in logits)
        return (target - torch.stack([entropy(each) for each in logits]).sum()).square()
    prior = make_prior(name, parameter)
    return torch.stack([prior(one[None], other[None]) for one, other in zip(logits, gammas, strict=True)]).sum()
