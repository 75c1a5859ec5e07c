"""Parameters and optimiser state of a network in training, and their two kinds of changes: steps and rewiring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.training import Recipe
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.trainer.rounding import Rounding
from search_spaces.neuron.trainer.torch_backend.propagation import Grids, Propagation
from search_spaces.neuron.trainer.torch_backend.rewiring import Rewired, carried, groups_of

BETAS = (0.9, 0.999)
EPSILON = 1e-8
#: Constant that keeps the clipping factor finite; the value of ``torch.nn.utils.clip_grad_norm_``.
CLIP_EPSILON = 1e-6

#: Function that compiles a genotype for passes.
Compile: TypeAlias = Callable[[NeuronGenotype, Norm], Propagation]


def flat_parameters(network: Network, device: torch.device) -> Tensor:
    """Return ``[edge, bias, gain]`` in one tensor, the form that :class:`Propagation` takes."""
    return torch.from_numpy(np.concatenate([network.edge, network.bias, network.gain])).to(device)


def adam_step(state: Tensor, gradient: Tensor, rate: float, step: int) -> None:
    """Take one step of Adam without decay, in place.

    Args:
        state: Parameters, first moments, second moments, ``(3, n)``.
        gradient: ``(n,)``; overwritten.
        rate: Learning rate.
        step: Counted from 0.
    """
    # Adam is written out instead of using torch.optim: the moments must follow the edges when these change, and the
    # constant cost of an optimiser's step exceeds that of these lines up to 100 000 parameters.
    parameters, mean, square = state
    mean.lerp_(gradient, 1 - BETAS[0])
    square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    deviation = torch.sqrt(square, out=gradient)
    deviation.mul_((1 - BETAS[1] ** (step + 1)) ** -0.5).add_(EPSILON)
    parameters.addcdiv_(mean, deviation, value=-rate / (1 - BETAS[0] ** (step + 1)))


class Learner:
    """Flat parameter under Adam, with its frozen and shared entries, and the passes compiled for the present edges.

    Args:
        network: The start.
        frozen: Mask of frozen edges, ``(n_edges,)``; None freezes none.
        recipe: Gives clipping and weight decay.
        compile_network: Compiles a genotype for passes.
        device: Device of all tensors.
        rounding: Grids to which passes round weights and activations; None for none. The edges stay then.
    """

    def __init__(
        self, network: Network, frozen: NDArray[np.bool_] | None, recipe: Recipe, compile_network: Compile,
        device: torch.device, rounding: Rounding | None = None,
    ) -> None:
        self.norm = network.norm
        self.frozen = np.zeros(network.genotype.n_edges, bool) if frozen is None else frozen
        self._recipe = recipe
        self._compile = compile_network
        self._device = device
        self._grids = None if rounding is None else Grids(rounding, device)
        parameters = flat_parameters(network, device)
        self._adopt(network.genotype, torch.stack([parameters, *torch.zeros(2, len(parameters), device=device)]))
        self._average_groups()

    @property
    def edge(self) -> Tensor:
        """View of the edge weights, ``(n_edges,)``."""
        return self.parameters[: self.genotype.n_edges]

    def network(self) -> Network:
        """Return a copy of the present state, with the weights that passes see."""
        parts = self.propagation.split(self.parameters)
        edge, bias, gain = (part.cpu().numpy().copy() for part in (self.propagation.rounded(parts[0]), *parts[1:]))
        return Network(self.genotype, edge, bias, gain, self.norm)

    def step(self, gradient: Tensor, rate: float, step: int) -> None:
        """Update the parameters in place.

        Args:
            gradient: Flat, as the parameters; overwritten.
            rate: Learning rate.
            step: Counted from 0 over the whole training.
        """
        n_edges, recipe = self.genotype.n_edges, self._recipe
        edge_gradient = gradient[:n_edges]
        edge_gradient *= self._trained
        if len(self._shared):
            gradient[self._shared] = self._group_sums(gradient)[self._group]
        if recipe.clip_norm is not None:
            norm = float((gradient.square() * self._share).sum().sqrt())
            gradient *= min(1.0, recipe.clip_norm / (norm + CLIP_EPSILON))
        if recipe.optimizer == "adamw":
            self.edge.addcmul_(self.edge, self._trained, value=-rate * recipe.weight_decay)
        else:
            edge_gradient.addcmul_(self.edge, self._trained, value=recipe.weight_decay)
        adam_step(self._state, gradient, rate, step)

    def rewire(self, rewired: Rewired) -> None:
        """Continue with other edges; new ones start with weight and moments 0, dead neurons leave."""
        genotype, columns, self.frozen = carried(self.genotype, self.frozen, rewired)
        state = torch.nn.functional.pad(self._state, (0, 1))
        self._adopt(genotype, state.index_select(1, torch.from_numpy(columns).to(self._device)))

    def release(self) -> None:
        """End all sharing: every edge and every neuron continues with parameters of its own and its group's moments."""
        self._adopt(self.genotype.untied, self._state)

    def _adopt(self, genotype: NeuronGenotype, state: Tensor) -> None:
        """Take over a structure and the rows (parameters, first moments, second moments) of its state."""
        self.genotype = genotype
        self.propagation = self._compile(genotype, self.norm)
        self.propagation.grids = self._grids
        self._state = state
        self.parameters: Tensor = state[0]
        self._trained = torch.from_numpy((~self.frozen).astype(np.float32)).to(self._device)
        groups = groups_of(genotype, self.frozen)
        shared = np.flatnonzero(groups >= 0)
        group, counts = np.unique(groups[shared], return_inverse=True, return_counts=True)[1:]
        self._shared, self._group = (torch.from_numpy(a.astype(np.int64)).to(self._device) for a in (shared, group))
        self._n_members = torch.from_numpy(counts.astype(np.float32)).to(self._device)
        self._share = torch.ones_like(self.parameters)  # weights in the gradient's norm: a group counts once
        self._share[self._shared] = 1 / self._n_members[self._group]

    def _group_sums(self, values: Tensor) -> Tensor:
        return torch.zeros_like(self._n_members).index_add_(0, self._group, values[self._shared])

    def _average_groups(self) -> None:
        self.parameters[self._shared] = (self._group_sums(self.parameters) / self._n_members)[self._group]
