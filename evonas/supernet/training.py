"""Training of a supernet: epochs, samples, checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic

import numpy as np
import torch

from evonas.capabilities.choices import RelaxableSpace, Sliceable
from evonas.capabilities.family import Report
from evonas.capabilities.options import HasWeightOptions
from evonas.data.samples import Splits
from evonas.space import Encoded, G
from evonas.supernet.checkpoint import CHECKPOINT, HEADS, SUPERNET
from evonas.supernet.optimizers import (
    Batch,
    LogitLearner,
    WeightLearner,
    first_references,
    optimizer_arrays,
    restore_optimizer,
)
from evonas.supernet.proxyless import CostTerm
from evonas.supernet.settings import (
    LogitSettings,
    ProxylessSettings,
    RelaxedSettings,
    SandwichSettings,
    ScalarSettings,
    SharingSettings,
    SupernetSettings,
    WidestSettings,
)
from evonas.supernet.steps import GatedStep, PathStep, RelaxedStep, SandwichStep, Step, StepContext
from evonas.training import Stop
from evonas.training.checkpoint import Checkpoint, data_and_seed, digest
from evonas.training.device import current
from evonas.types import Floats, Ints, Metrics, UserError


class SupernetTraining(Generic[G]):
    """Trainer of the supernet of a space, and of the logits if the method has some.

    Random numbers of an epoch follow from the seed and the epoch's number, so that a checkpoint need not hold any.

    Args:
        space: The space.
        splits: Samples; only ``train`` is used.
        settings: Settings of the method.
        n_epochs: Epochs of the whole training.
        seed: Seed of all random numbers.
        costs: Costs of operations beside ``space.choices.costs``, in the same form.

    Raises:
        ValueError: Too few training samples for two parts.

    Attributes:
        learner: The supernet with the optimiser of its weights.
        logits: None if the method has no logits.
        held_out: Indices of the training samples that weights do not see.
        device: Device of the weights and the samples. Logits, and all that is drawn, are on the CPU: every device sees
            the same choices.
    """

    def __init__(
        self, space: RelaxableSpace[G], splits: Splits, settings: SupernetSettings, *, n_epochs: int,
        seed: np.random.SeedSequence, costs: Mapping[str, Floats] = MappingProxyType({}),
    ) -> None:
        torch.set_num_threads(settings.threads)
        self.space, self.settings, self.choices = space, settings, space.choices
        self.task, self._seed, self._n_epochs = splits.task, seed, n_epochs
        self._costs = {**self.choices.costs, **costs}
        rng = np.random.default_rng(seed)
        self.device = current()
        supernet = space.supernet(int(rng.integers(2**62))).to(self.device)
        train = splits.train
        weight = None if train.weight is None else torch.from_numpy(train.weight).to(self.device)
        x, y = (torch.from_numpy(array).to(self.device) for array in (train.x, train.y))
        self.samples = Batch(x, y, weight)
        order = rng.permutation(len(splits.train))
        n_held_out = round(settings.arch_share * len(order))
        if not 0 < n_held_out < len(order) - 1:  # a single sample has no variance for BatchNorm
            raise ValueError(f"{len(order)} training samples are too few for a part of {settings.arch_share:g} of them")
        self.held_out, self.seen = order[:n_held_out], order[n_held_out:]
        if isinstance(settings, RelaxedSettings) and not settings.bilevel:
            self.seen = order
        self.hypernet = settings.hypernet(len(self.choices.operations))
        several = isinstance(settings, ScalarSettings) and settings.classifier == "piecewise-linear"
        n_heads = self.hypernet.n_references if several else 1
        self.learner = WeightLearner(supernet, self.choices, splits.task, settings, n_heads)
        self.logits = self._make_logits(int(rng.integers(2**62)))
        self._identity = {**data_and_seed(splits, seed), **self._identity_of_method()}

    def seed_of(self, epoch: int) -> np.random.SeedSequence:
        """Return the random stream of an epoch; that of the epoch after the last is free for later use."""
        return np.random.SeedSequence(self._seed.entropy, spawn_key=(*self._seed.spawn_key, epoch))

    def run(self, directory: Path, stop: Stop, report: Report) -> None:
        """Train to the end, from the checkpoint in ``directory`` if there is one.

        Args:
            directory: Folder of the checkpoint.
            stop: Asked before each step.
            report: Called after each epoch.
        """
        checkpoint = Checkpoint(directory / CHECKPOINT, self._identity)
        first = self._restore(checkpoint)
        step = self._make_step()
        for epoch in range(first, self._n_epochs):
            loss = self._run_epoch(epoch, step, stop)
            checkpoint.save(self._state(epoch + 1))
            report(epoch + 1, self._n_epochs, {"train_loss": loss, **self._share_of_skips()})

    def batch(self, indices: Ints) -> Batch:
        """Return training samples by their indices."""
        x, y, weight, _ = self.samples
        index = torch.from_numpy(indices).to(self.device)
        return Batch(x[index], y[index], None if weight is None else weight[index])

    def _share_of_skips(self) -> Metrics:
        """Return the share of rows that prefer the skip, averaged over the references: 1 is the collapse."""
        if self.logits is None or self.choices.skip is None:
            return {}
        preferred = self.logits.references.detach().argmax(-1)
        return {"skips": float((preferred == self.choices.skip).float().mean())}

    def _run_epoch(self, epoch: int, step: Step, stop: Stop) -> float:
        rng = np.random.default_rng(self.seed_of(epoch))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        losses = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**62)))  # for dropout
            n_batches = -(-len(self.seen) // self.settings.batch_size)
            for number, (for_weights, for_arch) in enumerate(self._batches(rng)):
                stop.check()
                progress = (epoch + number / n_batches) / self._n_epochs
                context = StepContext(progress, rng, generator, epoch * n_batches + number)
                losses.append(step(for_weights, for_arch, context))
        if isinstance(self.settings, WidestSettings) and isinstance(self.space, Sliceable):
            self.space.rank_slices(self.learner.supernet)
        return sum(losses) / len(losses)

    def _batches(self, rng: np.random.Generator) -> Iterator[tuple[Batch, Callable[[], Batch]]]:
        """Yield batches of the samples that weights see, each with a function that makes one of held-out samples."""
        size, order, other = self.settings.batch_size, rng.permutation(self.seen), rng.permutation(self.held_out)
        for begin in range(0, len(order), size):
            own = order[begin : begin + size]
            if len(own) == 1:  # has no variance for BatchNorm
                break
            beside = other[np.arange(begin, begin + len(own)) % len(other)]
            smoothed = self.batch(own)._replace(smoothing=self.settings.label_smoothing)
            yield smoothed, partial(self.batch, beside)

    def _make_logits(self, seed: int) -> LogitLearner | None:
        settings = self.settings
        if not isinstance(settings, LogitSettings):
            return None
        generator = torch.Generator().manual_seed(seed)
        references = first_references(self.hypernet.n_references, self.choices, generator)
        if isinstance(settings, RelaxedSettings):
            return LogitLearner(references, settings.arch_learning_rate, weight_decay=settings.arch_weight_decay)
        return LogitLearner(references, settings.arch_learning_rate, beta=0.0)  # only pairs may move

    def _make_step(self) -> Step:
        settings = self.settings
        if isinstance(settings, RelaxedSettings) and self.logits is not None:
            choices = replace(self.choices, costs=self._costs)
            return RelaxedStep(self.learner, self.logits, choices, self.hypernet, settings)
        if isinstance(settings, ProxylessSettings) and self.logits is not None:
            costs = self._costs[settings.cost]
            target = settings.target * float(costs.mean(1).sum())
            cost = CostTerm(costs, target, settings.cost_form, settings.cost_strength, settings.one_sided)
            return GatedStep(self.learner, self.logits, settings, cost)
        if isinstance(settings, SandwichSettings):
            return SandwichStep(self.learner, self.space, settings)
        assert isinstance(settings, SharingSettings)
        return PathStep(self.learner, self.space, settings)

    def _identity_of_method(self) -> dict[str, Any]:
        """Return the settings that decide the result beside the data and the seed."""
        space = self.space.weight_options if isinstance(self.space, HasWeightOptions) else {}
        return {
            "method": type(self.settings).__name__, "n_epochs": self._n_epochs, "operations": self.choices.operations,
            "costs (digest)": digest(self._costs), **{f"space option {name}": value for name, value in space.items()},
            **self.settings.identity,
        }

    def _state(self, epoch: int) -> Encoded:
        """Return the contents of a checkpoint after ``epoch`` epochs."""
        n_references = self.hypernet.n_references
        self.learner.settle(torch.full((n_references,), 1 / n_references))
        state = self.learner.supernet.state_dict()
        arrays = {f"{SUPERNET}{name}": value.cpu().numpy().copy(order="C") for name, value in state.items()}
        arrays |= {f"{HEADS}{name}": head.detach().cpu().numpy().copy() for name, head in self.learner.heads.items()}
        arrays |= optimizer_arrays(self.learner.optimizer, "weights")
        if self.logits is not None:
            arrays |= {"references": self.logits.references.detach().numpy()}
            arrays |= optimizer_arrays(self.logits.optimizer, "logits")
        return Encoded({"epoch": epoch, "updates": self.learner.updates}, arrays)

    def _restore(self, checkpoint: Checkpoint) -> int:
        """Return the number of completed epochs.

        Raise :class:`UserError` if the checkpoint belongs to another training.
        """
        data = checkpoint.load()
        if data is None:
            return 0
        try:
            arrays = data.arrays
            state = {name: torch.from_numpy(value) for name, value in data.part(SUPERNET).items()}
            self.learner.supernet.load_state_dict(state)
            with torch.no_grad():
                for name, head in self.learner.heads.items():
                    head.copy_(torch.from_numpy(arrays[f"{HEADS}{name}"]))
            restore_optimizer(self.learner.optimizer, arrays, "weights")
            self.learner.updates = float(data.header["updates"])
            if self.logits is not None:
                with torch.no_grad():
                    self.logits.references.copy_(torch.from_numpy(arrays["references"]))
                restore_optimizer(self.logits.optimizer, arrays, "logits")
            return int(data.header["epoch"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                f"{checkpoint.path} is no checkpoint of this search ({error}): delete it to begin anew"
            ) from None
