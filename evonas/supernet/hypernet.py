"""Hypernetworks: from a requested complexity to the architecture logits of a supernet.

Both kinds are linear in the learned values: logits at a few references are mixed with coefficients that depend on the
complexity alone. The coefficients are computed here, without torch, so that a trained hypernetwork answers at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from evonas.types import Doubles, Floats, Json

#: Tolerance of requested numbers, which may be rounded to two decimals.
ROUNDING = 0.005
#: Measures that operations can be charged for; ``latency`` is measured, see :mod:`evonas.runtimes.latency_table`.
MEASURES = ("params", "flops", "latency")


class Hypernet(Protocol):
    """Meaning of a complexity, which is a vector of doubles."""

    @property
    def n_references(self) -> int:
        """Sets of logits that are learned."""
        ...

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures, of :data:`MEASURES`, that the entries of a complexity weigh; empty for anything else."""
        ...

    def coefficients(self, complexity: Doubles) -> Doubles:
        """Return the shares of the references' logits, ``(n_references,)``; they sum to one."""
        ...

    def cost_weights(self, complexity: Doubles, costs: Mapping[str, Floats]) -> Doubles:
        """Charge of the loss for an operation on a row, ``(n_choices, n_operations)``.

        Args:
            costs: Costs that an operation on a row adds to the network, ``(n_choices, n_operations)``, by measure:
                ``params``, and others that the hypernetwork is about.
        """
        ...

    def draw(self, rng: np.random.Generator) -> Doubles:
        """Draw a complexity to train on."""
        ...

    def quasi_random(self, index: int) -> Doubles:
        """Return complexity ``index`` of a sequence whose first members cover the range evenly, however long it is."""
        ...

    def check(self, complexity: Sequence[float]) -> Doubles:
        """Return the requested complexity; raise ``ValueError`` with one sentence for one out of range."""
        ...

    def to_json(self) -> Json:
        """Return the argument of :func:`hypernet_from`."""
        ...


@dataclass(frozen=True)
class Table:
    """Single set of logits without a hypernetwork and without a charge (DARTS).

    Attributes:
        n_references: 1.
    """

    n_references: int = 1
    measures: ClassVar[tuple[str, ...]] = ()

    def coefficients(self, complexity: Doubles) -> Doubles:
        return np.ones(1)

    def cost_weights(self, complexity: Doubles, costs: Mapping[str, Floats]) -> Doubles:
        return np.zeros(costs["params"].shape)

    def draw(self, rng: np.random.Generator) -> Doubles:
        return np.empty(0)

    def quasi_random(self, index: int) -> Doubles:
        return np.empty(0)

    def check(self, complexity: Sequence[float]) -> Doubles:
        raise ValueError("this method has no complexity to ask for: only hypernetworks have")

    def to_json(self) -> Json:
        return {"kind": "table"}


@dataclass(frozen=True)
class PiecewiseLinear:
    """Scalar complexity: the loss charges ``lambda`` for each parameter (Yakovlev 2022).

    Logits are piecewise linear in ``log10(lambda)`` between equally spaced knots.

    Attributes:
        low: Smallest ``log10(lambda)``.
        high: Largest ``log10(lambda)``.
        n_references: Knots.
    """

    low: float = -8.0
    high: float = -4.0
    n_references: int = 5
    measures: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        """Raise ``ValueError`` with one sentence for a value out of range."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"the range of log10(lambda) must be ascending, got {self.low:g}, {self.high:g}")
        if self.n_references < 2:
            raise ValueError(f"a piecewise-linear hypernetwork needs at least 2 knots, got {self.n_references}")

    def coefficients(self, complexity: Doubles) -> Doubles:
        """Return hat functions: ``1 - w`` at the knot below and ``w`` at the one above."""
        n_pieces = self.n_references - 1
        place = (math.log10(complexity[0]) - self.low) / (self.high - self.low) * n_pieces
        hats: Doubles = 1.0 - np.abs(np.arange(self.n_references) - min(max(place, 0.0), n_pieces))
        return hats.clip(0.0)

    def cost_weights(self, complexity: Doubles, costs: Mapping[str, Floats]) -> Doubles:
        return float(complexity[0]) * costs["params"].astype(np.float64)

    def draw(self, rng: np.random.Generator) -> Doubles:
        return np.array([10.0 ** rng.uniform(self.low, self.high)])

    def quasi_random(self, index: int) -> Doubles:
        return np.power(10.0, self.low + (self.high - self.low) * _even_points(index, 1))

    def check(self, complexity: Sequence[float]) -> Doubles:
        if len(complexity) != 1:
            raise ValueError(f"a scalar method expects one number, like 1e-6, got {len(complexity)} numbers")
        value, low, high = complexity[0], 10.0**self.low, 10.0**self.high
        if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):  # the ends themselves may be off by rounding
            raise ValueError(f"lambda must be from {low:g} to {high:g}, the range that was trained, got {value:g}")
        return np.array([value])

    def to_json(self) -> Json:
        return {"kind": "piecewise-linear", "low": self.low, "high": self.high, "n_references": self.n_references}


@dataclass(frozen=True)
class SimplexRBF:
    """Vector complexity: a point of the simplex says what each operation is charged (Firsov 2025).

    Logits are those of the references, weighted by ``softmax(-||s - s_r||^2 / tau)``; references are the vertices and
    the centroid. What is charged is the mean over rows, or their sum as in the source, times ``kappa``.

    With measures the point s has an entry for each of them, and operations are charged ``M s``, see
    :func:`measure_matrix` (the outlook of the same work).

    Attributes:
        n_operations: Dimension of the complexity, without measures.
        tau: At 1, a vertex of three takes 44 % of its logits from other references; at .25 it is 7 %.
        kappa: Weight of the charge in the loss.
        charge: ``"mean"`` or ``"sum"`` over rows.
        measures: Two or more of :data:`MEASURES`; none is a penalty for each operation.
    """

    n_operations: int
    tau: float
    kappa: float
    charge: Literal["mean", "sum"] = "mean"
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ``ValueError`` with one sentence for a value out of range; measures may be a list, as in JSON."""
        object.__setattr__(self, "measures", tuple(self.measures))
        if not (self.tau > 0 and self.kappa >= 0):
            raise ValueError(f"tau must be positive and kappa not negative, got {self.tau:g} and {self.kappa:g}")
        n_known = len(set(self.measures) & set(MEASURES))
        if self.measures and not 2 <= n_known == len(self.measures):
            raise ValueError(
                f"complexity must be two or more different measures of {', '.join(MEASURES)}, or none for a penalty an "
                f"operation, got {', '.join(map(str, self.measures))}"
            )

    @property
    def dimension(self) -> int:
        """Entries of a complexity."""
        return len(self.measures) or self.n_operations

    @property
    def references(self) -> Doubles:
        """Shape ``(dimension + 1, dimension)``."""
        return np.vstack([np.eye(self.dimension), np.full(self.dimension, 1 / self.dimension)])

    @property
    def n_references(self) -> int:
        return self.dimension + 1

    def coefficients(self, complexity: Doubles) -> Doubles:
        closeness = -((complexity - self.references) ** 2).sum(axis=1) / self.tau
        weights: Doubles = np.exp(closeness - closeness.max())
        return weights / float(weights.sum())

    def cost_weights(self, complexity: Doubles, costs: Mapping[str, Floats]) -> Doubles:
        n_choices = costs["params"].shape[0]
        penalties = measure_matrix(costs, self.measures) @ complexity if self.measures else complexity
        each = self.kappa if self.charge == "sum" else self.kappa / n_choices
        return np.tile(each * penalties, (n_choices, 1))

    def draw(self, rng: np.random.Generator) -> Doubles:
        return rng.dirichlet(np.ones(self.dimension))

    def quasi_random(self, index: int) -> Doubles:
        """Return the gaps between sorted numbers, which are uniform on the simplex."""
        return np.diff(np.sort(_even_points(index, self.dimension - 1)), prepend=0.0, append=1.0)

    def check(self, complexity: Sequence[float]) -> Doubles:
        m = self.dimension
        if len(complexity) != m:
            each = f"for {', '.join(self.measures)}" if self.measures else "one an operation"
            raise ValueError(f"expected {m} numbers, {each}, got {len(complexity)}")
        point = np.array(complexity, np.float64)
        if not (np.isfinite(point).all() and (point >= 0).all()):
            raise ValueError(f"penalties must be finite and not negative, got {_text(point)}")
        if abs(point.sum() - 1) > ROUNDING * m:
            raise ValueError(f"penalties must sum to 1, got {_text(point)} with the sum {point.sum():g}")
        return point / float(point.sum())

    def to_json(self) -> Json:
        document: Json = {
            "kind": "simplex-rbf", "n_operations": self.n_operations, "tau": self.tau, "kappa": self.kappa,
        }
        later = {} if self.charge == "mean" else {"charge": self.charge}  # earlier versions know neither
        measures = {"measures": list(self.measures)} if self.measures else {}
        return {**document, **later, **measures}


def measure_matrix(costs: Mapping[str, Floats], measures: Sequence[str]) -> Doubles:
    """M ``(n_operations, n_measures)``: what operations cost by each measure, in units of the operations' mean.

    Args:
        costs: Costs that an operation on a row adds, ``(n_choices, n_operations)``, by measure; of the rows it
            is the mean.
        measures: The columns.

    Raises:
        ValueError: All operations are free by some measure, so that nothing can be charged for.
    """
    columns = np.stack([costs[name].astype(np.float64).mean(axis=0) for name in measures], axis=1)
    means = columns.mean(axis=0)
    for name, mean in zip(measures, means, strict=True):
        if not mean > 0:
            raise ValueError(f"no operation of this space costs any {name}: leave that measure out of complexity")
    matrix: Doubles = columns / means
    return matrix


def hypernet_from(document: Mapping[str, Any]) -> Hypernet:
    """Invert ``to_json``; raise ``ValueError`` for a document that it did not make."""
    kinds = {"table": Table, "piecewise-linear": PiecewiseLinear, "simplex-rbf": SimplexRBF}
    arguments = dict(document)
    try:
        made: Hypernet = kinds[arguments.pop("kind")](**arguments)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the description of a hypernetwork: {error}") from None
    return made


def mixed_logits(coefficients: Doubles, references: Floats) -> Doubles:
    """Mix logits ``(n_choices, n_operations)`` from the references' ``(n_references, n_choices, n_operations)``."""
    mixed: Doubles = np.tensordot(coefficients, references.astype(np.float64), axes=1)
    return mixed


def _even_points(index: int, dimension: int) -> Doubles:
    """Return point ``index`` of a sequence that fills the unit cube evenly.

    It is the additive recurrence of Roberts 2018
    (https://extremelearning.com.au/unreasonable-effectiveness-of-quasirandom-sequences); in one dimension it uses the
    golden ratio.
    """
    root = 2.0
    for _ in range(64):  # fixed point of x**(d + 1) = x + 1
        root = (1 + root) ** (1 / (dimension + 1))
    return (0.5 + (index + 1) * root ** -np.arange(1.0, dimension + 1)) % 1.0


def _text(point: Doubles) -> str:
    return ",".join(f"{value:g}" for value in point)
