"""Gates that run two paths at a time, and a loss that includes the cost on a device (ProxylessNAS).

Cai 2019, https://arxiv.org/abs/1812.00332.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from evonas.supernet.settings import CostForm
from evonas.types import Floats

#: Weight of the operation that is run for its gate's gradient only: below the precision of the sum that it is added to,
#: and not so small that its gradients become denormal numbers, which are slow.
UNHEARD = 1e-12
#: Smallest cost in the logarithm, whose power needs it to be positive.
LEAST_COST = 1.001


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two operations of each row, the first of them active.

    Attributes:
        columns: Shape ``(n_choices, 2)``.
    """

    columns: Tensor

    def arch(self, n_operations: int) -> Tensor:
        """Return rows ``(n_choices, n_operations)``: 1 for the active operation, ``UNHEARD`` for the other."""
        rows = torch.zeros(len(self.columns), n_operations)
        return rows.scatter_(1, self.columns, torch.tensor([1.0, UNHEARD]).expand(len(self.columns), 2))


def draw_pairs(logits: Tensor, generator: torch.Generator) -> Pairs:
    """Draw two different operations for each row by their probabilities.

    The active one is drawn by the probabilities within the pair.
    """
    probabilities = logits.softmax(-1)
    columns = torch.multinomial(probabilities, 2, generator=generator)
    active = torch.multinomial(probabilities.gather(1, columns), 1, generator=generator)
    return Pairs(torch.cat([columns.gather(1, active), columns.gather(1, 1 - active)], 1))


def draw_path(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one operation for each row by its probability: one-hot rows ``(n_choices, n_operations)``."""
    columns = torch.multinomial(logits.softmax(-1), 1, generator=generator)
    return torch.zeros_like(logits).scatter_(1, columns, 1.0)


@dataclass(frozen=True)
class CostTerm:
    """Term of the loss for the expected cost ``E = sum_rows sum_j p_j costs_j``.

    Attributes:
        costs: Costs of an operation on a row, in any unit, ``(n_choices, n_operations)``.
        target: T, in the same unit; with the form ``"power"`` above 1, with ``"linear"`` not read.
        form: ``"target"``: ``CE + strength |E / T - 1|``, which is least where E is T; ``"linear"``: ``CE + strength
            E``, whose strength is a price for a unit of the cost; ``"sum"``: ``CE + strength (E - T) / T``, and
            ``"power"``: ``CE (ln E / ln T)^strength``, in both of which T only scales what is charged, so that under
            Adam it hardly changes what is learnt.
        strength: c of ``"target"``, lambda of ``"linear"``; the paper's .6 for ``"power"``.
        one_sided: Charge only what costs more than T, with ``"target"``.
    """

    costs: Floats
    target: float
    form: CostForm = "target"
    strength: float = 1.0
    one_sided: bool = False

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a target that the form cannot take."""
        if self.form == "target" and not self.target > 0:
            raise ValueError(f"the form 'target' needs a positive target cost, got {self.target:g}: raise the target")
        if self.form == "power" and not self.target > 1:
            raise ValueError(
                f"the form 'power' divides by the logarithm of the target cost, which must be above 1, got "
                f"{self.target:g}: raise the target, or use the form 'sum'"
            )

    def expected(self, probabilities: Tensor) -> Tensor:
        """Return E, a scalar."""
        return (probabilities * torch.from_numpy(self.costs)).sum()

    def __call__(self, loss: Tensor, probabilities: Tensor) -> Tensor:
        """Return the whole loss."""
        expected = self.expected(probabilities)
        if self.form == "target":
            excess = expected / self.target - 1
            return loss + self.strength * (excess.clamp_min(0) if self.one_sided else excess.abs())
        if self.form == "linear":
            return loss + self.strength * expected
        if self.form == "sum":
            return loss + self.strength * (expected - self.target) / self.target
        return loss * (expected.clamp_min(LEAST_COST).log() / math.log(self.target)) ** self.strength


def pair_gradient(logits: Tensor, pairs: Pairs, *, loss: float, path_gradients: Tensor, cost: CostTerm) -> Tensor:
    """Compute the gradient of the whole loss at the logits of the pairs, 0 elsewhere, ``(n_choices, n_operations)``.

    For the data's part it is ``dL/dlogit_i = sum_j <dL/dout, o_j(x)> q_j (d_ij - q_i)`` over the pair, with the
    probabilities q within it. For the cost's part the pair keeps its share of the probability.

    Args:
        logits: ``(n_choices, n_operations)``.
        pairs: The operations that were run.
        loss: Loss on the data, CE.
        path_gradients: ``<dL/dout, o_j(x)>``, CE's gradient at the rows of ``arch``, ``(n_choices, n_operations)``.
        cost: The term with the expected cost.
    """
    leaf = logits.detach().requires_grad_()
    within = leaf.gather(1, pairs.columns).softmax(1)
    probabilities = logits.detach().softmax(1)
    shares = probabilities.gather(1, pairs.columns).sum(1, keepdim=True)
    change = (path_gradients.gather(1, pairs.columns) * within).sum()
    data_loss = loss + change - change.detach()  # its value, and a first-order estimate for other gates
    whole = cost(data_loss, probabilities.scatter(1, pairs.columns, shares * within))
    (gradient,) = torch.autograd.grad(whole, leaf)
    return gradient


@torch.no_grad()
def keep_other_probabilities(logits: Tensor, before: Tensor, pairs: Pairs) -> None:
    """Shift both logits of each pair, in place, so that all other operations keep their probabilities.

    Args:
        logits: The logits after their update, ``(n_choices, n_operations)``.
        before: The logits before their update.
        pairs: The operations whose logits were updated.
    """
    old, new = (values.gather(1, pairs.columns).logsumexp(1, keepdim=True) for values in (before, logits))
    logits.scatter_add_(1, pairs.columns, (old - new).expand_as(pairs.columns))
