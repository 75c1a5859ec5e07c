"""Passes that train nothing: outputs of many networks, and what one network's gradients are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from evonas.training import Recipe
from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.trainer.cuda.population import Population
from search_spaces.neuron.trainer.cuda.problem import Problem, Steps, plain_steps
from search_spaces.neuron.trainer.cuda.structure import Piece, pack


def population_of(pieces: list[Piece], flat: list[Floats], norm: Norm, lanes: int, device: torch.device) -> Population:
    """Networks on the device, with moments of 0.

    Args:
        pieces: Their structures.
        flat: Flat parameters of each.
        norm: Their norm.
        lanes: See :class:`Population`.
        device: The device.
    """
    structure = pack(pieces)
    packed = np.zeros(structure.n_parameters, np.float32)
    for places, own in zip(structure.places, flat, strict=True):
        packed[places] = own
    state = torch.zeros(3, structure.n_parameters, device=device)
    state[0].copy_(torch.from_numpy(packed))
    return Population(structure, norm, state, lanes)


def predicted(population: Population, problem: Problem) -> Tensor:
    """Outputs of all samples before softmax, ``(n_candidates, n_outputs, n)``."""
    n_candidates = len(population.structure.pieces)
    outputs: list[Tensor] = []
    steps = plain_steps(n_candidates, np.arange(problem.n), population.lanes, population.state.device)
    for begin in range(0, problem.n, population.lanes):
        population.forward(problem, steps)
        outputs.append(population.outputs(min(population.lanes, problem.n - begin)).clone())
        steps.now.add_(1)
    return torch.cat(outputs, 2)


class Passed(NamedTuple):
    """One network after a pass over some samples, ``n`` of them.

    Attributes:
        h: Activations of all neurons, ``(n_neurons, n)``.
        delta: Gradient of the mean loss at the weighted sums, ``(n_hidden + n_outputs, n)``.
        gradient: Gradient of the flat parameters in the network's own order, what is shared not yet summed.
        loss: Sum of the losses.
    """

    h: Tensor
    delta: Tensor
    gradient: Tensor
    loss: float


def passed(population: Population, problem: Problem, order: Ints, recipe: Recipe, *, divisor: int) -> Passed:
    """Pass samples, at most as many as there are lanes, through a population of one, with its gradients.

    Args:
        population: The network.
        problem: The samples.
        order: Those that pass, ``(n,)``.
        recipe: Its label smoothing and the teacher's weight.
        divisor: Samples of the mean loss.
    """
    device, structure = population.state.device, population.structure
    steps: Steps = plain_steps(
        1, order, len(order), device, smoothing=[recipe.label_smoothing], teacher_weight=[recipe.teacher_weight]
    )
    population.forward(problem, steps)
    population.backward(problem, steps, divisor=divisor)
    inputs = problem.x[:, torch.from_numpy(order).to(device)]
    h = torch.cat([inputs, population.h[structure.n_input_rows :, : len(order)]])
    gradient = population.gradient[torch.from_numpy(structure.places[0]).to(device)]
    return Passed(h, population.d[:, : len(order)].clone(), gradient, float(steps.loss))
