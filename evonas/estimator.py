"""The search as a scikit-learn classifier."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from evonas.assembly import evolve
from evonas.config import RunConfig, check_config
from evonas.data.arrays import raw_samples
from evonas.data.axes import AXES_INSIDE, Axes, channels_first
from evonas.data.locating import absolute
from evonas.files import replacement
from evonas.report.notebook import FrontDisplay
from evonas.run import Run
from evonas.store import check_absent
from evonas.types import Doubles, Ints, UserError

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

#: Which member of the front predicts: that with the least error, the knee, or the best within bounds.
Pick: TypeAlias = Literal["best", "knee"] | Mapping[str, float]

#: Samples a forward pass; bounds memory only.
PREDICTION_BATCH = 1024


class EvoClassifier(FrontDisplay, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that searches for its own network: :meth:`fit` evolves a Pareto front of error and FLOPs.

    Samples are rows of features, ``(n, n_features)``, signals, ``(n, channels, length)``, or images, ``(n, height,
    width)``, ``(n, channels, height, width)`` or ``(n, height, width, channels)``; labels are of any kind. A fifth of
    the samples (a sixth of 10 000 or more) is held back to compare networks by. The result is the same for equal
    arguments, whatever ``n_jobs``, unless ``time_limit`` cuts the search.

    Args:
        flops: The most FLOPs a sample (2 an edge); None is any number.
        generations: After the founders.
        population: Survivors of a generation; half as many children are born in the next.
        epochs: Of every trial; None is 6, more where samples are few: see
            :func:`evonas.training.length.default_epochs`.
        time_limit: Seconds for the whole search.
        n_jobs: Trials at a time; None is 1, -1 as many as there are cores.
        random_state: A number, a ``RandomState``, or None for another search each time.
        pick: The member of the front that predicts: ``"best"`` by its first objective, the error; ``"knee"``, where
            more FLOPs begin to buy little; or the best within bounds like ``{"flops": 20_000}``.
        out: A directory to make, for a run like any other; its samples are kept beside it in ``OUT.npz``. None keeps
            neither.
        space: Name of the search space.
        space_options: Its options.
        axes: Of a sample, in letters like ``"hwc"``: see :mod:`evonas.data.axes`. None lets the shape decide.

    Attributes:
        classes_: The labels, ascending, shape ``(n_classes,)``.
        n_features_in_: ``X.shape[1]``.
        front_: The front as :meth:`evonas.run.Run.front` gives it.
        id_: The individual that was picked.
        model_: Its network, a module from samples in the units of ``X``, channels first, to logits of ``classes_``.
        run_: The :class:`evonas.run.Run`, None without ``out``.
    """

    def __init__(
        self, *, flops: float | None = None, generations: int = 20, population: int = 20, epochs: int | None = None,
        time_limit: float | None = None, n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None, pick: Pick = "best", out: str | Path | None = None,
        space: str = "neuron", space_options: Mapping[str, Any] | None = None, axes: Axes | None = None,
    ) -> None:
        self.flops = flops
        self.generations = generations
        self.population = population
        self.epochs = epochs
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.pick = pick
        self.out = out
        self.space = space
        self.space_options = space_options
        self.axes = axes

    classes_: NDArray[Any]
    front_: pd.DataFrame
    id_: int
    model_: nn.Module
    run_: Run | None

    def fit(self, X: Any, y: Any) -> Self:
        """Search, and pick a network.

        Args:
            X: Samples, finite numbers.
            y: Labels, ``(n,)``.

        Raises:
            ValueError: Unfit samples, labels or parameters; ``out`` exists; no network is within the bounds.
        """
        if not (isinstance(self.pick, Mapping) or self.pick in ("best", "knee")):
            raise UserError(f"pick must be 'best', 'knee' or bounds like {{'flops': 20000}}, got {self.pick!r}")
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(f"expected samples of two classes at least, got one class only, {self.classes_[0]!r}")
        rows = self._rows(labels)
        samples = raw_samples(X[rows], labels[rows], "the samples", axes=self.axes, task="classification")
        self._axes = samples.axes
        with _workspace(self.out) as (directory, dataset):
            with replacement(dataset) as file:
                np.savez(file, x_train=samples.x, y_train=samples.y, classes=self.classes_.astype(str))
            evolve(self._config(dataset, samples.axes), directory)
            run = Run(directory)
            self.front_, self.id_ = run.front(), self._picked(run)
            self.model_, self._shape = run.load(self.id_, raw=True), samples.x.shape[1:]
        self.run_ = None if self.out is None else run
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels, ``(n,)``."""
        check_is_fitted(self)
        labels: NDArray[Any] = self.classes_[self._logits(X).argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> Doubles:
        """Probabilities of ``classes_``, ``(n, n_classes)``."""
        probabilities: Doubles = softmax(self._logits(X), axis=1)
        return probabilities

    def __sklearn_tags__(self) -> Tags:
        """Images are samples too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _logits(self, X: Any) -> Doubles:
        """In float64, so that a sample's outputs do not depend on what else is in its batch."""
        import torch

        check_is_fitted(self)
        x, _ = channels_first(validate_data(self, X, reset=False, allow_nd=True), "X", self._axes)
        if x.shape[1:] != self._shape:
            raise UserError(f"expected samples of shape {self._shape}, channels first, as in fit, got {x.shape[1:]}")
        network = copy.deepcopy(self.model_).double()
        with torch.inference_mode():
            starts = range(0, len(x), PREDICTION_BATCH)
            batches = (torch.from_numpy(x[i : i + PREDICTION_BATCH].astype(np.float64)) for i in starts)
            outputs = [network(batch).numpy() for batch in batches]
        return np.concatenate(outputs)

    def _rows(self, labels: Ints) -> Ints:
        """Every sample once, and those that are the only ones of their class twice: to train and to validate on."""
        counts = np.bincount(labels)
        if (alone := counts == 1).any():
            names = ", ".join(map(repr, self.classes_[alone].tolist()))
            warnings.warn(f"there is only one sample of {names}: it is trained on and validated on", stacklevel=3)
        return np.concatenate([np.arange(len(labels)), np.flatnonzero(alone[labels])])

    def _config(self, dataset: Path, axes: Axes | None) -> RunConfig:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        n_cores = os.cpu_count() or 1
        jobs = 1 if self.n_jobs is None else self.n_jobs if self.n_jobs >= 0 else max(1, n_cores + 1 + self.n_jobs)
        values = {
            "space": self.space, "space_options": dict(self.space_options or {}), "dataset": str(dataset),
            "constraints": () if self.flops is None else (f"flops<={self.flops}",), "generations": self.generations,
            "population": self.population, "epochs": self.epochs, "time_limit": self.time_limit, "jobs": jobs,
            "seed": seed, "split_seed": seed, "axes": axes and AXES_INSIDE[axes], "task": "classification",
            "classes": tuple(map(str, self.classes_.tolist())),
        }
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
        config = check_config(plain, source=type(self).__name__)
        return config.model_copy(update={"children": max(1, config.population // 2)})

    def _picked(self, run: Run) -> int:
        if self.pick == "knee":
            return run.knee()
        return run.best(self.pick if isinstance(self.pick, Mapping) else {})


@contextmanager
def _workspace(out: str | Path | None) -> Iterator[tuple[Path, Path]]:
    """A run directory to make, and a file for its samples; both vanish afterwards where ``out`` is None."""
    if out is None:
        with TemporaryDirectory(prefix="evonas-") as folder:
            yield Path(folder, "run"), Path(folder, "samples.npz")
        return
    directory = absolute(out)
    samples = directory.with_name(f"{directory.name}.npz")
    check_absent(directory)
    if os.path.lexists(samples):
        raise UserError(f"{samples}, where the samples would be kept, exists already: choose another out")
    try:
        samples.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {samples.parent}: {error.strerror}; choose another out") from None
    try:
        yield directory, samples
    except OSError as error:
        raise UserError(f"cannot write {samples}: {error.strerror}") from None
    finally:
        if not directory.exists():
            samples.unlink(missing_ok=True)
