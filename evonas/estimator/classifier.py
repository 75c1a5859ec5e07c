"""The search as a scikit-learn classifier."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from evonas.data.arrays import RawSamples, raw_samples
from evonas.data.axes import Axes
from evonas.data.numeric import names_columns
from evonas.estimator.base import Pick, SearchEstimator
from evonas.estimator.weights import ClassWeight, class_weighted, sample_weights
from evonas.report.notebook import FrontDisplay
from evonas.run.observer import RunObserver
from evonas.types import Doubles, Ints, UserError


class EvoClassifier(FrontDisplay, ClassifierMixin, SearchEstimator):  # type: ignore[misc]
    """A classifier that searches for its own network.

    Labels are of any kind. Samples, parameters and attributes are those of :class:`SearchEstimator`, and:

    Args:
        class_weight: ``"balanced"`` weighs every class equally, in training and in the error; a dict like
            ``{"rare": 50}`` gives the weight of a sample by class, 1 for other classes. It multiplies
            ``sample_weight``.

    Attributes:
        classes_: The labels, ascending, shape ``(n_classes,)``; ``model_`` gives their logits.
    """

    def __init__(
        self, *, flops: float | None = None, generations: int | None = None, population: int = 20,
        epochs: int | None = None, time_limit: float | None = None, n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None, class_weight: ClassWeight = None,
        metric: str | None = None, pick: Pick = "best", ensemble: int = 1, verbose: int = 0,
        callbacks: Sequence[RunObserver] | None = None, out: str | Path | None = None, space: str = "neuron",
        space_options: Mapping[str, Any] | None = None, axes: Axes | None = None,
    ) -> None:
        super().__init__(
            flops=flops, generations=generations, population=population, epochs=epochs, time_limit=time_limit,
            n_jobs=n_jobs, random_state=random_state, metric=metric, pick=pick, ensemble=ensemble, verbose=verbose,
            callbacks=callbacks, out=out, space=space, space_options=space_options, axes=axes,
        )
        self.class_weight = class_weight

    classes_: NDArray[Any]

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels, ``(n,)``."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[self._outputs(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> Doubles:
        """Probabilities of ``classes_``, ``(n, n_classes)``."""
        probabilities: Doubles = softmax(self._outputs(X), axis=1)
        return probabilities

    def _samples(self, X: Any, y: Any, sample_weight: Any) -> RawSamples:
        with names_columns(X):
            X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(f"expected samples of two classes at least, got one class only, {self.classes_[0]!r}")
        weights = class_weighted(sample_weights(sample_weight, len(y)), self.class_weight, self.classes_, labels)
        rows = self._rows(labels, weights)
        raw = raw_samples(X[rows], labels[rows], "the samples", axes=self.axes, task="classification")
        classes = tuple(map(str, self.classes_.tolist()))
        return replace(raw, classes=classes, weights=None if weights is None else weights[rows])

    def _rows(self, labels: Ints, weights: Doubles | None) -> Ints:
        """Rows of the samples with positive weight; a sample that is alone in its class occurs twice, once per part."""
        kept = np.arange(len(labels)) if weights is None else np.flatnonzero(weights)
        counts = np.bincount(labels[kept])
        if (alone := counts == 1).any():
            names = ", ".join(map(repr, self.classes_[alone].tolist()))
            warnings.warn(f"there is only one sample of {names}: it is trained on and validated on", stacklevel=4)
        return np.concatenate([kept, kept[alone[labels[kept]]]])
