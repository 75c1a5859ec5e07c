"""What the steps of an epoch read, filled for each epoch: orders, rates, views and keys of all candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from evonas.types import Doubles
from search_spaces.neuron.trainer.counter_rng import dropout_threshold, step_keys
from search_spaces.neuron.trainer.cuda.candidate import Candidate
from search_spaces.neuron.trainer.cuda.problem import Steps, plain_steps
from search_spaces.neuron.trainer.sample_order import n_batches, shuffled_groups, shuffled_together

BETAS = (0.9, 0.999)


@dataclass(frozen=True, eq=False)
class Tables:
    """Steps of the candidates that are trained together.

    Attributes:
        candidates: The candidates.
        steps: What is read; :meth:`fill` writes it.
        n: Number of training samples.
        first_view: Where the views of each candidate begin among the sources of all, -1 where it has none.
    """

    candidates: Sequence[Candidate]
    steps: Steps
    n: int
    first_view: Sequence[int]

    @property
    def n_steps(self) -> int:
        """Steps of an epoch."""
        return n_batches(self.n, self.steps.batch)

    @classmethod
    def of(cls, candidates: Sequence[Candidate], n: int, batch: int, device: torch.device) -> Tables:
        """Tables without the values of an epoch.

        Args:
            candidates: The candidates.
            n: Number of training samples.
            batch: Samples of a step.
            device: The device.
        """
        count, recipes = len(candidates), [candidate.recipe for candidate in candidates]
        n_steps = n_batches(n, batch)
        sources, first_view = _sources(candidates)
        steps = plain_steps(
            count, np.zeros(n, np.int32), batch, device, smoothing=[recipe.label_smoothing for recipe in recipes],
            teacher_weight=[recipe.teacher_weight for recipe in recipes],
        )
        clipped = recipes[0].clip_norm is not None
        norms = torch.tensor([recipe.clip_norm or np.inf for recipe in recipes], dtype=torch.float32, device=device)
        steps = replace(
            steps, order=torch.zeros(count, n, dtype=torch.int32, device=device),
            rates=torch.zeros(n_steps, count, 4, device=device),
            view=torch.full((count, n_steps), -1, dtype=torch.int32, device=device),
            sources=None if sources is None else torch.from_numpy(sources).to(device),
            keys=torch.zeros(n_steps, count, 2, dtype=torch.int64, device=device),
            input_dropout=_dropout([recipe.input_dropout for recipe in recipes], device),
            hidden_dropout=_dropout([recipe.hidden_dropout for recipe in recipes], device),
            clip_norm=norms if clipped else None,
        )
        return cls(candidates, steps, n, first_view)

    def fill(self, epoch: int) -> None:
        """Write the values of an epoch, which counts from 0, and begin it."""
        steps, n_steps = self.steps, self.n_steps
        self._fill_order(epoch)
        first = epoch * n_steps
        rates = np.stack([_rates(candidate, first, n_steps) for candidate in self.candidates], axis=1)
        steps.rates.copy_(torch.from_numpy(rates.astype(np.float32)))
        if steps.sources is not None:
            views = np.stack([
                self._views(candidate, begin, epoch)
                for candidate, begin in zip(self.candidates, self.first_view, strict=True)
            ])
            steps.view.copy_(torch.from_numpy(views))
        if steps.input_dropout is not None or steps.hidden_dropout is not None:
            keys = [
                [step_keys(candidate.assignment.seed, step) for candidate in self.candidates]
                for step in range(first, first + n_steps)
            ]
            steps.keys.copy_(torch.from_numpy(np.array(keys, np.int64)))
        steps.loss.zero_()
        steps.now.zero_()

    def _fill_order(self, epoch: int) -> None:
        """Write the order of samples; only that of their groups comes from the host."""
        order, size = self.steps.order, shuffled_together(self.steps.batch)
        n_groups = self.n // size
        groups = np.empty((len(self.candidates), n_groups), np.int32)
        for own, candidate in zip(groups, self.candidates, strict=True):
            own[:] = shuffled_groups(n_groups, seed=candidate.assignment.seed, epoch=epoch)
        first = torch.from_numpy(groups).to(order.device)[:, :, None] * size
        within = torch.arange(size, dtype=torch.int32, device=order.device)
        order[:, : n_groups * size].copy_((first + within).view(len(groups), -1))
        order[:, n_groups * size :].copy_(torch.arange(n_groups * size, self.n, dtype=torch.int32))

    def _views(self, candidate: Candidate, begin: int, epoch: int) -> NDArray[np.int32]:
        drawn = candidate.augmentation.drawn(self.n_steps, seed=candidate.assignment.seed, epoch=epoch)
        return np.full(self.n_steps, -1, np.int32) if drawn is None else drawn + np.int32(begin)


def _rates(candidate: Candidate, first: int, n_steps: int) -> Doubles:
    """Rate, scale of the second moment, shrinkage and decay of an epoch's steps, ``(n_steps, 4)``.

    Args:
        candidate: The candidate.
        first: First step of the epoch.
        n_steps: Steps of the epoch.
    """
    recipe, rate = candidate.recipe, candidate.plan.rates[first : first + n_steps]
    t = first + 1 + np.arange(n_steps)
    decoupled = recipe.optimizer == "adamw"
    return np.stack([
        rate / (1 - BETAS[0] ** t), (1 - BETAS[1] ** t) ** -0.5,
        1 - rate * recipe.weight_decay if decoupled else np.ones(n_steps),
        np.full(n_steps, 0.0 if decoupled else recipe.weight_decay),
    ], axis=1)


def _sources(candidates: Sequence[Candidate]) -> tuple[NDArray[np.int32] | None, list[int]]:
    """Views of all candidates without repetition, ``(n_views, n_inputs)``, and where those of each begin."""
    places: dict[tuple[int, bool], int] = {}
    sources, first, n_views = [], [], 0
    for candidate in candidates:
        own, key = candidate.augmentation.sources, (candidate.recipe.shift, candidate.recipe.flip)
        if own is None:
            first.append(-1)
            continue
        if key not in places:
            places[key] = n_views
            sources.append(own)
            n_views += len(own)
        first.append(places[key])
    return (np.concatenate(sources) if sources else None), first


def _dropout(rates: Sequence[float], device: torch.device) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Thresholds and scales of candidates; None if nothing is dropped."""
    if not any(rates):
        return None
    thresholds = torch.tensor([dropout_threshold(rate) for rate in rates], dtype=torch.int64, device=device)
    return thresholds, torch.tensor([1 / (1 - rate) for rate in rates], dtype=torch.float32, device=device)
