"""Common base class of the estimators: parameters, the search in ``fit``, and the networks of the front."""

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
from evonas.objectives.metrics import METRICS
from evonas.run.api import Run
from evonas.run.build import assemble
from evonas.run.evolution import stored, workspace
from evonas.run.observer import RunObserver
from evonas.run.open import open_run
from evonas.run.refit import module, settle, share_of_time, standings
from evonas.run.start import begin
from evonas.serialization import renamed
from evonas.types import MOST, Doubles, UserError, suggestion

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

#: The network that predicts: the one with the least error, the smallest within a standard error of it, the knee of the
#: front, or the best within bounds.
Pick: TypeAlias = Literal["best", "one-se", "knee"] | Mapping[str, float]

#: Samples per forward pass, which bounds memory only.
PREDICTION_BATCH = 1024
#: Number of generations if neither it nor the time is limited.
GENERATIONS = 20
#: Share of a time limit after which training ends; the rest is for preparing the networks.
READY = 0.97


class SearchEstimator(BaseEstimator, ABC):  # type: ignore[misc]
    """An estimator that searches for its own network: ``fit`` evolves a Pareto front of error and FLOPs.

    Samples are rows of features, ``(n, n_features)``, signals, ``(n, channels, length)``, or images, ``(n, height,
    width)``, ``(n, channels, height, width)`` or ``(n, height, width, channels)``. A fifth of the samples (a sixth of
    10 000 or more) is held back to compare networks. The result is the same for equal arguments and any ``n_jobs``,
    unless ``time_limit`` cuts the search.

    Args:
        flops: Largest number of FLOPs per sample (2 per edge); None for any.
        generations: Number of generations after the founders; None means as many as fit into ``time_limit``, and 20
            without it.
        population: Survivors of a generation; half as many children are born in the next.
        epochs: Epochs of every trial; None means a number that suits that of the samples: see
            :func:`evonas.training.length.default_epochs`.
        time_limit: Seconds for the whole of ``fit``, all of which are used unless ``generations`` ends it before.
        n_jobs: Number of parallel trials; None means 1, -1 as many as there are cores.
        random_state: A number, a ``RandomState``, or None for another search each time.
        metric: Quality that the front trades against FLOPs, any that ``evonas metrics`` lists; None means the error, a
            mean of validation and training samples. ``"trainval_balanced_error"`` weighs all classes equally.
        pick: The network that predicts: ``"best"`` by ``metric``; ``"one-se"``, the smallest within one standard error
            of it; the ``"knee"`` of the front, beyond which more FLOPs gain little; or the best within bounds like
            ``{"flops": 20_000}``. On tables errors are those on held-out folds of all samples, on which the best of
            every size are trained anew; else those of the front.
        ensemble: Number of networks, the best ones, whose probabilities or predictions are averaged.
        verbose: 1 shows progress, a bar on a terminal and a line every few seconds elsewhere, as in a notebook; 2
            prints a line for every generation.
        callbacks: Objects that observe the search, see :class:`evonas.RunObserver`. (``clone`` copies them.)
        out: A directory to create for a run like any other, with its samples in ``OUT.npz`` beside it. If it holds a
            run already, as in cross-validation, ``OUT-2``, ``OUT-3`` and so on are created; ``run_.path`` is the actual
            path. None keeps neither.
        space: Name of the search space.
        space_options: Options of the search space.
        axes: Axes of a sample, in letters like ``"hwc"``: see :mod:`evonas.data.axes`. None infers them from the shape.

    Attributes:
        n_features_in_: ``X.shape[1]``.
        front_: The front in the form of :meth:`evonas.run.api.Run.front`, and the network that was picked.
        finalists_: Networks that were compared on folds of a table, see :func:`evonas.run.refit.standings`; the picked
            one is first.
        id_: Id of the individual that was picked.
        model_: Its network, trained on all samples: a module from samples in the units of ``X``, channels first; for an
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
        """Add the shared parameters and attributes to the docstring of a subclass, so that ``help`` shows them."""
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
        """Checked samples without those of weight 0; sets the attributes that ``fit`` learns from ``y``.

        Args:
            X: See :meth:`fit`.
            y: See :meth:`fit`.
            sample_weight: See :meth:`fit`.
        """
        ...

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search, and pick a network. Returns the estimator.

        Args:
            X: Samples, finite numbers.
            y: Labels or targets, ``(n,)``; for a regression also ``(n, n_outputs)``.
            sample_weight: Weight of each sample in training and in the error on the samples that are held back,
                ``(n,)``, not negative; None: all weigh the same. Samples of weight 0 are left out.

        Raises:
            ValueError: Unfit samples, targets, weights or parameters; ``out`` is no run and exists; no network is
                within the bounds, or none could be trained within the time.
        """
        since = time.monotonic()
        check_parameters(self.get_params(deep=False), type(self).__name__)
        raw = self._samples(X, y, sample_weight)
        self._axes, self._shape = raw.axes, raw.x.shape[1:]
        import_module("torch")  # needed by the picked network; its import takes seconds of the time limit
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
            pick = renamed.bounds(self.pick) if isinstance(self.pick, Mapping) else self.pick
            for name in pick if isinstance(pick, Mapping) else ():
                if name not in known:  # checked before the search instead of after it
                    raise UserError(f"pick: unknown metric {name!r}{suggestion(name, known)}")
            finished = begin(parts, directory, observers=observers, since=since)
            run = Run(directory)
            if run.front().empty and not finished and run.evaluations().empty:
                raise UserError(f"no network was trained within time_limit, {self.time_limit} s: give more time, fewer "
                                f"epochs or fewer samples")
            with open_run(directory) as opened:
                final = settle(
                    opened, parts.splits, pick=pick, deadline=deadline, fills=not finished, n_jobs=config.jobs,
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
            id: Id of a member, from the index of ``front_``, or of a network of the ensemble that predicts.

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
        """Write a network of the front to a file, and return the paths of all files written, that one first.

        C and ONNX take samples in the units of ``X``, channels first, and are checked against torch before they are
        written; :func:`evonas.load` reads the format ``torch``.

        Args:
            path: Path of the file; the header of C is written beside it.
            id: Id of the member of ``front_``; None means the one that predicts. The networks of an ensemble must be
                written one by one.
            format: ``"torch"``, ``"json"``, ``"onnx"`` or ``"c"``; None follows from the file's suffix:
                ``.safetensors``, ``.json``, ``.onnx``, ``.c``.
            precision: ``"float32"``, or for C also ``"int8"``, ``"int4"``, ``"ternary"`` (integers alone) or
                ``"int8-weights"`` (float32 with weights of 8 bits).

        Raises:
            ValueError: There is no such member or format, the file cannot be written, or the program does not compute
                what the network does.
        """
        check_is_fitted(self)
        if id is None and len(self._members.together) > 1:
            raise UserError(f"expected one network, got an ensemble of {', '.join(map(str, self._members.together))}: "
                            f"export them one by one, by id")
        return self._members.write(self.id_ if id is None else id, path, format, precision)

    def __sklearn_tags__(self) -> Tags:
        """Tags for scikit-learn: samples may be images."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.time_limit is not None
        return tags

    def _outputs(self, X: Any) -> Doubles:
        """Outputs ``(n, n_outputs)``, computed in float64, so that they do not depend on other samples in a batch."""
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
        """Values for the fields of :class:`evonas.config.RunConfig`."""
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
        """A run directory to create, and a file for its samples; both are removed afterwards if ``out`` is None."""
        if self.out is not None:
            with workspace(self.out, numbered=True) as places:
                yield places
            return
        with TemporaryDirectory(prefix="evonas-") as folder:
            yield Path(folder, type(self).__name__), Path(folder, "samples.npz")
