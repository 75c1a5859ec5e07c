"""Objectives and constraints: conversion of named metrics to the matrix that is minimised."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol

import numpy as np

from evonas.objectives.metrics import METRICS, is_logarithmic, target_metric
from evonas.types import Doubles, Goal, Metrics, UserError, suggestion

#: Metrics that are maximised; all others are minimised.
MAXIMISED = frozenset(name for name, metric in METRICS.items() if metric.goal == "max")
#: Minimised metrics that are at most 1, which is their place in a hypervolume's reference point.
SHARES = frozenset(name for name, metric in METRICS.items() if metric.scale == "share")
#: Metrics of this program that span orders of magnitude; those on a target do so, too: see :func:`is_logarithmic`.
LOGARITHMIC = frozenset(name for name, metric in METRICS.items() if metric.scale == "log")
#: Metrics of this program that are minimised; the goal of any other metric must be declared.
MINIMISED = frozenset(METRICS) - MAXIMISED
#: Smallest argument of a logarithm: no count is below 1 unless it is 0, no latency below a nanosecond.
SMALLEST = 1e-3


class Measured(Protocol):
    """An object with metrics unless it failed: an evaluation, or a stored record of one."""

    @property
    def status(self) -> str: ...

    @property
    def metrics(self) -> Metrics: ...


@dataclass(frozen=True, slots=True)
class Objective:
    """One column of F.

    Attributes:
        metric: Name of the metric.
        goal: Whether it is minimised or maximised.
        log: Whether its logarithm to base 10 is used.
    """

    metric: str
    goal: Goal = "min"
    log: bool = False

    def loss(self, metrics: Metrics) -> float:
        """The value that is minimised."""
        value = metrics[self.metric]
        if self.log:
            value = float(np.log10(max(value, SMALLEST)))
        return value if self.goal == "min" else -value

    def value(self, loss: float) -> float:
        """The metric's value at a loss: the inverse of :meth:`loss`."""
        value = loss if self.goal == "min" else -loss
        return float(10.0**value) if self.log else value


@dataclass(frozen=True, slots=True)
class Constraint:
    """``metric <= bound`` or ``metric >= bound``; an evaluation that violates one is dominated by all that do not.

    Attributes:
        metric: Name of the metric.
        relation: ``"<="`` or ``">="``.
        bound: The bound.
    """

    metric: str
    relation: Literal["<=", ">="]
    bound: float

    def violation(self, metrics: Metrics) -> float:
        """The distance to the bound relative to the bound; 0 if the constraint holds."""
        excess = metrics[self.metric] - self.bound
        return max(0.0, excess if self.relation == "<=" else -excess) / max(abs(self.bound), 1e-12)

    def __str__(self) -> str:
        return f"{self.metric}{self.relation}{self.bound:g}"


@dataclass(frozen=True, slots=True)
class Objectives:
    """The objectives of a search and its constraints.

    Attributes:
        items: The objectives, the quality first.
        constraints: The constraints.
    """

    items: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    @property
    def metrics(self) -> frozenset[str]:
        """Metrics that are minimised, maximised or bounded."""
        return frozenset([*(o.metric for o in self.items), *(c.metric for c in self.constraints)])

    def matrix(self, evaluations: Sequence[Measured]) -> Doubles:
        """The objectives F of evaluations, ``(n, n_objectives)``; a failed evaluation is +inf in every column."""
        F = np.full((len(evaluations), len(self.items)), np.inf)
        for row, evaluation in zip(F, evaluations, strict=True):
            if evaluation.status == "ok":
                row[:] = [objective.loss(evaluation.metrics) for objective in self.items]
        return F

    def violations(self, evaluations: Sequence[Measured]) -> Doubles:
        """Total relative violations of the constraints, ``(n,)``; 0 is feasible, a failed evaluation is +inf."""
        return np.array([self.violation(e.metrics) if e.status == "ok" else np.inf for e in evaluations])

    def violation(self, metrics: Metrics) -> float:
        """Total violation of the constraints whose metric is among ``metrics``."""
        return sum(c.violation(metrics) for c in self.constraints if c.metric in metrics)

    def reference(self, point: Mapping[str, float]) -> Doubles:
        """A hypervolume reference point in the coordinates of F, from metric values."""
        return np.array([objective.loss(point) for objective in self.items])


def parse_objectives(
    names: Iterable[str], constraints: Iterable[str], known: Iterable[str],
    goals: Mapping[str, Goal] = MappingProxyType({}),
) -> Objectives:
    """Objectives from names, and constraints from texts like ``flops<=50000``.

    Args:
        names: Names of the objectives.
        constraints: Texts of the constraints.
        known: Names of all metrics.
        goals: Goals of metrics that this program does not know.

    Raises:
        UserError: A name is not among ``known``, a name appears twice, a metric has no goal, or a constraint cannot be
            read.
    """
    names, known = list(names), set(known)
    for name in names:
        if name not in known:
            raise UserError(f"unknown objective {name!r}{suggestion(name, known)}")
    if len(set(names)) != len(names) or len(names) < 1:
        raise UserError(f"objectives must be one or more different metrics, got {', '.join(names) or 'none'}")
    items = tuple(Objective(name, goal_of(name, goals), is_logarithmic(name)) for name in names)
    return Objectives(items, tuple(parse_constraint(text, known) for text in constraints))


def costs_of(structural: Iterable[str]) -> Mapping[str, Goal]:
    """Goals of metrics that follow from structure alone, which are all costs."""
    return dict.fromkeys(structural, "min")


def goal_of(name: str, goals: Mapping[str, Goal]) -> Goal:
    """Whether a metric is minimised or maximised.

    Raises:
        UserError: This was not declared.
    """
    goal = goals.get(name, "max" if name in MAXIMISED else "min" if name in MINIMISED or target_metric(name) else None)
    if goal not in ("min", "max"):
        raise UserError(
            f"nothing says whether less or more of the metric {name!r} is better: declare it with the attribute "
            f"`goals = {{{name!r}: 'max'}}` (or 'min') of the evaluator, and parse_objectives(..., "
            f"goals=evaluator.goals)"
        )
    return goal


def parse_constraint(text: str, known: Iterable[str]) -> Constraint:
    """A constraint like ``flops<=50000`` or ``val_accuracy>=0.9``.

    Raises:
        UserError: It cannot be read, or its metric is unknown.
    """
    match = re.fullmatch(r"\s*([\w@.-]+?)\s*(<=|>=)\s*([-+.\deE]+)\s*", text)
    try:
        metric, relation, bound = match.groups() if match else ("", "", "")
        value = float(bound)
        if not math.isfinite(value):
            raise ValueError
    except ValueError:
        raise UserError(f"cannot read the constraint {text!r}, expected METRIC<=NUMBER or METRIC>=NUMBER") from None
    if metric not in set(known):
        raise UserError(f"unknown metric {metric!r} in constraint {text!r}{suggestion(metric, known)}")
    return Constraint(metric, "<=" if relation == "<=" else ">=", value)
