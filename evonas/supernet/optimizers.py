"""Optimisers of weights and of logits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from evonas.capabilities.choices import Choices
from evonas.supernet.bilevel import Unroll
from evonas.supernet.settings import SupernetSettings
from evonas.types import Arrays, Task


class Batch(NamedTuple):
    """Samples of a step.

    Attributes:
        x: Inputs, ``(n, *input_shape)``.
        y: Targets.
        weight: Factors of the losses, ``(n,)``; None is 1.
        smoothing: Share of the target mass that is spread evenly over the classes.
    """

    x: Tensor
    y: Tensor
    weight: Tensor | None = None
    smoothing: float = 0.0


class WeightLearner:
    """A supernet, its loss, and the optimiser of its weights.

    Args:
        supernet: Is trained in place.
        choices: Meaning of its rows and columns.
        task: Decides the loss.
        settings: Settings of the optimiser.
        n_heads: Sets of weights of the last layer, which :meth:`loss` mixes; 1 is the supernet's own.

    Attributes:
        updates: Active parameters times samples, over all passes so far.
        heads: The last layer's weights by name, ``(n_heads, ...)``; empty where it is the supernet's own.
    """

    def __init__(
        self, supernet: nn.Module, choices: Choices, task: Task, settings: SupernetSettings, n_heads: int = 1
    ) -> None:
        self.supernet = supernet.train()
        own = dict(supernet.named_parameters())
        self.heads = {
            name: nn.Parameter(torch.stack([own[name].detach()] * n_heads))
            for name in (choices.classifier if n_heads > 1 else ())
        }
        self.weights = [*(w for name, w in own.items() if name not in self.heads), *self.heads.values()]
        self.updates = 0.0
        self._task, self._settings = task, settings
        self._costs = torch.from_numpy(choices.costs["params"])
        shared = self._costs.amax(1) if choices.nested else self._costs
        self._common = sum(w.numel() for w in self.weights) - float(shared.sum())
        decay = settings.weight_decay
        self.optimizer: torch.optim.Optimizer
        if settings.optimizer == "sgd":
            rate, momentum = settings.learning_rate, settings.momentum
            self.optimizer = torch.optim.SGD(
                self.weights, lr=rate, momentum=momentum, weight_decay=decay, nesterov=settings.nesterov
            )
        else:
            self.optimizer = torch.optim.Adam(self.weights, lr=settings.learning_rate, weight_decay=decay)

    def loss(self, batch: Batch, arch: Tensor, mix: Tensor | None = None) -> Tensor:
        """Mean over a batch: cross-entropy, or the mean squared error.

        Args:
            batch: Samples and targets.
            arch: Rows ``(n_choices, n_operations)``, or such rows for every image.
            mix: Shares of the heads, ``(n_heads,)``, if there are several.
        """
        return self.outputs_and_loss(batch, arch, mix)[1]

    def outputs_and_loss(self, batch: Batch, arch: Tensor, mix: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs before softmax, ``(n, n_outputs)``, and the loss.

        Args:
            batch, arch, mix: See :meth:`loss`.
        """
        outputs = self._run(batch, arch, mix)
        return outputs, data_loss(outputs, batch, self._task)

    def distillation_loss(self, batch: Batch, arch: Tensor, teacher: Tensor) -> Tensor:
        """The mean over a batch as in :meth:`loss`, to what a teacher says instead of the targets.

        Args:
            batch: Samples.
            arch: See :meth:`loss`.
            teacher: Its outputs, ``(n, n_outputs)``.
        """
        told = teacher.detach() if self._task.kind == "regression" else teacher.detach().softmax(1)
        return data_loss(self._run(batch, arch), batch._replace(y=told, smoothing=0.0), self._task)

    def _run(self, batch: Batch, arch: Tensor, mix: Tensor | None = None) -> Tensor:
        active = arch.detach() != 0
        active = active.any(0) if active.dim() == 3 else active
        self.updates += (self._common + float(self._costs[active].sum())) * len(batch.x)
        arch = arch.to(batch.x.device)
        if not self.heads or mix is None:
            outputs: Tensor = self.supernet(batch.x, arch)
        else:
            mixed = {name: torch.tensordot(mix.to(head.device), head, 1) for name, head in self.heads.items()}
            outputs = torch.func.functional_call(self.supernet, mixed, (batch.x, arch))
        return outputs

    @torch.no_grad()
    def settle(self, mix: Tensor) -> None:
        """Give the supernet the heads as its last layer, mixed in these shares, ``(n_heads,)``."""
        own = dict(self.supernet.named_parameters())
        for name, head in self.heads.items():
            own[name].copy_(torch.tensordot(mix.to(head.device), head, 1))

    def rate(self, progress: float) -> float:
        """Return the learning rate, which falls from the first to the last value, by the settings' schedule."""
        first, last = self._settings.learning_rate, self._settings.last_learning_rate
        left = 1 - progress if self._settings.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
        return last + (first - last) * left

    def step(self, losses: Iterable[Tensor], progress: float) -> float:
        """Take one step by the sum of the gradients and return the mean loss; graphs are made and freed one by one.

        Raises:
            FloatingPointError: A loss is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(progress)
        self.optimizer.zero_grad()
        values = []
        for loss in losses:
            loss.backward()  # type: ignore[no-untyped-call]
            values.append(float(loss.detach()))
        if not math.isfinite(sum(values)):
            raise FloatingPointError("the loss of the supernet is not finite; lower its learning_rate")
        nn.utils.clip_grad_norm_(self.weights, self._settings.clip_norm)
        self.optimizer.step()
        return sum(values) / len(values)

    def unroll(self, progress: float) -> Unroll:
        """Return the next step of SGD."""
        velocity = [self.optimizer.state[w].get("momentum_buffer") for w in self.weights]
        return Unroll(self.rate(progress), self._settings.momentum, velocity, self._settings.weight_decay)


class LogitLearner:
    """Logits under Adam.

    Args:
        references: Shape ``(n_references, n_choices, n_operations)``.
        rate: Learning rate.
        beta: Decay of the first moment; with 0 a logit without a gradient keeps its value.
        weight_decay: Factor of the logits that is added to the gradient.
    """

    def __init__(self, references: Tensor, rate: float, *, beta: float = 0.5, weight_decay: float = 0.0) -> None:
        self.references = references.requires_grad_()
        self.optimizer = torch.optim.Adam([references], lr=rate, betas=(beta, 0.999), weight_decay=weight_decay)

    def step(self, gradient: Tensor) -> None:
        """Take one step; raise ``FloatingPointError`` for a gradient that is not finite."""
        if not bool(gradient.isfinite().all()):
            raise FloatingPointError("the gradient of the architecture is not finite; lower its learning rates")
        self.references.grad = gradient
        self.optimizer.step()
        self.references.grad = None


def first_references(n_references: int, choices: Choices, generator: torch.Generator) -> Tensor:
    """Draw logits near 0, as in DARTS: all operations are about equally probable.

    Args:
        n_references: Number of sets of logits.
        choices: The choices of the space.
        generator: Draws the logits.
    """
    shape = n_references, choices.n_choices, len(choices.operations)
    return 1e-3 * torch.randn(shape, generator=generator)


def data_loss(outputs: Tensor, batch: Batch, task: Task) -> Tensor:
    """Return the loss on data, a scalar: cross-entropy or the mean squared error.

    Args:
        outputs: Outputs before softmax, ``(n, n_outputs)``.
        batch: Targets, how much they are smoothed, and factors of the losses.
        task: Its kind decides the loss.
    """
    loss: Callable[..., Tensor] = nn.functional.mse_loss
    if task.kind != "regression":
        loss = partial(nn.functional.cross_entropy, label_smoothing=batch.smoothing)
    if batch.weight is None:
        return loss(outputs, batch.y)
    losses = loss(outputs, batch.y, reduction="none")
    return (losses.reshape(len(losses), -1).mean(1) * batch.weight).mean()


def optimizer_arrays(optimizer: torch.optim.Optimizer, prefix: str) -> Arrays:
    """Return the state of an optimiser as named arrays."""
    state: Mapping[int, Mapping[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{prefix}.{index}.{name}": value.cpu().numpy().copy(order="C")
        for index, values in state.items() for name, value in values.items() if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, arrays: Arrays, prefix: str) -> None:
    """Invert :func:`optimizer_arrays`.

    Args:
        optimizer: Gets the state.
        arrays: Arrays of a checkpoint.
        prefix: First part of the names of this optimiser's arrays.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in arrays.items():
        if key.startswith(f"{prefix}."):
            index, name = key.removeprefix(f"{prefix}.").split(".", 1)
            state.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
