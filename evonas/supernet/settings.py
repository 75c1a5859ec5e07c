"""Methods by name, and the settings of each. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from evonas.capabilities.choices import Choices
from evonas.supernet.hypernet import Hypernet, PiecewiseLinear, SimplexRBF, Table

RelaxationName: TypeAlias = Literal["softmax", "gumbel-softmax", "straight-through"]
PriorName: TypeAlias = Literal["dirichlet", "gumbel-softmax", "entropy"]
#: What operations can be charged for, :data:`evonas.supernet.hypernet.MEASURES`.
MeasureName: TypeAlias = Literal["params", "flops", "latency"]
#: Form of the expected cost in the loss, see :class:`evonas.supernet.proxyless.CostTerm`.
CostForm: TypeAlias = Literal["target", "linear", "power", "sum"]
#: Fields that came later, and what they are in searches from before there were any: a checkpoint of such a search has
#: no such entries, and goes on.
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
        """What decides a search, but for fields that are as they were before there were such (:data:`LATER`)."""
        return {name: value for name, value in asdict(self).items() if name not in LATER or value != LATER[name]}

    @property
    def measures(self) -> tuple[MeasureName, ...]:
        """What operations are charged for, where that can be chosen."""
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


@dataclass(frozen=True, kw_only=True)
class RelaxedSettings(LogitSettings):
    """DARTS and its kin: rows of ``arch`` are relaxed choices.

    Attributes:
        relaxation: See :mod:`evonas.supernet.relaxation`.
        bilevel: Logits learn on samples of their own; else both learn from the same loss on all samples.
        order: Of the bilevel gradient.
        arch_weight_decay: Of the logits, added to the gradient.
        auxiliary_skip: DARTS-: an extra skip of weight ``1 - progress`` on every edge.
        beta_decay: Weight of the mean of ``logsumexp(logits)`` in the loss of the logits.
        beta_decay_last: Where given, the weight grows linearly to this at the end (Ye 2022: from 0 to 50).
        cool_down: Logits are frozen for this last share of the training, too: they stop early, before skips win (Liang
            2019, https://arxiv.org/abs/1909.06035). The auxiliary skip alone only puts that off: as it fades, edges
            prefer a skip of their own.
        prior: On structure, see :func:`evonas.supernet.priors.make_prior`.
        prior_weight: Weight of its ``-log P``, per row.
        prior_parameter: Its concentration, temperature or share of entropy.
        temperature: Of the relaxation, at the beginning and at the end; linear between.
        complexities: So many are drawn for each step, and what architectures are charged is averaged over them; the
            network runs with the first.
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
        knots: Of the piecewise-linear logits.
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
        complexity: What a complexity is about: two or more of ``"params"``, ``"flops"`` and ``"latency"`` (as in
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


@dataclass(frozen=True, kw_only=True)
class ProxylessSettings(LogitSettings):
    """ProxylessNAS (Cai 2019, https://arxiv.org/abs/1812.00332).

    Attributes:
        cost: What is to be small: ``"flops"``, ``"params"``, or ``"latency"``, as in
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
        sampling: How candidates are drawn: ``"uniform"`` over paths, or each with ``"frequencies"`` of operations of
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
        random_paths: Beside the widest and the narrowest.
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


#: Settings of each method by its name.
METHODS: Mapping[str, type[SupernetSettings]] = MappingProxyType({
    "hypernet-scalar": ScalarSettings,
    "hypernet-vector": VectorSettings,
    "darts": DartsSettings,
    "gdas": GdasSettings,
    "proxyless": ProxylessSettings,
    "spos": SposSettings,
    "fairnas": FairSettings,
    "sandwich": SandwichSettings,
    "widest": WidestSettings,
})


def methods_for(choices: Choices) -> Mapping[str, type[SupernetSettings]]:
    """Those of :data:`METHODS` that can train the supernet of these choices."""
    return {name: kind for name, kind in METHODS.items() if choices.nested or not issubclass(kind, SlicedSettings)}
