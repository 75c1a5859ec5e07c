"""Estimators that are compared: those of evonas, and usual ones without tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import evonas

from .tables import Kind

#: Function from the kind of the table, seconds and a seed to an estimator.
Make = Callable[[Kind, float, int], Any]


def _evonas(kind: Kind, seconds: float, seed: int) -> Any:
    name = "EvoClassifier" if kind == "classification" else "EvoRegressor"
    return getattr(evonas, name)(time_limit=seconds, random_state=seed)


def _mlp(kind: Kind, seconds: float, seed: int) -> Any:
    settings = {"hidden_layer_sizes": (100,), "max_iter": 300, "random_state": seed}
    if kind == "classification":
        return make_pipeline(StandardScaler(), MLPClassifier(**settings))
    scaled = make_pipeline(StandardScaler(), MLPRegressor(**settings))
    return TransformedTargetRegressor(scaled, transformer=StandardScaler())


def _forest(kind: Kind, seconds: float, seed: int) -> Any:
    return (RandomForestClassifier if kind == "classification" else RandomForestRegressor)(200, random_state=seed)


def _boosting(kind: Kind, seconds: float, seed: int) -> Any:
    made = HistGradientBoostingClassifier if kind == "classification" else HistGradientBoostingRegressor
    return made(random_state=seed)


def _linear(kind: Kind, seconds: float, seed: int) -> Any:
    model = LogisticRegression(max_iter=500) if kind == "classification" else RidgeCV()
    return make_pipeline(StandardScaler(), model)


#: Methods by name.
METHODS: Mapping[str, Make] = MappingProxyType({
    "evonas": _evonas, "mlp": _mlp, "forest": _forest, "boosting": _boosting, "linear": _linear,
})


def n_params(fitted: Any) -> int | None:
    """Return the trained values of a network or of a linear model; None for other estimators."""
    if hasattr(fitted, "front_"):
        return round(float(fitted.front_.params[fitted.id_]))
    while hasattr(fitted, "regressor_") or hasattr(fitted, "steps"):
        fitted = fitted.regressor_ if hasattr(fitted, "regressor_") else fitted.steps[-1][1]
    if hasattr(fitted, "coefs_"):
        return sum(array.size for array in (*fitted.coefs_, *fitted.intercepts_))
    return int(fitted.coef_.size + getattr(fitted.intercept_, "size", 1)) if hasattr(fitted, "coef_") else None
