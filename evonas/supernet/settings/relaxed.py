"""Settings of DARTS and its kin: relaxed choices, and hypernetworks of their logits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from evonas.supernet.hypernet import Hypernet, PiecewiseLinear, SimplexRBF
from evonas.supernet.settings.base import LogitSettings, MeasureName, PriorName, RelaxationName


@dataclass(frozen=True, kw_only=True)
class RelaxedSettings(LogitSettings):
    """DARTS and its kin: rows of ``arch`` are relaxed choices.

    Attributes:
        relaxation: See :mod:`evonas.supernet.relaxation`.
        bilevel: Logits learn on samples of their own; else both learn from the same loss on all samples.
        order: Order of the bilevel gradient.
        arch_weight_decay: Weight decay of the logits, added to the gradient.
        auxiliary_skip: DARTS-: an extra skip of weight ``1 - progress`` on every edge.
        beta_decay: Weight of the mean of ``logsumexp(logits)`` in the loss of the logits.
        beta_decay_last: Weight to which ``beta_decay`` grows linearly until the end (Ye 2022: from 0 to 50); None keeps
            it.
        cool_down: Logits are frozen for this last share of the training, too: they stop early, before skips win (Liang
            2019, https://arxiv.org/abs/1909.06035). The auxiliary skip alone only puts that off: as it fades, edges
            prefer a skip of their own.
        prior: Prior on structure, see :func:`evonas.supernet.priors.make_prior`.
        prior_weight: Weight of its ``-log P``, per row.
        prior_parameter: Its concentration, temperature or share of entropy.
        temperature: Temperature of the relaxation, at the beginning and at the end; linear between.
        complexities: Number of complexities that are drawn for each step. The charge of architectures is averaged over
            them; the network runs with the first.
        noise_per_image: Every image has noise of its own, so that a batch sees as many architectures as it has images.
    """

    relaxation: RelaxationName = "softmax"
    bilevel: bool = True
    order: Literal[1, 2] = 1
    arch_weight_decay: float = 1e-3
    auxiliary_skip: bool = True
    beta_decay: float = 1.0
    cool_down: float = 0.3
    prior: PriorName | None = None
    prior_weight: float = 0.1
    prior_parameter: float = 0.5
    beta_decay_last: float | None = None
    temperature: tuple[float, float] = (1.0, 0.2)
    complexities: int = 32
    noise_per_image: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.cool_down < 1 - self.warm_up:
            left = f"from 0 to below 1 - warm_up = {1 - self.warm_up:g}"
            raise ValueError(f"cool_down must be a share {left}, got {self.cool_down}")
        for name in ("arch_weight_decay", "beta_decay", "prior_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        if self.order == 2 and not (self.bilevel and self.optimizer == "sgd"):
            raise ValueError("order 2 looks ahead one step of sgd: it needs bilevel = true and optimizer = 'sgd'")
        if self.order == 2 and self.nesterov:
            raise ValueError("order 2 looks ahead one step with plain momentum: set nesterov to false")
        if not (self.prior_parameter > 0 or (self.prior_parameter == 0 and self.prior == "entropy")):
            raise ValueError(f"prior_parameter must be positive, got {self.prior_parameter}")
        if self.prior not in (None, "entropy") and self.relaxation == "straight-through":
            raise ValueError(f"the prior {self.prior!r} needs relaxed rows, the relaxation 'straight-through' has none")
        if self.prior not in (None, "entropy") and self.noise_per_image:
            raise ValueError(f"the prior {self.prior!r} is of one draw of rows: set noise_per_image to false")
        if not all(0 < value < math.inf for value in self.temperature):
            raise ValueError(f"temperature must be two positive numbers, first and last, got {self.temperature}")
        if self.complexities < 1:
            raise ValueError(f"complexities must be at least 1, got {self.complexities}")
        if self.beta_decay_last is not None and not 0 <= self.beta_decay_last < math.inf:
            raise ValueError(f"beta_decay_last must be finite and not negative, got {self.beta_decay_last}")


@dataclass(frozen=True, kw_only=True)
class DartsSettings(RelaxedSettings):
    """DARTS (Liu 2019, https://arxiv.org/abs/1806.09055), by default with remedies against its collapse into skips."""


@dataclass(frozen=True, kw_only=True)
class GdasSettings(RelaxedSettings):
    """Settings of GDAS (Dong 2019, https://arxiv.org/abs/1910.04465).

    An auxiliary skip would be a second path on every edge.
    """

    relaxation: RelaxationName = "straight-through"
    auxiliary_skip: bool = False


@dataclass(frozen=True, kw_only=True)
class ScalarSettings(RelaxedSettings):
    """The scalar hypernetwork (Yakovlev 2022).

    Attributes:
        log_lambda: Range of ``log10(lambda)``. -8, -4 is that of the authors' configuration for 3 cells, -10, -6 that
            for 8 cells and more; a slide of theirs has -10, -6 for 3 cells.
        knots: Knots of the piecewise-linear logits.
        classifier: ``"piecewise-linear"``: the last layer, too, has weights for every knot, mixed as the logits are.
    """

    relaxation: RelaxationName = "gumbel-softmax"
    arch_learning_rate: float = 1e-3
    log_lambda: tuple[float, float] = (-8.0, -4.0)
    knots: int = 5
    classifier: Literal["shared", "piecewise-linear"] = "shared"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hypernet(0)

    def hypernet(self, n_operations: int) -> Hypernet:
        return PiecewiseLinear(*self.log_lambda, self.knots)


@dataclass(frozen=True, kw_only=True)
class VectorSettings(RelaxedSettings):
    """The vector hypernetwork (Firsov 2025): one level, Adam; no remedies: a higher penalty answers too many skips.

    What departs from the source, or is not given there: logits learn ten times as fast as other hypernetworks', since a
    search here has 300 to 500 steps where DARTS had 20 000; ``kappa`` (50 in the source, on the sum over rows, where
    10 on the mean over 28 is .36) was chosen by the counts of operations of seed 0 in ``python -m
    scripts.benchmarks.cells table``; the rates of Adam for the weights were not tuned.

    Attributes:
        tau, kappa, charge: See :class:`evonas.supernet.hypernet.SimplexRBF`.
        complexity: Measures that a complexity weighs: two or more of ``"params"``, ``"flops"`` and ``"latency"`` (as in
            :mod:`evonas.runtimes.latency_table`), of which each operation is charged its share of the mean; left out,
            it is a penalty for each operation.
    """

    relaxation: RelaxationName = "gumbel-softmax"
    bilevel: bool = False
    optimizer: Literal["sgd", "adam"] = "adam"
    learning_rate: float = 2e-3
    last_learning_rate: float = 1e-4
    arch_learning_rate: float = 1e-2
    warm_up: float = 0.0
    auxiliary_skip: bool = False
    beta_decay: float = 0.0
    cool_down: float = 0.0
    tau: float = 0.25
    kappa: float = 10.0
    charge: Literal["mean", "sum"] = "mean"
    complexity: tuple[MeasureName, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.hypernet(1)

    def hypernet(self, n_operations: int) -> Hypernet:
        return SimplexRBF(n_operations, self.tau, self.kappa, self.charge, self.complexity)

    @property
    def measures(self) -> tuple[MeasureName, ...]:
        return self.complexity
