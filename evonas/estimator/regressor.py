"""The search as a scikit-learn regressor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from evonas.data.arrays import RawSamples, raw_samples
from evonas.data.numeric import as_numbers, names_columns
from evonas.estimator.base import SearchEstimator
from evonas.estimator.weights import sample_weights
from evonas.report.notebook import FrontDisplay
from evonas.types import Doubles, UserError


class EvoRegressor(FrontDisplay, RegressorMixin, SearchEstimator):  # type: ignore[misc]
    """A regressor that searches for its own network.

    Targets are one number per sample, or several of any units and sizes: they are standardised for training. Samples,
    parameters and attributes are those of :class:`SearchEstimator`; ``model_`` gives targets in the units of ``y``.
    """

    def predict(self, X: Any) -> Doubles:
        """Targets in the units of ``y``, with the shape that ``fit`` was given: ``(n,)`` or ``(n, n_outputs)``."""
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_flat else outputs

    def __sklearn_tags__(self) -> Tags:
        """Tags for scikit-learn: several targets can be learned at once."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _samples(self, X: Any, y: Any, sample_weight: Any) -> RawSamples:
        with names_columns(X, y):
            X, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True)
        y = as_numbers(y, "y")
        self._is_flat = y.ndim == 1
        weights = sample_weights(sample_weight, len(y))
        rows = np.arange(len(y)) if weights is None else np.flatnonzero(weights)
        if len(rows) < 2:
            raise UserError("expected at least two samples that count, to train on one and validate on another, got "
                            "1 sample")
        raw = raw_samples(X[rows], y[rows], "the samples", axes=self.axes, task="regression")
        return replace(raw, weights=None if weights is None else weights[rows])
