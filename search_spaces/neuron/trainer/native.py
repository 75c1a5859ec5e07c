"""Native trainer: one call of C++ trains one epoch, or several short ones, and releases the GIL."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Cancelled, Epoch, Recipe
from evonas.training.augmentation import Augmentation
from evonas.training.early_stopping import EarlyStopping
from evonas.training.turns import leaving
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.trainer.base import Assignment, Gradients, Network, Statistics, TrainedNetwork
from search_spaces.neuron.trainer.checks import (
    check_assignment,
    check_batch,
    check_candidates,
    check_network,
    check_samples,
)
from search_spaces.neuron.trainer.counter_rng import dropout_threshold, step_keys
from search_spaces.neuron.trainer.library import (
    Data,
    EpochResult,
    EpochView,
    Outcome,
    Session,
    available,
    instruction_set,
    pointer,
    supported_instruction_sets,
)
from search_spaces.neuron.trainer.rounding import rounding_for
from search_spaces.neuron.trainer.sample_order import SCORE_SAMPLES, n_batches, sample_orders, shuffled_together
from search_spaces.neuron.trainer.schedule import schedule

#: Most samples of several short epochs that one call trains: the time between two calls is that of some hundred samples
#: of a small network, and the processor is not free for other threads then.
SAMPLES_AT_ONCE = 2**17

__all__ = ["NativeTrainer", "available", "instruction_set", "supported_instruction_sets"]


class NativeTrainer:
    """Trainer in C++; implements :class:`search_spaces.neuron.trainer.base.Trainer`.

    Its sources are in ``search_spaces/neuron/native``.
    """

    name = "native"
    releases_gil = True

    @property
    def description(self) -> str:
        """Instruction set that was chosen for this machine."""
        return f"native, {instruction_set()}"

    def train(self, assignment: Assignment, splits: Splits, teacher: Floats | None = None) -> TrainedNetwork:
        """Train a network in native code; see :meth:`search_spaces.neuron.trainer.base.Trainer.train`."""
        check_assignment(assignment, splits, teacher)
        rounding = rounding_for(assignment.network, splits, assignment.recipe.quantisation)
        with Session(assignment.network, assignment.frozen, rounding) as session:
            return _Run(session, assignment, splits, teacher).train()

    def predict(self, network: Network, samples: Samples) -> Floats:
        """Return outputs before softmax, ``(n, n_outputs)``."""
        check_network(network)
        check_samples(samples, network)
        with Session(network) as session:
            return session.outputs(Data(samples, None, Recipe()))

    def gradients(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.gradients`.
        """
        check_batch(network, samples, task, teacher)
        with Session(network) as session:
            return Gradients(*session.gradients(Data(samples, task, recipe, teacher)))

    def edge_scores(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints,
        teacher: Floats | None = None,
    ) -> Floats:
        """E[h_u * delta_v] of absent edges, ``(n_candidates,)``.

        Args:
            network, samples, task, recipe, candidates, teacher: See
                :meth:`search_spaces.neuron.trainer.base.Trainer.edge_scores`.
        """
        check_batch(network, samples, task, teacher)
        check_candidates(candidates, network)
        with Session(network) as session:
            return session.edge_scores(Data(samples, task, recipe, teacher), candidates)

    def statistics(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Statistics:
        """Activation and gradient statistics of every neuron.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.statistics`.
        """
        check_batch(network, samples, task, teacher)
        with Session(network) as session:
            found = session.statistics(Data(samples, task, recipe, teacher))
        return Statistics(*(array.astype(np.float32) for array in found))


class _Run:
    """Training run: the schedule of every step, and the loop over epochs.

    Args:
        session: The network in native code.
        assignment, splits, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.train`.
    """

    def __init__(
        self, session: Session, assignment: Assignment, splits: Splits, teacher: Floats | None
    ) -> None:
        recipe, epochs = assignment.recipe, assignment.epochs
        self.session, self.recipe, self.epochs = session, recipe, epochs
        self.seed, self.stop = assignment.seed, assignment.stop
        self.group = shuffled_together(recipe.batch_size)
        self.data = Data(splits.train, splits.task, recipe, teacher, packed_order=self.group > 1)
        self.validation = Data(splits.validation, splits.task, Recipe()) if len(splits.validation) else None
        self.augmentation = Augmentation(splits.train.x.shape[1:], recipe)
        self.n_batches = n_batches(len(splits.train), recipe.batch_size)
        n_steps = epochs * self.n_batches
        plan = schedule(recipe, assignment.network.genotype, n_steps, self.n_batches)
        self.rates = np.ascontiguousarray(plan.rates)
        self.keep = np.full(n_steps, -1, np.int32)
        self.keep[list(plan.prunes)] = list(plan.prunes.values())
        self.share = np.zeros(n_steps)
        self.share[list(plan.regrows)] = list(plan.regrows.values())
        self.plans = [(array.ctypes.data, array.itemsize) for array in (self.rates, self.keep, self.share)]
        self.by_gradient = recipe.regrowth is None or recipe.regrowth.grow == "gradient"
        self.by_pair = recipe.regrowth is not None and recipe.regrowth.scope == "layer-pair"
        self.release = plan.release
        self.first_judged = max(0, plan.settled - 1) // self.n_batches

    def train(self) -> TrainedNetwork:
        history: list[Epoch] = []
        stopping: EarlyStopping[Network] = EarlyStopping(self.recipe.patience, first=self.first_judged)
        edge_updates = 0.0
        while len(history) < self.epochs:
            for result in self._epochs(len(history)):
                val_loss = stopping.validated(partial(self._validate, len(history)))
                edge_updates += result.edge_updates
                history.append(Epoch(result.loss, val_loss, result.n_edges))
            if stopping.ends(val_loss, self.session.network):
                break
        return TrainedNetwork(stopping.best or self.session.network(), tuple(history), edge_updates)

    def _epochs(self, first: int) -> Sequence[EpochResult]:
        """Train the epochs from ``first`` on that one call takes: one if each is validated, else as many as fit."""
        self.stop.check()
        at_once = 1 if self.recipe.patience is not None else max(1, SAMPLES_AT_ONCE // self.data.n_samples)
        epochs = range(first, min(first + at_once, self.epochs))
        recipe, n = self.recipe, self.data.n_samples
        orders = sample_orders(n, recipe.batch_size, seed=self.seed, epochs=epochs).astype(np.int32)
        drawn = [self._drawn(epoch) for epoch in epochs]
        shared = self._shared_view()
        views = [self._view(shared, epoch, *arrays) for epoch, arrays in zip(epochs, drawn, strict=True)]
        for number, view in enumerate(views):
            view.order = orders.ctypes.data + number * orders.strides[0]
        leaving()
        outcome, results, n_done = self.session.train_epochs(self.data, views)
        if outcome is Outcome.STOPPED:
            self.stop.check()
            raise Cancelled("training was stopped")
        if outcome is Outcome.DIVERGED:
            loss, epoch = results[n_done].loss, first + n_done + 1
            raise FloatingPointError(f"the training loss became {loss} in epoch {epoch}; lower the learning rate")
        return results

    def _drawn(self, epoch: int) -> tuple[NDArray[np.uint32] | None, NDArray[np.int32] | None]:
        """Return keys of hashes and views of the steps of an epoch, None for those that are not needed."""
        keys = None
        if self.recipe.input_dropout or self.recipe.hidden_dropout or not self.by_gradient:
            steps = range(epoch * self.n_batches, (epoch + 1) * self.n_batches)
            keys = np.array([step_keys(self.seed, step) for step in steps], np.uint32)
        return keys, self.augmentation.drawn(self.n_batches, seed=self.seed, epoch=epoch)

    def _shared_view(self) -> EpochView:
        """The fields that all epochs have in common."""
        recipe = self.recipe
        return EpochView(
            batch_size=min(recipe.batch_size, self.data.n_samples), group=self.group, release=-1,
            dropout_threshold=dropout_threshold(recipe.input_dropout), dropout_scale=1 / (1 - recipe.input_dropout),
            hidden_threshold=dropout_threshold(recipe.hidden_dropout), hidden_scale=1 / (1 - recipe.hidden_dropout),
            views=pointer(self.augmentation.sources), clip_norm=recipe.clip_norm or 0.0,
            weight_decay=recipe.weight_decay, decoupled=recipe.optimizer == "adamw",
            n_score_samples=SCORE_SAMPLES if self.by_gradient else 0, by_pair=self.by_pair,
            stop=pointer(self.stop.flag), seconds_left=self.stop.deadline - time.monotonic(),
        )

    def _view(
        self, shared: EpochView, epoch: int, keys: NDArray[np.uint32] | None, drawn: NDArray[np.int32] | None
    ) -> EpochView:
        """Return the steps of an epoch without the order of samples. The view points to arrays that must outlive it.

        Args:
            shared: See :meth:`_shared_view`; stays as it is.
            epoch: Counts from 0.
            keys: See :meth:`_drawn`.
            drawn: See :meth:`_drawn`.
        """
        view, first = EpochView.from_buffer_copy(shared), epoch * self.n_batches
        view.first_step = first
        if first <= self.release <= first + self.n_batches:
            view.release = self.release - first
        view.rates, view.keep, view.share = (address + first * size for address, size in self.plans)
        view.keys, view.view = pointer(keys), pointer(drawn)
        return view

    def _validate(self, epoch: int) -> float | None:
        if self.validation is None:
            return None
        loss = self.session.loss(self.validation)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the validation loss became {loss} in epoch {epoch + 1}; lower the learning rate")
        return loss
