"""What the estimators share: parameters, the search in ``fit``, the networks of the front afterwards."""

from __future__ import annotations

import copy
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from evonas.data.arrays import RawSamples
from evonas.data.axes import Axes, channels_first
from evonas.data.numeric import names_columns
from evonas.estimator.members import Members, members_of
from evonas.estimator.parameters import check_parameters
from evonas.estimator.progress import watching
from evonas.estimator.refit import module, settle, share_of_time, standings
from evonas.metrics import METRICS
from evonas.run.api import Run
from evonas.run.build import assemble
from evonas.run.evolution import stored, workspace
from evonas.run.open import open_run
from evonas.run.start import RunObserver, begin
from evonas.types import MOST, Doubles, UserError, suggestion

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

#: Which network predicts: that with the least error, the smallest within a standard error of it, the knee of the front,
#: or the best within bounds.
Pick: TypeAlias = Literal["best", "one-se", "knee"] | Mapping[str, float]

#: Samples a forward pass; bounds memory only.
PREDICTION_BATCH = 1024
#: Generations where neither they nor the time is limited.
GENERATIONS = 20
#: Share of a time limit after which the networks are trained: the rest is for making them ready.
READY = 0.97


class SearchEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """An estimator that searches for its own network: ``fit`` evolves a Pareto front of error and FLOPs.

    Samples are rows of features, ``(n, n_features)``, signals, ``(n, channels, length)``, or images, ``(n, height,
    width)``, ``(n, channels, height, width)`` or ``(n, height, width, channels)``. A fifth of the samples (a sixth of
    10 000 or more) is held back to compare networks by. The result is the same for equal arguments, whatever
    ``n_jobs``, unless ``time_limit`` cuts the search.

    Args:
        flops: The most FLOPs a sample (2 an edge); None is any number.
        generations: After the founders; None is as many as ``time_limit`` has time for, and 20 without it.
        population: Survivors of a generation; half as many children are born in the next.
        epochs: Of every trial; None is 6, more where samples are few: see
            :func:`evonas.training.length.default_epochs`.
        time_limit: Seconds for the whole of ``fit``, all of which are used unless ``generations`` ends it before.
        n_jobs: Trials at a time; None is 1, -1 as many as there are cores.
        random_state: A number, a ``RandomState``, or None for another search each time.
        metric: What the front trades against FLOPs, any that ``evonas metrics`` lists; None is the error, a mean of
            validation and training samples. ``"fitness_balanced_error"`` counts all classes alike.
        pick: The network that predicts: ``"best"`` by ``metric``; ``"one-se"``, the smallest within one standard error
            of it; the ``"knee"`` of the front, where more FLOPs begin to buy little; or the best within bounds like
            ``{"flops": 20_000}``. On tables errors are those on held-out folds of all samples, on which the best of
            every size are trained anew; else those of the front.
        ensemble: Networks whose probabilities, or predictions, are averaged: the best of those.
        verbose: 1 shows progress, a bar on a terminal and a line every few seconds elsewhere, as in a notebook; 2
            prints a line for every generation.
        callbacks: Objects that watch the search, see :class:`evonas.RunObserver`. (``clone`` copies them.)
        out: A directory to make, for a run like any other; its samples are kept beside it in ``OUT.npz``. Where it
            holds a run already, as in cross-validation, ``OUT-2``, ``OUT-3`` and so on are made: ``run_.path`` says
            which. None keeps neither.
        space: Name of the search space.
        space_options: Its options.
        axes: Of a sample, in letters like ``"hwc"``: see :mod:`evonas.data.axes`. None lets the shape decide.

    Attributes:
        n_features_in_: ``X.shape[1]``.
        front_: The front as :meth:`evonas.run.api.Run.front` gives it, and the network that was picked.
        finalists_: On tables what was compared on folds, see :func:`evonas.estimator.refit.standings`; the one that was
            picked stands first.
        id_: The individual that was picked.
        model_: Its network, trained on all samples: a module from samples in the units of ``X``, channels first; of an
            ensemble the mean of several.
        run_: The :class:`evonas.run.api.Run`, None without ``out``.
    """

    def __init__(
        self, *, flops: float | None = None, generations: int | None = None, population: int = 20,
        epochs: int | None = None, time_limit: float | None = None, n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None, metric: str | None = None, pick: Pick = "best",
        ensemble: int = 1, verbose: int = 0, callbacks: Sequence[RunObserver] | None = None,
        out: str | Path | None = None, space: str = "neuron", space_options: Mapping[str, Any] | None = None,
        axes: Axes | None = None,
    ) -> None:
        self.flops = flops
        self.generations = generations
        self.population = population
        self.epochs = epochs
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.metric = metric
        self.pick = pick
        self.ensemble = ensemble
        self.verbose = verbose
        self.callbacks = callbacks
        self.out = out
        self.space = space
        self.space_options = space_options
        self.axes = axes

    def __init_subclass__(cls, **options: Any) -> None:
        """Help on an estimator shows the parameters and attributes that it shares with others."""
        super().__init_subclass__(**options)
        own, (_, head, shared) = cls.__dict__.get("__doc__"), (SearchEstimator.__doc__ or "").partition("    Args:")
        if own and head:  # python -OO leaves docstrings out
            cls.__doc__ = f"{own.rstrip()}\n\n    Shared parameters and attributes:\n\n{head}{shared}"

    finalists_: pd.DataFrame
    front_: pd.DataFrame
    id_: int
    model_: nn.Module
    run_: Run | None
    _members: Members

    @abstractmethod
    def _samples(self, X: Any, y: Any, sample_weight: Any) -> RawSamples:
        """Checked samples, those that count, and what else ``fit`` learns of ``y``."""
        ...

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search, and pick a network.

        Args:
            X: Samples, finite numbers.
            y: Labels or targets, ``(n,)``; of a regression also ``(n, n_outputs)``.
            sample_weight: What each sample counts in training and in the error on the samples that are held back,
                ``(n,)``, not negative; None: all count alike. Samples that count 0 are left out.

        Raises:
            ValueError: Unfit samples, targets, weights or parameters; ``out`` is no run and exists; no network is
                within the bounds, or none could be trained within the time.
        """
        since = time.monotonic()
        check_parameters(self.get_params(deep=False), type(self).__name__)
        raw = self._samples(X, y, sample_weight)
        self._axes, self._shape = raw.axes, raw.x.shape[1:]
        import_module("torch")  # seconds that belong to the time limit: the picked network needs it
        with ExitStack() as stack:
            observers = stack.enter_context(watching(self.verbose, self.callbacks))
            directory, dataset = stack.enter_context(self._workspace())
            config = stored(raw, dataset, self._settings(), source=type(self).__name__)
            limit, deadline = None, None
            if config.time_limit is not None:
                limit = (1 - share_of_time(self._shape)) * config.time_limit
                deadline = since + READY * config.time_limit
            changes = {"children": max(1, config.population // 2), "time_limit": limit}
            parts = assemble(config.model_copy(update=changes), directory)
            known = {*METRICS, *parts.evaluator.metric_names}
            for name in self.pick if isinstance(self.pick, Mapping) else ():
                if name not in known:  # not when the search is over
                    raise UserError(f"pick: unknown metric {name!r}{suggestion(name, known)}")
            finished = begin(parts, directory, observers=observers, since=since)
            run = Run(directory)
            if run.front().empty and not finished and run.evaluations().empty:
                raise UserError(f"no network was trained within time_limit, {self.time_limit} s: give more time, fewer "
                                f"epochs or fewer samples")
            with open_run(directory) as opened:
                final = settle(
                    opened, parts.splits, pick=self.pick, deadline=deadline, fills=not finished, n_jobs=config.jobs,
                    n_networks=self.ensemble,
                )
                self.id_, self.model_, self.finalists_ = final.id, module(opened, final), standings(final)
                self.front_ = run.front(also=[self.id_])
                self._members = members_of(opened, parts.splits, self.front_.index, final, kept=self.out)
        self.run_ = None if self.out is None else run
        return self

    def member(self, id: int) -> Self:
        """A fitted copy of this estimator that predicts with another member of ``front_``.

        Args:
            id: Of the member, from the index of ``front_``; or of a network of the ensemble that predicts.

        Raises:
            ValueError: There is none of this id.
        """
        check_is_fitted(self)
        other = copy.copy(self)
        other.id_, other.model_ = id, self._members.module(id)
        other._members = replace(self._members, together=(id,))
        return other

    def export(
        self, path: str | Path, *, id: int | None = None, format: str | None = None, precision: str = "float32"
    ) -> tuple[Path, ...]:
        """Write a network of the front to a file, and return all that were written, that one first.

        C and ONNX take samples in the units of ``X``, channels first, and are checked against torch before they are
        written; :func:`evonas.load` reads what ``torch`` writes.

        Args:
            path: Of the file; the header of C stands beside it.
            id: Of the member of ``front_``; None is the one that predicts. Of an ensemble each has a file of its own.
            format: ``"torch"``, ``"json"``, ``"onnx"`` or ``"c"``; None follows from the file's suffix:
                ``.safetensors``, ``.json``, ``.onnx``, ``.c``.
            precision: ``"float32"``, or for C ``"int8"``.

        Raises:
            ValueError: There is no such member or format, the file cannot be written, or what would be written does not
                compute what the network does.
        """
        check_is_fitted(self)
        if id is None and len(self._members.together) > 1:
            raise UserError(f"expected one network, got an ensemble of {', '.join(map(str, self._members.together))}: "
                            f"export them one by one, by id")
        return self._members.write(self.id_ if id is None else id, path, format, precision)

    def __sklearn_tags__(self) -> Tags:
        """Images are samples too."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.time_limit is not None
        return tags

    def _outputs(self, X: Any) -> Doubles:
        """In float64, so that a sample's outputs do not depend on what else is in its batch."""
        import torch

        check_is_fitted(self)
        with names_columns(X):
            checked = validate_data(self, X, reset=False, allow_nd=True)
        x, _ = channels_first(checked, "X", self._axes)
        if x.shape[1:] != self._shape:
            raise UserError(f"expected samples of shape {self._shape}, channels first, as in fit, got {x.shape[1:]}")
        network = copy.deepcopy(self.model_).double()
        with torch.inference_mode():
            starts = range(0, len(x), PREDICTION_BATCH)
            batches = (torch.from_numpy(x[i : i + PREDICTION_BATCH].astype(np.float64)) for i in starts)
            outputs = [network(batch).numpy() for batch in batches]
        return np.concatenate(outputs)

    def _settings(self) -> dict[str, Any]:
        """Fields of :class:`evonas.config.RunConfig`."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        n_cores = os.cpu_count() or 1
        jobs = 1 if self.n_jobs is None else self.n_jobs
        if jobs < 0:
            jobs = max(1, n_cores + 1 + jobs)
        generations = self.generations
        if generations is None:
            generations = GENERATIONS if self.time_limit is None else MOST
        values = {
            "space": self.space, "space_options": dict(self.space_options or {}),
            "objectives": None if self.metric is None else (self.metric, "flops"),
            "constraints": () if self.flops is None else (f"flops<={self.flops}",), "generations": generations,
            "population": self.population, "epochs": self.epochs, "time_limit": self.time_limit, "jobs": jobs,
            "seed": seed, "split_seed": seed,
        }
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}

    @contextmanager
    def _workspace(self) -> Iterator[tuple[Path, Path]]:
        """A run directory to make, and a file for its samples; both vanish afterwards where ``out`` is None."""
        if self.out is not None:
            with workspace(self.out, numbered=True) as places:
                yield places
            return
        with TemporaryDirectory(prefix="evonas-") as folder:
            yield Path(folder, type(self).__name__), Path(folder, "samples.npz")
