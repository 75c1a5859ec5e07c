"""The native trainer: whole epochs in one call of C++ that releases the GIL."""

from __future__ import annotations

import math
import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Cancelled, Epoch, Recipe, Stop
from evonas.training.augmentation import Views
from evonas.training.patience import Patience
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.trainer.base import (
    SCORE_SAMPLES,
    Gradients,
    Network,
    Statistics,
    TrainedNetwork,
    n_batches,
    sample_order,
    schedule,
    shuffled_together,
)
from search_spaces.neuron.trainer.checks import check_candidates, check_network, check_samples, check_training
from search_spaces.neuron.trainer.hashing import dropout_threshold, step_keys
from search_spaces.neuron.trainer.library import (
    Data,
    EpochView,
    Outcome,
    Session,
    available,
    instruction_set,
    pointer,
    supported_instruction_sets,
)

__all__ = ["NativeTrainer", "available", "instruction_set", "supported_instruction_sets"]


class NativeTrainer:
    """Implements :class:`search_spaces.neuron.trainer.base.Trainer` in C++; see ``search_spaces/neuron/native``."""

    name = "native"
    releases_gil = True

    @property
    def description(self) -> str:
        """The instruction set that was chosen for this machine."""
        return f"native, {instruction_set()}"

    def train(
        self, network: Network, splits: Splits, recipe: Recipe, *, epochs: int, seed: int, stop: Stop,
        frozen: NDArray[np.bool_] | None = None,
    ) -> TrainedNetwork:
        """Train; see the protocol.

        Raises:
            ValueError: An argument does not fit the others.
            FloatingPointError: The loss became NaN or infinite.
            Cancelled, TrialTimeout: As ``stop`` demands.
        """
        check_training(network, splits.train, splits.task, frozen)
        if len(splits.validation):
            check_samples(splits.validation, network, splits.task)
        with Session(network, frozen) as session:
            return _Run(session, network, splits, recipe, epochs=epochs, seed=seed, stop=stop).train()

    def predict(self, network: Network, samples: Samples) -> Floats:
        """Outputs before softmax, ``(n, n_outputs)``."""
        check_network(network)
        check_samples(samples, network)
        with Session(network) as session:
            return session.outputs(Data(samples, None, Recipe()))

    def gradients(self, network: Network, samples: Samples, task: Task, recipe: Recipe) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch."""
        check_network(network)
        check_samples(samples, network, task)
        with Session(network) as session:
            return Gradients(*session.gradients(Data(samples, task, recipe)))

    def edge_scores(self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints) -> Floats:
        """E[h_u * delta_v] of absent edges, ``(n_candidates,)``."""
        check_network(network)
        check_samples(samples, network, task)
        check_candidates(candidates, network)
        with Session(network) as session:
            return session.edge_scores(Data(samples, task, recipe), candidates)

    def statistics(self, network: Network, samples: Samples, task: Task, recipe: Recipe) -> Statistics:
        """Activation and gradient statistics of every neuron."""
        check_network(network)
        check_samples(samples, network, task)
        with Session(network) as session:
            return Statistics(*(array.astype(np.float32) for array in session.statistics(Data(samples, task, recipe))))


class _Run:
    """One training run: the schedule of every step, and the loop over epochs."""

    def __init__(
        self, session: Session, network: Network, splits: Splits, recipe: Recipe, *, epochs: int, seed: int, stop: Stop,
    ) -> None:
        self.session, self.recipe, self.epochs, self.seed, self.stop = session, recipe, epochs, seed, stop
        self.group = shuffled_together(recipe.batch_size)
        self.data = Data(splits.train, splits.task, recipe, packed_order=self.group > 1)
        self.validation = Data(splits.validation, splits.task, Recipe()) if len(splits.validation) else None
        self.views = Views(splits.train.x.shape[1:], recipe)
        self.n_batches = n_batches(len(splits.train), recipe.batch_size)
        n_steps = epochs * self.n_batches
        plan = schedule(recipe, network.genotype, n_steps)
        self.rates = plan.rates
        self.keep = np.full(n_steps, -1, np.int32)
        self.keep[list(plan.prunes)] = list(plan.prunes.values())
        self.share = np.zeros(n_steps)
        self.share[list(plan.regrows)] = list(plan.regrows.values())
        self.release = plan.release
        self.first_judged = max(0, plan.settled - 1) // self.n_batches

    def train(self) -> TrainedNetwork:
        history: list[Epoch] = []
        patience: Patience[Network] = Patience(self.recipe.patience, first=self.first_judged)
        edge_updates = 0.0
        for epoch in range(self.epochs):
            train_loss, updates = self._epoch(epoch)
            val_loss = patience.validated(partial(self._validate, epoch))
            edge_updates += updates
            history.append(Epoch(train_loss, val_loss, self.session.n_edges))
            if patience.ends(val_loss, self.session.network):
                break
        return TrainedNetwork(patience.best or self.session.network(), tuple(history), edge_updates)

    def _epoch(self, epoch: int) -> tuple[float, float]:
        """Mean training loss and edge updates."""
        self.stop.check()
        recipe, n = self.recipe, self.data.n_samples
        first = epoch * self.n_batches
        order = sample_order(n, recipe.batch_size, seed=self.seed, epoch=epoch).astype(np.int32)
        steps = slice(first, first + self.n_batches)
        rates, keep, share = (np.ascontiguousarray(a[steps]) for a in (self.rates, self.keep, self.share))
        by_gradient = recipe.regrowth is None or recipe.regrowth.grow == "gradient"
        keys = None
        if recipe.input_dropout or not by_gradient:
            keys = np.array([step_keys(self.seed, s) for s in range(first, first + self.n_batches)], np.uint32)
        release = self.release - first if first <= self.release <= first + self.n_batches else -1
        drawn = self.views.drawn(self.n_batches, seed=self.seed, epoch=epoch)
        view = EpochView(
            pointer(order), min(recipe.batch_size, n), self.group, first, release, pointer(rates), pointer(keep),
            pointer(share), pointer(keys), dropout_threshold(recipe.input_dropout), 1 / (1 - recipe.input_dropout),
            pointer(self.views.sources), pointer(drawn), recipe.clip_norm or 0.0, recipe.weight_decay,
            recipe.optimizer == "adamw", SCORE_SAMPLES if by_gradient else 0, pointer(self.stop.flag),
            self.stop.deadline - time.monotonic(),
        )
        outcome, result = self.session.train_epoch(self.data, view)
        if outcome is Outcome.STOPPED:
            self.stop.check()
            raise Cancelled("training was stopped")
        if outcome is Outcome.DIVERGED:
            raise FloatingPointError(
                f"the training loss became {result.loss} in epoch {epoch + 1}; lower the learning rate"
            )
        return result.loss, result.edge_updates

    def _validate(self, epoch: int) -> float | None:
        if self.validation is None:
            return None
        loss = self.session.loss(self.validation)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the validation loss became {loss} in epoch {epoch + 1}; lower the learning rate")
        return loss
