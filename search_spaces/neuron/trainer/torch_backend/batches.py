"""Samples and targets in batches of any size, and the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from evonas.data.samples import Samples
from evonas.training import Recipe
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.trainer.torch_backend.propagation import Activations, Propagation

#: Samples of a pass; larger batches are passed in pieces. Beyond it the rows that embedding_bag gathers leave the
#: cache: with 1024 samples it was measured at three times the time per sample, while the dense product gains a tenth.
CHUNK = 256


@dataclass(frozen=True)
class Problem:
    """Samples with the targets that the loss compares with.

    Attributes:
        x: ``(n, n_inputs)``.
        target: Class probabilities or regression targets, ``(n, n_outputs)``.
        weight: Factors of the samples' losses, ``(n,)``; None is 1.
        mask: Factors of the activations of hidden neurons, ``(n, n_hidden)``; None is 1.
    """

    x: Floats
    target: Floats
    kind: Literal["classification", "regression"]
    weight: Floats | None = None
    mask: Floats | None = None

    def take(self, index: Ints) -> Problem:
        """Return some of the samples."""
        weight = None if self.weight is None else self.weight[index]
        return Problem(self.x[index], self.target[index], self.kind, weight)


def problem(samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None) -> Problem:
    """The training problem: labels are smoothed, and what a teacher says of the samples is mixed into the targets.

    Args:
        samples: The inputs and targets.
        task: Their task.
        recipe: Its label smoothing and the teacher's weight.
        teacher: Outputs of a teacher for the samples, ``(n, n_outputs)``.
    """
    if task.kind == "regression":
        target = np.asarray(samples.y, np.float32)
    else:
        target = np.full((len(samples), task.n_outputs), recipe.label_smoothing / task.n_outputs, np.float32)
        target[np.arange(len(samples)), samples.y] += np.float32(1 - recipe.label_smoothing)
    if teacher is not None:
        share = np.float32(recipe.teacher_weight)
        target = (1 - share) * target + share * teacher
    return Problem(samples.flat, target, task.kind, samples.weight)


class Piece(NamedTuple):
    """Results of a pass over some of a batch's samples; loss and gradients are divided by the size of the whole batch.

    Attributes:
        gradient: Flat, as the parameters.
        delta: Gradient at the weighted sums, ``(n_hidden + n_outputs, n)``.
    """

    loss: float
    gradient: Tensor
    delta: Tensor
    activations: Activations


def pieces(propagation: Propagation, parameters: Tensor, batch: Problem) -> Iterator[Piece]:
    """Yield passes over a batch, at most :data:`CHUNK` samples at a time.

    Args:
        propagation: The compiled genotype.
        parameters: Its flat parameters.
        batch: The samples.
    """
    n = len(batch.x)
    for begin in range(0, n, CHUNK):
        x, target = (_columns(rows[begin : begin + CHUNK], parameters.device) for rows in (batch.x, batch.target))
        mask = None if batch.mask is None else _columns(batch.mask[begin : begin + CHUNK], parameters.device)
        activations = propagation.forward(parameters, x, mask)
        weight = None if batch.weight is None else torch.from_numpy(batch.weight[begin : begin + CHUNK]).to(x.device)
        loss, delta = _loss(propagation.outputs(activations), target, batch.kind, weight)
        gradient, delta = propagation.backward(parameters, activations, delta / n)
        yield Piece(loss / n, gradient, delta, activations)


def predict(propagation: Propagation, parameters: Tensor, x: Floats) -> Floats:
    """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``.

    Args:
        propagation: The compiled genotype.
        parameters: Its flat parameters.
        x: The inputs.
    """
    outputs = []
    for begin in range(0, len(x), CHUNK):
        activations = propagation.forward(parameters, _columns(x[begin : begin + CHUNK], parameters.device))
        outputs.append(propagation.outputs(activations).t().cpu().numpy())
    return np.concatenate(outputs)


def mean_loss(outputs: Floats, problem: Problem) -> float:
    """Return the mean loss of outputs ``(n, n_outputs)``."""
    weight = None if problem.weight is None else torch.from_numpy(problem.weight)
    columns = torch.from_numpy(outputs).t(), torch.from_numpy(problem.target).t()
    return _loss(*columns, problem.kind, weight)[0] / len(outputs)


def _columns(rows: Floats, device: torch.device) -> Tensor:
    """Return a copy with one sample in each column. (numpy transposes twice as fast as torch.)"""
    return torch.from_numpy(np.array(rows.T, order="C")).to(device)


def _loss(
    outputs: Tensor, target: Tensor, kind: Literal["classification", "regression"], weight: Tensor | None
) -> tuple[float, Tensor]:
    """Return the weighted loss summed over the samples, and its gradient at the outputs, ``(n_outputs, n)``.

    Args:
        outputs: ``(n_outputs, n)``.
        target: ``(n_outputs, n)``.
        kind: Decides the loss.
        weight: ``(n,)``; None is 1.
    """
    if kind == "regression":
        error = outputs - target
        losses, gradient, share = error.square(), error * (2 / len(outputs)), 1 / len(outputs)
    else:
        logarithms = outputs.log_softmax(0)
        losses, gradient, share = target * logarithms, logarithms.exp() - target, -1.0
    if weight is not None:
        losses, gradient = losses * weight, gradient * weight
    return float(losses.sum()) * share, gradient
