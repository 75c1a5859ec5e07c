"""Settings that methods share: of the training of a supernet's weights, and of logits beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from evonas.supernet.hypernet import Hypernet, Table

RelaxationName: TypeAlias = Literal["softmax", "gumbel-softmax", "straight-through"]
PriorName: TypeAlias = Literal["dirichlet", "gumbel-softmax", "entropy"]
#: Measures that operations can be charged for, :data:`evonas.supernet.hypernet.MEASURES`.
MeasureName: TypeAlias = Literal["params", "flops", "latency"]
#: Form of the expected cost in the loss, see :class:`evonas.supernet.proxyless.CostTerm`.
CostForm: TypeAlias = Literal["target", "linear", "power", "sum"]
#: Fields that came later, and their values in earlier searches: a checkpoint of such a search has no such entries, and
#: goes on.
LATER: Mapping[str, object] = MappingProxyType({
    "temperature": (1.0, 0.2), "complexities": 32, "noise_per_image": False, "beta_decay_last": None,
    "classifier": "shared", "charge": "mean", "complexity": (), "one_sided": False, "sampling": "frequencies",
    "schedule": "cosine", "arch_every": 1, "nesterov": False, "label_smoothing": 0.0,
})


@dataclass(frozen=True, kw_only=True)
class SupernetSettings:
    """Settings of the training of a supernet's weights, shared by all methods.

    Attributes:
        batch_size: Samples in a step, at least 2.
        optimizer: ``"sgd"`` with momentum, or ``"adam"``.
        learning_rate, last_learning_rate: First and last learning rate.
        schedule: ``"cosine"`` or ``"linear"``: how the rate falls from the first to the last.
        momentum: Momentum of ``"sgd"``.
        nesterov: The momentum is Nesterov's.
        label_smoothing: Share of the target mass spread evenly over the classes, where weights learn.
        weight_decay: Factor of all weights that is added to the gradient.
        clip_norm: Largest global gradient norm.
        arch_share: Share of the training samples that weights do not see, if architectures learn or are scored on
            samples of their own.
        rule: Rule by which logits become a genotype, see :meth:`evonas.capabilities.choices.Relaxable.discretize`.
        threads: Threads of torch; the result depends on them in the last bits.
    """

    batch_size: int = 64
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.025
    last_learning_rate: float = 0.001
    schedule: Literal["cosine", "linear"] = "cosine"
    momentum: float = 0.9
    nesterov: bool = False
    label_smoothing: float = 0.0
    weight_decay: float = 3e-4
    clip_norm: float = 5.0
    arch_share: float = 0.5
    rule: Literal["argmax", "darts"] = "argmax"
    threads: int = 1

    def __post_init__(self) -> None:
        """Raise ``ValueError`` with one sentence for a value out of range."""
        if self.batch_size < 2:
            raise ValueError(
                f"batch_size must be at least 2, since BatchNorm needs a variance, got {self.batch_size}"
            )
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")
        for name in ("learning_rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("last_learning_rate", "momentum", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.nesterov and not (self.optimizer == "sgd" and self.momentum > 0):
            raise ValueError(f"nesterov is a kind of momentum: it needs optimizer = 'sgd' and a positive momentum, got "
                             f"{self.optimizer!r} and {self.momentum}")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"label_smoothing must be a share from 0 to below 1, got {self.label_smoothing}")
        if not 0 < self.arch_share < 1:
            raise ValueError(f"arch_share must be a share between 0 and 1, got {self.arch_share}")

    def hypernet(self, n_operations: int) -> Hypernet:
        """Return the source of the logits."""
        return Table()

    @property
    def identity(self) -> dict[str, Any]:
        """Settings that decide a search, without later fields that have the values from before (:data:`LATER`)."""
        return {name: value for name, value in asdict(self).items() if name not in LATER or value != LATER[name]}

    @property
    def measures(self) -> tuple[MeasureName, ...]:
        """Measures that operations are charged for, if they can be chosen."""
        return ()


@dataclass(frozen=True, kw_only=True)
class LogitSettings(SupernetSettings):
    """Settings of the training of logits beside the weights.

    Attributes:
        arch_learning_rate: Learning rate of Adam.
        warm_up: Logits are frozen for this share of the training: gradients through fresh weights carry no information.
    """

    arch_learning_rate: float = 3e-4
    warm_up: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.arch_learning_rate > 0:
            raise ValueError(f"arch_learning_rate must be positive, got {self.arch_learning_rate}")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up must be a share from 0 to below 1, got {self.warm_up}")
