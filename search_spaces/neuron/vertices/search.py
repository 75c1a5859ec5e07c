"""The bilevel training of weights and structure.

Weights w learn ``L = -log p(train | w, Gamma) + 1/2 w^T A w``; logits of Gamma and the decays A learn ``Q = -log
p(held-out | w', Gamma) - c log P(Gamma)``, where w' is w after one step of training, which depends on both (Liu 2019,
https://arxiv.org/abs/1806.09055). Likelihoods are means over samples: cross-entropy, or the mean squared error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from evonas.data.samples import Splits
from evonas.supernet.bilevel import Unroll, second_order_gradient
from evonas.supernet.optimizers import Batch, LogitLearner, data_loss
from evonas.supernet.relaxation import temperature
from evonas.training import Recipe, Stop
from evonas.training.device import current
from evonas.types import Floats, Ints, Metrics, Task
from search_spaces.neuron.trainer.base import Norm
from search_spaces.neuron.trainer.checks import check_shape
from search_spaces.neuron.trainer.sample_order import n_batches, sample_order
from search_spaces.neuron.trainer.torch_backend.batches import Problem, problem
from search_spaces.neuron.vertices.discretize import chosen_path
from search_spaces.neuron.vertices.network import RelaxedNetwork
from search_spaces.neuron.vertices.settings import VertexSettings
from search_spaces.neuron.vertices.structure import Structure, structure_penalty, weight_penalty


class Relaxed(NamedTuple):
    """Result of a search.

    Attributes:
        network: All functions with their weights.
        gammas: Gammas of every vertex, ``(n_pairs,)`` each, without noise.
        decays: Decays of every function with weights, in the order of ``network.decayed``.
        edge_updates: Weights between neurons times samples, over all passes, as in
            :class:`evonas.training.Trained`.
    """

    network: RelaxedNetwork
    gammas: list[Tensor]
    decays: Floats
    edge_updates: float


@dataclass(frozen=True)
class StepContext:
    """Values that all losses of one gradient share: the temperature, and the noise of every vertex."""

    temperature: float
    noise: tuple[Tensor, ...]


class Losses:
    """The two losses at the present weights and structure, each with its graph.

    Attributes:
        edge_updates: See :class:`Relaxed`.
    """

    def __init__(self, network: RelaxedNetwork, structure: Structure, task: Task, settings: VertexSettings) -> None:
        self._network, self._structure = network, structure
        self._task, self._settings = task, settings
        self.edge_updates = 0.0

    def gammas(self, context: StepContext) -> list[Tensor]:
        """Gammas of every vertex."""
        return self._structure.relax(self._settings.relaxation, context.temperature, context.noise)

    def data(self, batch: Batch, gammas: Sequence[Tensor]) -> Tensor:
        """Minus the mean log likelihood, but for a constant."""
        self.edge_updates += float(self._network.n_edges) * len(batch.x)
        return data_loss(self._network(batch.x, gammas), batch, self._task)

    def of_weights(self, batch: Batch, context: StepContext) -> Tensor:
        """L."""
        penalty = weight_penalty(self._network.decayed, self._structure.decays)
        return self.data(batch, self.gammas(context)) + penalty

    def of_structure(self, batch: Batch, context: StepContext) -> Tensor:
        """Q."""
        gammas, settings = self.gammas(context), self._settings
        loss = self.data(batch, gammas)
        if settings.prior is None:
            return loss
        penalty = structure_penalty(settings.prior, settings.prior_parameter, self._structure.logits, gammas)
        return loss + settings.prior_weight * penalty

    def structure_gradient(self, for_weights: Batch, held_out: Batch, context: StepContext, unroll: Unroll) -> Tensor:
        """Gradient of Q after one step of the weights, at the structure's values.

        Args:
            for_weights: Batch of the loss L.
            held_out: Batch of the loss Q.
            context: The same for both.
            unroll: The step; its weight decay is 0, since A is that.
        """
        return second_order_gradient(
            self._structure.values, self._network.trained, unroll=unroll,
            train_loss=lambda: self.of_weights(for_weights, context),
            val_loss=lambda: self.of_structure(held_out, context),
        )


def relax(
    splits: Splits, recipe: Recipe, *, width: int, norm: Norm, settings: VertexSettings, epochs: int, seed: int,
    stop: Stop, report: Callable[[int, Metrics], None] = lambda epoch, metrics: None, teacher: Floats | None = None,
) -> Relaxed:
    """Train weights and structure; the result is the same for the same arguments and number of torch threads.

    Args:
        splits: Weights learn on one half of ``train``, the structure on the other; validation samples are not touched.
        recipe: Gives the batch size, and what labels and a teacher make of the targets; the rest is for the training
            of the networks that are read off.
        width: Neurons of each hidden vertex.
        norm: Norm of the function ``dense-relu``.
        settings: See there.
        epochs: Passes over both halves.
        seed: Decides everything random.
        stop: Polled every step.
        report: Told after every epoch how many are done, the mean training loss of the last, the mean of the largest
            share of every vertex (``gamma``), the dense layers that would be chosen now (``layers``), and the geometric
            mean of the decays (``decay``).
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``; weights and structure learn
            from them.

    Raises:
        ValueError: An argument is out of range, the teacher is of other samples, or there are fewer than two samples.
        FloatingPointError: A loss or a gradient is not finite.
        Cancelled, TrialTimeout: ``stop`` asked for it.
    """
    if len(splits.train) < 2:
        raise ValueError("weights and structure learn on different samples: expected at least 2 for training, got 1")
    for name, value in (("epochs", epochs), ("width", width)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if teacher is not None:
        check_shape("teacher", teacher, (len(splits.train), splits.task.n_outputs), np.float32)
    samples = problem(splits.train, splits.task, recipe, teacher)
    return _Search(samples, splits.task, recipe, width, norm, settings, epochs, seed).run(stop, report)


class _Search:
    """One training of weights and structure."""

    def __init__(
        self, samples: Problem, task: Task, recipe: Recipe, width: int, norm: Norm, settings: VertexSettings,
        epochs: int, seed: int,
    ) -> None:
        halving, numbers, *self._seeds = np.random.SeedSequence(seed).generate_state(4).tolist()
        self._generator = torch.Generator().manual_seed(numbers)
        sizes = task.n_inputs, width, task.n_outputs
        self._device = current()  # of the weights; the structure, and all that is drawn, is on the CPU
        self._network = RelaxedNetwork(sizes, settings.vertices, settings.functions, norm, self._generator)
        self._network.to(self._device)
        n_pairs = [len(pairs) for pairs in self._network.pairs]
        n_decays = len(self._network.decayed)
        self._structure = Structure(n_pairs, n_decays, settings.first_decay, self._generator)
        self._learner = LogitLearner(self._structure.values, settings.arch_learning_rate)
        self._losses = Losses(self._network, self._structure, task, settings)
        self._settings, self._samples = settings, samples
        order = np.random.default_rng(halving).permutation(len(samples.x))
        self._halves = [order[: len(order) // 2], order[len(order) // 2 :]]  # of weights, of the structure
        self._batch_size, self._epochs = recipe.batch_size, epochs
        self._steps_an_epoch = n_batches(len(order) // 2, recipe.batch_size)
        self._optimizer = torch.optim.SGD(
            self._network.trained, lr=settings.learning_rate, momentum=settings.momentum
        )
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self._optimizer, epochs * self._steps_an_epoch, settings.last_learning_rate
        )

    def run(self, stop: Stop, report: Callable[[int, Metrics], None]) -> Relaxed:
        n_steps, losses = self._epochs * self._steps_an_epoch, list[float]()
        for step, (for_weights, held_out) in enumerate(self._batches(), 1):
            stop.check()
            progress = (step - 1) / n_steps
            if progress >= self._settings.warm_up:
                self._train_structure(for_weights, held_out, self._context(progress))
            losses.append(self._train_weights(for_weights, self._context(progress)))
            if step % self._steps_an_epoch == 0:
                report(step // self._steps_an_epoch, {"train_loss": math.fsum(losses) / len(losses), **self._news()})
                losses.clear()
        decays: Floats = self._structure.decays.detach().numpy().copy()
        gammas = [gamma.detach() for gamma in self._structure.gammas]
        return Relaxed(self._network.to("cpu"), gammas, decays, self._losses.edge_updates)

    def _context(self, progress: float) -> StepContext:
        return StepContext(temperature(progress), self._structure.noise(self._generator))

    def _batches(self) -> Iterator[tuple[Batch, Batch]]:
        """A batch of either half for every step."""
        size = self._batch_size
        for epoch in range(self._epochs):
            own, other = (
                half[sample_order(len(half), size, seed=seed, epoch=epoch)]
                for half, seed in zip(self._halves, self._seeds, strict=True)
            )
            for begin in range(0, len(own), size):
                yield self._batch(own[begin : begin + size]), self._batch(other[begin : begin + size])

    def _batch(self, index: Ints) -> Batch:
        return batch_of(self._samples.take(index), self._device)

    def _train_structure(self, for_weights: Batch, held_out: Batch, context: StepContext) -> None:
        velocity = [self._optimizer.state[weight].get("momentum_buffer") for weight in self._network.trained]
        unroll = Unroll(float(self._optimizer.param_groups[0]["lr"]), self._settings.momentum, velocity)
        gradient = self._losses.structure_gradient(for_weights, held_out, context, unroll)
        self._learner.step(gradient if self._settings.learn_decay else self._structure.freeze_decays(gradient))
        self._structure.keep_bounds()

    def _train_weights(self, batch: Batch, context: StepContext) -> float:
        """One step; returns the data's loss."""
        weights, gammas = self._network.trained, [gamma.detach() for gamma in self._losses.gammas(context)]
        loss = self._losses.data(batch, gammas)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise FloatingPointError(f"the training loss became {value}; lower the learning_rate of the search_options")
        whole = loss + weight_penalty(self._network.decayed, self._structure.decays.detach())
        for weight, gradient in zip(weights, torch.autograd.grad(whole, weights, allow_unused=True), strict=True):
            weight.grad = gradient
        nn.utils.clip_grad_norm_(weights, self._settings.clip_norm)
        self._optimizer.step()
        self._schedule.step()
        return value

    def _news(self) -> Metrics:
        gammas = [gamma.detach() for gamma in self._structure.gammas]
        largest = [float(gamma.max()) for gamma in gammas]
        path = chosen_path(self._network.pairs, gammas)
        n_layers = sum(self._network.pairs[vertex - 1][column].function.startswith("dense") for vertex, column in path)
        decay = float(self._structure.decays.detach().log().mean().exp())
        return {"gamma": math.fsum(largest) / len(largest), "layers": float(n_layers), "decay": decay}


def batch_of(samples: Problem, device: torch.device) -> Batch:
    """Tensors of some samples on a device, with targets as :func:`problem` makes them."""
    weight = None if samples.weight is None else torch.from_numpy(samples.weight).to(device)
    x, target = (torch.from_numpy(array).to(device) for array in (samples.x, samples.target))
    return Batch(x, target, weight)
