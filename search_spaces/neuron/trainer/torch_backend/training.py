"""Loop over epochs and steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.data.samples import Splits
from evonas.training import Epoch, Recipe
from evonas.training.augmentation import Augmentation
from evonas.training.early_stopping import EarlyStopping
from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import Assignment, Network, TrainedNetwork
from search_spaces.neuron.trainer.counter_rng import dropout_mask, growth_scores, hidden_mask
from search_spaces.neuron.trainer.sample_order import SCORE_SAMPLES, n_batches, sample_order
from search_spaces.neuron.trainer.schedule import schedule
from search_spaces.neuron.trainer.torch_backend.batches import mean_loss, pieces, predict, problem
from search_spaces.neuron.trainer.torch_backend.learner import Learner
from search_spaces.neuron.trainer.torch_backend.rewiring import pruned, regrown, regrown_by_pair, score_blocks


class Training:
    """Training run of a learner.

    Args:
        learner: The network in training.
        assignment, splits, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.train`.
    """

    def __init__(self, learner: Learner, assignment: Assignment, splits: Splits, teacher: Floats | None) -> None:
        recipe, epochs = assignment.recipe, assignment.epochs
        self._learner, self._recipe, self._epochs = learner, recipe, epochs
        self._seed, self._stop = assignment.seed, assignment.stop
        self._train = problem(splits.train, splits.task, recipe, teacher)
        self._validation = problem(splits.validation, splits.task, Recipe()) if len(splits.validation) else None
        per_epoch = n_batches(len(splits.train), recipe.batch_size)
        n_steps = epochs * per_epoch
        self._plan = schedule(recipe, learner.genotype, n_steps, per_epoch)
        self._first_judged = max(0, self._plan.settled - 1) // per_epoch
        self._augmentation = Augmentation(splits.train.x.shape[1:], recipe)
        self._n_steps_done = 0
        self._edge_updates = 0.0

    def run(self) -> TrainedNetwork:
        """Train to the end, or until the validation loss has not fallen for ``patience`` epochs."""
        if self._plan.release == 0:
            self._learner.release()
        history: list[Epoch] = []
        stopping: EarlyStopping[Network] = EarlyStopping(self._recipe.patience, first=self._first_judged)
        for epoch in range(self._epochs):
            train_loss = self._epoch(epoch)
            val_loss = stopping.validated(self._validate)
            history.append(Epoch(train_loss, val_loss, self._learner.genotype.n_edges))
            if stopping.ends(val_loss, self._learner.network):
                break
        return TrainedNetwork(stopping.best or self._learner.network(), tuple(history), self._edge_updates)

    def _epoch(self, epoch: int) -> float:
        n, size = len(self._train.x), self._recipe.batch_size
        order = sample_order(n, size, seed=self._seed, epoch=epoch)
        views = self._augmentation.of_steps(n_batches(n, size), seed=self._seed, epoch=epoch)
        total = 0.0
        for view, begin in zip(views, range(0, n, size), strict=True):
            self._stop.check()
            index = order[begin : begin + size]
            self._edge_updates += len(index) * self._learner.genotype.n_edges
            total += len(index) * self._step(index, view)
            self._rewire(order[begin : begin + SCORE_SAMPLES])
            self._n_steps_done += 1
        return total / n

    def _step(self, index: Ints, view: NDArray[np.int32] | None) -> float:
        """Update the parameters once and return the mean loss before the update."""
        recipe, learner, step = self._recipe, self._learner, self._n_steps_done
        batch = self._train.take(index)
        if view is not None:
            batch = replace(batch, x=batch.x[:, view])
        if recipe.input_dropout:
            mask = dropout_mask(index, batch.x.shape[1], rate=recipe.input_dropout, seed=self._seed, step=step)
            batch = replace(batch, x=batch.x * mask)
        if recipe.hidden_dropout:
            sizes = learner.genotype.n_inputs, learner.genotype.n_hidden
            rate, seed = recipe.hidden_dropout, self._seed
            batch = replace(batch, mask=hidden_mask(index, *sizes, rate=rate, seed=seed, step=step))
        loss, gradient = 0.0, torch.zeros_like(learner.parameters)
        for piece in pieces(learner.propagation, learner.parameters, batch):
            loss += piece.loss
            gradient += piece.gradient
        if not math.isfinite(loss):
            raise FloatingPointError(f"the training loss became {loss} at step {step}; lower the learning rate")
        learner.step(gradient, float(self._plan.rates[step]), step)
        return loss

    def _rewire(self, scored: Ints) -> None:
        """Release, prune and regrow at their steps; ``scored`` are the samples on which absent edges are scored."""
        learner, step, plan = self._learner, self._n_steps_done, self._plan
        if plan.release == step + 1:
            learner.release()
        if plan.prunes.get(step, learner.genotype.n_edges) < learner.genotype.n_edges:
            edge = learner.edge.cpu().numpy()
            learner.rewire(pruned(learner.genotype, edge, learner.frozen, plan.prunes[step]))
        if step in plan.regrows:
            scores, edge = self._scores(scored), learner.edge.cpu().numpy()
            assert self._recipe.regrowth is not None
            move = regrown_by_pair if self._recipe.regrowth.scope == "layer-pair" else regrown
            learner.rewire(move(learner.genotype, edge, learner.frozen, plan.regrows[step], scores))

    def _scores(self, index: Ints) -> Iterator[Floats]:
        """Yield E[h_u * delta_v] of all pairs, or random scores, as :func:`regrown` takes them."""
        learner = self._learner
        n_inputs = learner.genotype.n_inputs
        assert self._recipe.regrowth is not None
        if self._recipe.regrowth.grow == "random":
            for rows, n_sources in score_blocks(learner.genotype):
                yield growth_scores(rows, n_sources, seed=self._seed, step=self._n_steps_done)
            return
        passes = [
            (piece.delta, piece.activations.h)
            for piece in pieces(learner.propagation, learner.parameters, self._train.take(index))
        ]
        for rows, n_sources in score_blocks(learner.genotype):
            own = slice(rows[0] - n_inputs, rows[-1] + 1 - n_inputs)
            products = [delta[own] @ h[:n_sources].t() for delta, h in passes]
            yield torch.stack(products).sum(0).cpu().numpy() if len(products) > 1 else products[0].cpu().numpy()

    def _validate(self) -> float | None:
        if self._validation is None:
            return None
        outputs = predict(self._learner.propagation, self._learner.parameters, self._validation.x)
        return mean_loss(outputs, self._validation)
