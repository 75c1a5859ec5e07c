"""Samples on the device, and what a step reads of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evonas.data.samples import Samples
from evonas.types import Floats, Ints, Task


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples with their targets, features x samples.

    Attributes:
        x: ``(n_inputs, n)``.
        target: Ones for classes, or regression targets, ``(n_outputs, n)``; empty where only outputs matter.
        is_classification: Whether the targets are classes.
        teacher: Class probabilities or regression targets, ``(n_outputs, n)``; None without a teacher.
        weight: Factors of the samples' losses, ``(n,)``; None is 1.
    """

    x: Tensor
    target: Tensor
    is_classification: bool
    teacher: Tensor | None
    weight: Tensor | None

    @property
    def n(self) -> int:
        """Number of samples."""
        return self.x.shape[1]


def problem(samples: Samples, task: Task | None, teacher: Floats | None, device: torch.device) -> Problem:
    """Copy samples to the device.

    Args:
        samples: The samples.
        task: Their task; None where only outputs matter.
        teacher: Outputs of a teacher for the samples, ``(n, n_outputs)``.
        device: The device.
    """
    x = _columns(samples.flat, device)
    if task is None:
        return Problem(x, torch.zeros(0, device=device), False, None, None)
    if task.kind == "regression":
        target = np.asarray(samples.y, np.float32)
    else:
        target = np.zeros((len(samples), task.n_outputs), np.float32)
        target[np.arange(len(samples)), samples.y] = 1
    return Problem(
        x, _columns(target, device), task.kind == "classification",
        None if teacher is None else _columns(teacher, device),
        None if samples.weight is None else _copied(samples.weight, device),
    )


def _columns(rows: Floats, device: torch.device) -> Tensor:
    """One sample a column; it is the device that transposes."""
    return _copied(rows, device).t().contiguous()


def _copied(array: NDArray[np.generic], device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(array)).to(device)


@dataclass(frozen=True, eq=False)
class Steps:
    """What the steps of an epoch read, by candidate: tensors that keep their place, since a CUDA graph reads them.

    Attributes:
        batch: Samples of a step; the last one has the rest.
        order: Samples as they are visited, ``(n_candidates, n)`` or ``(1, n)`` for all candidates.
        rates: Rate, scale of the second moment, shrinkage and decay, ``(n_steps, n_candidates, 4)``.
        view: How images are moved, a row of ``sources`` or -1, ``(n_candidates, n_steps)``.
        sources: Input that each view shows in the place of each, ``(n_views, n_inputs)``; None: no image is moved.
        keys: Keys of hashes, ``(n_steps, n_candidates, 2)``.
        input_dropout, hidden_dropout: Threshold and scale, see :mod:`search_spaces.neuron.trainer.counter_rng`;
            None: nothing is dropped.
        smoothing: Label smoothing, ``(n_candidates,)``.
        teacher_weight: Share of the teacher in the targets, ``(n_candidates,)``.
        clip_norm: Largest norms of gradients, ``(n_candidates,)``; None clips none.
        loss: Sum of the losses of the epoch so far, float64 ``(n_candidates,)``.
        now: Step of the epoch, ``(1,)``.
    """

    batch: int
    order: Tensor
    rates: Tensor
    view: Tensor
    sources: Tensor | None
    keys: Tensor
    input_dropout: tuple[Tensor, Tensor] | None
    hidden_dropout: tuple[Tensor, Tensor] | None
    smoothing: Tensor
    teacher_weight: Tensor
    clip_norm: Tensor | None
    loss: Tensor
    now: Tensor

    @property
    def stride(self) -> int:
        """Samples between the orders of two candidates."""
        return self.order.shape[1] if len(self.order) > 1 else 0


def plain_steps(
    n_candidates: int, order: Ints, batch: int, device: torch.device, *, smoothing: Sequence[float] = (),
    teacher_weight: Sequence[float] = (),
) -> Steps:
    """Steps that train nothing, all candidates on the same samples.

    Args:
        n_candidates: Number of candidates.
        order: The samples, ``(n,)``.
        batch: Samples of a step.
        device: The device.
        smoothing, teacher_weight: See :class:`Steps`; nothing is 0.
    """
    zeros = [0.0] * n_candidates
    return Steps(
        batch, torch.from_numpy(order[None].astype(np.int32)).to(device),
        torch.zeros(1, n_candidates, 4, device=device),
        torch.full((n_candidates, 1), -1, dtype=torch.int32, device=device), None,
        torch.zeros(1, n_candidates, 2, dtype=torch.int64, device=device), None, None,
        torch.tensor(smoothing or zeros, dtype=torch.float32, device=device),
        torch.tensor(teacher_weight or zeros, dtype=torch.float32, device=device), None,
        torch.zeros(n_candidates, dtype=torch.float64, device=device),
        torch.zeros(1, dtype=torch.int64, device=device),
    )
