"""Training steps of all methods: the operations that are run, and the values that learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

import numpy as np
import torch
from torch import Tensor

from evonas.capabilities.choices import Choices, Relaxable
from evonas.space import G
from evonas.supernet.bilevel import first_order_gradient, second_order_gradient
from evonas.supernet.hypernet import Hypernet
from evonas.supernet.optimizers import Batch, LogitLearner, WeightLearner
from evonas.supernet.path_sampling import extreme_paths, fair_paths, uniform_path
from evonas.supernet.priors import beta_decay, make_prior, with_auxiliary_skip
from evonas.supernet.proxyless import CostTerm, draw_pairs, draw_path, keep_other_probabilities, pair_gradient
from evonas.supernet.relaxation import RELAXATIONS, gumbel_noise, temperature
from evonas.supernet.settings import (
    FairSettings,
    ProxylessSettings,
    RelaxedSettings,
    SandwichSettings,
    SharingSettings,
    WidestSettings,
)
from evonas.types import Floats


@dataclass(frozen=True)
class StepContext:
    """Position in the training.

    Attributes:
        progress: Completed share of the training, from 0 to below 1.
        rng, generator: Random generators of numpy and of torch.
        number: Number of the step, from 0.
    """

    progress: float
    rng: np.random.Generator
    generator: torch.Generator
    number: int = 0


class Step(Protocol):
    """Step of training."""

    def __call__(self, for_weights: Batch, for_arch: Callable[[], Batch], context: StepContext) -> float:
        """Train weights, and logits if the method has some. Return the mean training loss.

        Args:
            for_weights: Training samples.
            for_arch: Gives as many held-out samples; called only if architectures learn on samples of their own, not in
                one-level training, on paths, or in the warm-up.
            context: Position in the training.
        """
        ...


class RelaxedStep:
    """Step with all operations at once, weighted by relaxed choices: DARTS, GDAS and the hypernetworks.

    Args:
        learner: The weights.
        logits: The logits.
        choices: The choices of the space.
        hypernet: Source of complexities and their logits.
        settings: Settings of the method.
    """

    def __init__(
        self, learner: WeightLearner, logits: LogitLearner, choices: Choices, hypernet: Hypernet,
        settings: RelaxedSettings,
    ) -> None:
        self._learner, self._logits, self._choices = learner, logits, choices
        self._hypernet, self._settings = hypernet, settings
        self._prior = make_prior(settings.prior, settings.prior_parameter) if settings.prior else None

    def __call__(self, for_weights: Batch, for_arch: Callable[[], Batch], context: StepContext) -> float:
        sample = _Relaxed(
            self._hypernet, self._settings, self._choices, self._logits.references, context, len(for_weights.x)
        )
        learns = self._settings.warm_up <= context.progress < 1 - self._settings.cool_down
        if not self._settings.bilevel:
            return self._one_level(for_weights, sample, context.progress, learns)
        if learns:
            self._logits.step(self._gradient(for_weights, for_arch(), sample, context.progress))
        sample.redraw()
        loss = self._learner.loss(for_weights, sample.arch().detach(), sample.mix)
        return self._learner.step([loss], context.progress)

    def _one_level(self, batch: Batch, sample: _Relaxed, progress: float, learns: bool) -> float:
        data_loss, charge = self._losses(batch, sample)
        self._learner.step([data_loss + charge], progress)
        gradient = self._logits.references.grad
        self._logits.references.grad = None
        if learns and gradient is not None:
            self._logits.step(gradient)
        return float(data_loss.detach())

    def _gradient(self, for_weights: Batch, for_arch: Batch, sample: _Relaxed, progress: float) -> Tensor:
        references = self._logits.references
        if self._settings.order == 1:
            return first_order_gradient(references, lambda: self._whole_loss(for_arch, sample))
        return second_order_gradient(
            references, self._learner.weights, unroll=self._learner.unroll(progress),
            train_loss=lambda: self._learner.loss(for_weights, sample.arch(), sample.mix),
            val_loss=lambda: self._whole_loss(for_arch, sample),
        )

    def _whole_loss(self, batch: Batch, sample: _Relaxed) -> Tensor:
        data_loss, charge = self._losses(batch, sample)
        return data_loss + charge

    def _losses(self, batch: Batch, sample: _Relaxed) -> tuple[Tensor, Tensor]:
        """Return the loss on the data and the charge of the architecture."""
        logits = sample.logits()
        choice = sample.relax(logits)
        charge = sample.charge() + sample.decay * beta_decay(logits)
        if self._prior is not None:
            charge = charge + self._settings.prior_weight / len(logits) * self._prior(logits, choice)
        return self._learner.loss(batch, sample.with_skip(choice), sample.mix), charge


class _Relaxed:
    """Complexities and a draw of noise: what every loss of one gradient must share. The network runs with the first.

    With one complexity, its noise, which all rows share, decides where the data hardly do: near the centroid all rows
    prefer whatever was cheap of late. What is charged needs no data, and by default is averaged over many.
    """

    def __init__(
        self, hypernet: Hypernet, settings: RelaxedSettings, choices: Choices, references: Tensor, context: StepContext,
        n_images: int,
    ) -> None:
        complexities = [hypernet.draw(context.rng) for _ in range(settings.complexities)]
        self._prices, self._mix = (
            torch.from_numpy(np.stack(arrays)).float() for arrays in (
                [hypernet.cost_weights(each, choices.costs) for each in complexities],
                [hypernet.coefficients(each) for each in complexities],
            )
        )
        self._references, self._settings, self._skip, self._context = references, settings, choices.skip, context
        shape = references.shape[1:]
        self._noise = gumbel_noise((n_images, *shape) if settings.noise_per_image else shape, context.generator)

    def redraw(self) -> None:
        """Draw other noise for the same complexity."""
        self._noise = gumbel_noise(self._noise.shape, self._context.generator)

    @property
    def mix(self) -> Tensor:
        """Shares of the references at the complexity that the network runs with, ``(n_references,)``."""
        return self._mix[0]

    @property
    def decay(self) -> float:
        """Weight of the beta-decay now."""
        first, last = self._settings.beta_decay, self._settings.beta_decay_last
        return first if last is None else first + (last - first) * self._context.progress

    def logits(self) -> Tensor:
        mixed: Tensor = torch.tensordot(self._mix[0], self._references, 1)
        return mixed

    def charge(self) -> Tensor:
        """Return the expected cost of architectures, averaged over complexities."""
        probabilities = torch.tensordot(self._mix, self._references, 1).softmax(-1)
        mean: Tensor = (probabilities * self._prices).sum() / len(self._prices)
        return mean

    def relax(self, logits: Tensor) -> Tensor:
        relaxation = RELAXATIONS[self._settings.relaxation]
        return relaxation(logits, temperature(self._context.progress, *self._settings.temperature), self._noise)

    def with_skip(self, choice: Tensor) -> Tensor:
        if not self._settings.auxiliary_skip:
            return choice
        return with_auxiliary_skip(choice, self._skip, self._context.progress)

    def arch(self) -> Tensor:
        """Rows ``(n_choices, n_operations)``, or those of each image."""
        return self.with_skip(self.relax(self.logits()))


class GatedStep:
    """Step with one path at a time for the weights and two for the logits: ProxylessNAS.

    Args:
        learner: The weights.
        logits: The logits.
        settings: Settings of the method.
        cost: Term of the loss with the expected cost.
    """

    def __init__(
        self, learner: WeightLearner, logits: LogitLearner, settings: ProxylessSettings, cost: CostTerm
    ) -> None:
        self._learner, self._logits, self._settings, self._cost = learner, logits, settings, cost

    def __call__(self, for_weights: Batch, for_arch: Callable[[], Batch], context: StepContext) -> float:
        is_due = (context.number + 1) % self._settings.arch_every == 0
        if is_due and context.progress >= self._settings.warm_up:
            self._train_gates(for_arch(), context.generator)
        path = draw_path(self._logits.references.detach()[0], context.generator)
        return self._learner.step([self._learner.loss(for_weights, path)], context.progress)

    def _train_gates(self, batch: Batch, generator: torch.Generator) -> None:
        before = self._logits.references.detach()[0].clone()
        pairs = draw_pairs(before, generator)
        arch = pairs.arch(before.shape[1]).requires_grad_()
        loss = self._learner.loss(batch, arch)
        (path_gradients,) = torch.autograd.grad(loss, arch)
        gradient = pair_gradient(
            before, pairs, loss=float(loss.detach()), path_gradients=path_gradients, cost=self._cost
        )
        self._logits.step(gradient[None])
        keep_other_probabilities(self._logits.references[0], before, pairs)


class PathStep(Generic[G]):
    """Weights only: one uniform path (SPOS), every operation of every row once (FairNAS), or the widest path."""

    def __init__(self, learner: WeightLearner, space: Relaxable[G], settings: SharingSettings) -> None:
        self._learner, self._space, self._settings = learner, space, settings
        self._shape = space.choices.n_choices, len(space.choices.operations)
        self._widest, _ = extreme_paths(space.choices.costs["params"])

    def __call__(self, for_weights: Batch, for_arch: Callable[[], Batch], context: StepContext) -> float:
        if isinstance(self._settings, FairSettings):
            arches = [*fair_paths(self._shape, context.rng)]
        elif isinstance(self._settings, WidestSettings):
            arches = [self._widest]
        else:
            arches = [uniform_path(self._space, self._shape, self._settings.rule, context.rng)]
        losses = (self._learner.loss(for_weights, torch.from_numpy(arch)) for arch in arches)
        return self._learner.step(losses, context.progress)


class SandwichStep(Generic[G]):
    """Weights only: the widest path, then the narrowest and random ones, which the widest teaches."""

    def __init__(self, learner: WeightLearner, space: Relaxable[G], settings: SandwichSettings) -> None:
        self._learner, self._space, self._settings = learner, space, settings
        self._shape = space.choices.n_choices, len(space.choices.operations)
        self._extremes = extreme_paths(space.choices.costs["params"])

    def __call__(self, for_weights: Batch, for_arch: Callable[[], Batch], context: StepContext) -> float:
        rule, n_random = self._settings.rule, self._settings.random_paths
        narrow = [uniform_path(self._space, self._shape, rule, context.rng) for _ in range(n_random)]
        return self._learner.step(self._losses(for_weights, narrow), context.progress)

    def _losses(self, batch: Batch, random_paths: Sequence[Floats]) -> Iterator[Tensor]:
        widest, narrowest = self._extremes
        outputs, own_loss = self._learner.outputs_and_loss(batch, torch.from_numpy(widest))
        yield own_loss
        for arch in (narrowest, *random_paths):
            path = torch.from_numpy(arch)
            if self._settings.distillation:
                yield self._learner.distillation_loss(batch, path, outputs)
            else:
                yield self._learner.loss(batch, path)
