"""Bilevel gradients: logits for the validation loss, weights for the training loss (DARTS).

Liu 2019, https://arxiv.org/abs/1806.09055, section 2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

#: Loss at the present values of weights and logits, with its graph.
Loss: TypeAlias = Callable[[], Tensor]

#: Step of the finite difference, divided by the norm of the direction.
DIFFERENCE = 0.01


@dataclass(frozen=True)
class Unroll:
    """Optimiser's step that the second order looks ahead: ``w' = w - eta (mu v + grad L + decay w)``.

    Attributes:
        learning_rate: eta.
        momentum: mu.
        velocity: v of each weight, None for a weight that has none yet.
        weight_decay: decay.
    """

    learning_rate: float
    momentum: float = 0.0
    velocity: Sequence[Tensor | None] = ()
    weight_decay: float = 0.0


def first_order_gradient(logits: Tensor, val_loss: Loss) -> Tensor:
    """Return the gradient of the validation loss at the present weights: ``eta = 0``."""
    (gradient,) = torch.autograd.grad(val_loss(), logits)
    return gradient


def second_order_gradient(
    logits: Tensor, weights: Sequence[Tensor], *, train_loss: Loss, val_loss: Loss, unroll: Unroll
) -> Tensor:
    """Return the gradient of the validation loss at the weights after one training step, which depends on the logits.

    ``grad_a L_val(w') - eta [grad_a L_train(w+) - grad_a L_train(w-)] / 2R`` with ``w+- = w +- R grad_w' L_val(w')``
    and ``R = .01 / ||grad_w' L_val(w')||``. Weights are changed meanwhile, and have their values again at the end.

    Args:
        logits: Leaf at which the gradient is taken.
        weights: Leaves. Those that a loss does not depend on may be among them.
        train_loss: Loss on training samples, with the same noise in every call.
        val_loss: Loss on validation samples.
        unroll: The optimiser's step.
    """
    kept = [weight.detach().clone() for weight in weights]
    try:
        _set(weights, _looked_ahead(kept, _gradients(train_loss(), weights), unroll))
        gradient, *direction = _gradients(val_loss(), [logits, *weights])
        norm = torch.stack([g.norm() for g in direction]).norm()
        if not norm > 0:  # the loss does not depend on the weights: there is no step to look ahead
            return gradient
        radius = float(DIFFERENCE / norm)
        for sign in (1.0, -1.0):
            _set(weights, [w + sign * radius * d for w, d in zip(kept, direction, strict=True)])
            shifted = first_order_gradient(logits, train_loss)
            gradient = gradient - sign * unroll.learning_rate / (2 * radius) * shifted
        return gradient
    finally:
        _set(weights, kept)


def _looked_ahead(weights: Sequence[Tensor], gradients: Sequence[Tensor], unroll: Unroll) -> list[Tensor]:
    velocities = unroll.velocity or [None] * len(weights)
    ahead = []
    for weight, gradient, velocity in zip(weights, gradients, velocities, strict=True):
        step = gradient + unroll.weight_decay * weight
        if velocity is not None:
            step = step + unroll.momentum * velocity
        ahead.append(weight - unroll.learning_rate * step)
    return ahead


def _gradients(loss: Tensor, leaves: Sequence[Tensor]) -> list[Tensor]:
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(gradients, leaves, strict=True)]


@torch.no_grad()
def _set(weights: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)
