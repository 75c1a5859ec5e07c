"""Settings of methods that train one path, or a few, in a step: ProxylessNAS, SPOS, FairNAS and sliced supernets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from evonas.supernet.settings.base import CostForm, LogitSettings, MeasureName, SupernetSettings


@dataclass(frozen=True, kw_only=True)
class ProxylessSettings(LogitSettings):
    """ProxylessNAS (Cai 2019, https://arxiv.org/abs/1812.00332).

    Attributes:
        cost: Measure that is to be small: ``"flops"``, ``"params"``, or ``"latency"``, as in
            :mod:`evonas.runtimes.latency_table`.
        target: The wanted cost, as a share of that of equally probable operations; not read with the form ``"linear"``.
        cost_form, cost_strength, one_sided: See :class:`evonas.supernet.proxyless.CostTerm`.
        arch_every: Steps of the weights for one step of the logits.
    """

    arch_learning_rate: float = 3e-3  # ten times DARTS': a step moves only two logits of a row; not tuned
    cost: MeasureName = "flops"
    target: float = 0.5
    cost_form: CostForm = "target"
    cost_strength: float = 1.0  # not tuned: a cost of twice the target adds 1 to the cross-entropy
    one_sided: bool = False
    arch_every: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arch_every < 1:
            raise ValueError(f"arch_every must be at least 1 step, got {self.arch_every}")
        if not (self.target > 0 and self.cost_strength >= 0):
            raise ValueError(
                f"target must be positive and cost_strength not negative, got {self.target}, {self.cost_strength}"
            )

    @property
    def measures(self) -> tuple[MeasureName, ...]:
        return (self.cost,)


@dataclass(frozen=True, kw_only=True)
class SharingSettings(SupernetSettings):
    """Paths without logits: SPOS and FairNAS.

    Attributes:
        candidates: Paths that are scored with the shared weights; the family are the best of them.
        scoring_samples: Training samples of ``arch_share`` that score them.
        sampling: Way of drawing candidates: ``"uniform"`` over paths, or each with ``"frequencies"`` of operations of
            its own, so that all costs are there.
    """

    arch_share: float = 0.1
    candidates: int = 200
    scoring_samples: int = 1000
    sampling: Literal["frequencies", "uniform"] = "frequencies"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("candidates", "scoring_samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class SposSettings(SharingSettings):
    """Settings of SPOS (Guo 2019, https://arxiv.org/abs/1904.00420)."""


@dataclass(frozen=True, kw_only=True)
class FairSettings(SharingSettings):
    """Settings of FairNAS (Chu 2019, https://arxiv.org/abs/1907.01845).

    See :func:`evonas.supernet.path_sampling.fair_paths`.
    """


@dataclass(frozen=True, kw_only=True)
class SlicedSettings(SharingSettings):
    """Methods for operations that share weights: :attr:`evonas.capabilities.choices.Choices.nested`."""


@dataclass(frozen=True, kw_only=True)
class SandwichSettings(SlicedSettings):
    """Slimmable training: the widest path, the narrowest and random ones in every step (Yu 2019,
    https://arxiv.org/abs/1903.05134, for widths; BigNAS, Yu 2020, https://arxiv.org/abs/2003.11142, for kernels, too).

    Attributes:
        random_paths: Number of random paths beside the widest and the narrowest.
        distillation: The widest path alone learns from the targets, all others from its outputs of the same step; else
            all learn from the targets.
    """

    random_paths: int = 2
    distillation: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.random_paths < 0:
            raise ValueError(f"random_paths must not be negative, got {self.random_paths}")


@dataclass(frozen=True, kw_only=True)
class WidestSettings(SlicedSettings):
    """Pruning: the widest network alone is trained; all others are cut from it, by the norm of weights."""
