"""Settings of the search for one simplex a vertex. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from evonas.supernet.settings import PriorName, RelaxationName

#: Functions of a predecessor for a vertex. ``identity``: itself; ``relu``: its positive part; ``dense``: a weighted sum
#: of all its neurons for each neuron of the vertex; ``dense-relu``: that, as hidden neurons of the space have it, with
#: the space's norm and ReLU. The first two need a predecessor of the same width: they do not read inputs, and outputs
#: do not read through them. A genotype has no other activations, so that there are no other functions.
FunctionName: TypeAlias = Literal["identity", "relu", "dense", "dense-relu"]
FUNCTIONS: tuple[FunctionName, ...] = get_args(FunctionName)
#: Functions with weights of their own.
DENSE: frozenset[FunctionName] = frozenset({"dense", "dense-relu"})
#: The pairs of all vertices grow with the square of their number.
MOST_VERTICES = 16


@dataclass(frozen=True, kw_only=True)
class VertexSettings:
    """Settings of the search for the structure.

    Attributes:
        functions: Functions that a vertex may choose from.
        vertices: Hidden vertices; more are a deeper network at most, since a vertex may pass on what it reads.
        relaxation: Way from the logits of a vertex to its gamma, see :mod:`evonas.supernet.relaxation`.
        prior: Prior on the gammas, see :func:`evonas.supernet.priors.make_prior`; ``"entropy"`` is over all vertices
            together.
        prior_weight: Weight of its ``-log P`` in the loss of the structure.
        prior_parameter: Its concentration, temperature or share of entropy; a concentration below 1 makes gammas
            sparse.
        first_decay: First decay of each function's weights, in units of the mean loss.
        learn_decay: The decays are learned with the structure; else they stay as they are.
        learning_rate, last_learning_rate: Learning rates of SGD for the weights; cosine between.
        momentum: Momentum of SGD.
        clip_norm: Largest global norm of the gradient of the weights.
        arch_learning_rate: Learning rate of Adam for logits and for the logarithms of the decays.
        warm_up: The structure is frozen for this share of the training: what random weights say of it means nothing.
    """

    functions: tuple[FunctionName, ...] = FUNCTIONS
    vertices: int = 3
    relaxation: RelaxationName = "gumbel-softmax"
    prior: PriorName | None = "dirichlet"
    prior_weight: float = 0.1
    prior_parameter: float = 0.5
    first_decay: float = 1e-3
    learn_decay: bool = True
    learning_rate: float = 0.05
    last_learning_rate: float = 0.001
    momentum: float = 0.9
    clip_norm: float = 5.0
    arch_learning_rate: float = 0.03
    warm_up: float = 0.15

    def __post_init__(self) -> None:
        """Raises ``ValueError`` with one sentence for a value out of range."""
        if len(set(self.functions)) < len(self.functions) or not DENSE & set(self.functions):
            raise ValueError(
                f"functions must be different ones, dense or dense-relu among them, since nothing else reads inputs, "
                f"got {', '.join(self.functions) or 'none'}"
            )
        if not 1 <= self.vertices <= MOST_VERTICES:
            raise ValueError(f"vertices must be from 1 to {MOST_VERTICES}, got {self.vertices}")
        for name in ("first_decay", "learning_rate", "clip_norm", "arch_learning_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        for name in ("prior_weight", "last_learning_rate"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not negative, got {getattr(self, name)}")
        for name in ("momentum", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1, got {getattr(self, name)}")
        if not (0 < self.prior_parameter < math.inf or (self.prior_parameter == 0 and self.prior == "entropy")):
            raise ValueError(f"prior_parameter must be positive and finite, got {self.prior_parameter}")
        if self.prior not in (None, "entropy") and self.relaxation == "straight-through":
            raise ValueError(
                f"the prior {self.prior!r} needs relaxed gammas, the relaxation 'straight-through' has none: "
                f"choose another relaxation, or the prior 'entropy'"
            )
