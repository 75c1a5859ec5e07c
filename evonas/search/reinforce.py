"""REINFORCE (Williams 1992, https://doi.org/10.1007/BF00992696) over the space's choices (Zoph 2017,
https://arxiv.org/abs/1611.01578), without a recurrent network: a softmax for each choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from evonas.capabilities.choices import HasChoices
from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.search.base import History, Traits, check_rungs
from evonas.search.generational import Generational
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Doubles, Json


@dataclass(frozen=True)
class ReinforceSettings:
    """Settings of the table ``searcher_options``.

    Attributes:
        learning_rate: Step of the logits for a reward that is one deviation above the baseline.
        decay: Factor of the moving averages of the reward and of its deviation at each step.
        entropy: Weight of the entropy of the softmaxes, which keeps them from settling too early.
    """

    learning_rate: float = 0.1
    decay: float = 0.9
    entropy: float = 0.01


class Reinforce(Generational[G]):
    """Genotypes drawn choice by choice; choices with better results than the average become more probable.

    The reward is the first objective alone, less the violation of constraints, in deviations from its moving average:
    other objectives are measured and reported, but not optimised.

    Args:
        space: Search space of the genotypes; it must have choices (``HasChoices``).
        objectives: Objectives and constraints; only the first objective is learned.
        population: Number of genotypes in the first batch.
        children: Number of genotypes in every further batch.
        generations: Number of further batches.
        rungs: One budget.
        settings: Settings of learning.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range, or the space has no choices.
    """

    traits: ClassVar[Traits] = Traits(
        ReinforceSettings, MappingProxyType({"population": 10, "children": 1, "generations": 630})
    )

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 10, children: int = 1,
        generations: int = 630, rungs: tuple[int, ...] = (1,), settings: ReinforceSettings = ReinforceSettings(),
        rng: np.random.Generator,
    ) -> None:
        if not isinstance(space, HasChoices):
            raise ValueError("this searcher learns probabilities of choices, which networks of this space are not made "
                             "of: choose cells")
        if population < 1 or children < 1:
            raise ValueError(f"population and children must be at least 1, got {population} and {children}")
        if not (settings.learning_rate > 0 and 0 <= settings.decay < 1 and settings.entropy >= 0):
            raise ValueError(f"learning_rate must be positive, decay in [0, 1), entropy at least 0, got "
                             f"{settings.learning_rate}, {settings.decay} and {settings.entropy}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "one")
        self._choosing: HasChoices[G] = space
        self._n_first, self._n_children, self._settings = population, children, settings
        choices = space.choices
        self._logits: Doubles = np.zeros((choices.n_choices, len(choices.operations)))
        #: Moving averages of the reward and of its squared deviation.
        self._baseline: tuple[float, float] | None = None

    def _bear(self) -> Sequence[Trial[G]]:
        return self._trials(self._draw, self._n_children if self._generation else self._n_first)

    def _draw(self) -> tuple[Offspring[G], tuple[Member[G], ...]]:
        p = np.exp(_log_softmax(self._logits))
        columns = (self._rng.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=p.shape[1] - 1)
        drawn = np.eye(p.shape[1], dtype=np.float32)[columns]
        return Offspring(self._choosing.discretize(drawn), "policy"), ()

    def _learn(self, members: list[Member[G]]) -> None:
        F, violations = self._losses(members)
        for member, loss, violation in zip(members, F[:, 0].tolist(), violations.tolist(), strict=True):
            if member.evaluation.status == "ok":
                self._step(self._choosing.arch_of(member.genotype).astype(np.float64), -loss - violation)

    def _step(self, drawn: Doubles, reward: float) -> None:
        """Ascend the gradient of ``advantage * log p(drawn) + entropy``, both summed over the choices.

        Args:
            drawn: One-hot rows; a row of zeros, for which nothing was chosen, learns nothing.
            reward: Reward of the genotype; larger is better.
        """
        decay = self._settings.decay
        mean, square = self._baseline or (reward, 0.0)
        advantage = (reward - mean) / np.sqrt(square) if square > 0 else 0.0
        log_p = _log_softmax(self._logits)
        p = np.exp(log_p)
        surprise = p * ((p * log_p).sum(axis=1, keepdims=True) - log_p)
        policy = drawn - p * drawn.sum(axis=1, keepdims=True)
        self._logits += self._settings.learning_rate * (advantage * policy + self._settings.entropy * surprise)
        self._baseline = (
            decay * mean + (1 - decay) * reward, decay * square + (1 - decay) * (reward - mean) ** 2
        )

    def state(self) -> Json:
        """The common state, the logits and the baseline."""
        return {**super().state(), "logits": self._logits.tolist(), "baseline": self._baseline}

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken.

        Raises:
            ValueError: The logits have another shape or are not finite.
        """
        super().restore(state, history)
        logits = np.array(state["logits"], np.float64)
        if logits.shape != self._logits.shape or not np.isfinite(logits).all():
            raise ValueError(f"logits must be finite numbers of shape {self._logits.shape}, got shape {logits.shape}")
        self._logits = logits
        if (baseline := state["baseline"]) is not None:
            baseline = float(baseline[0]), float(baseline[1])
        self._baseline = baseline


def _log_softmax(logits: Doubles) -> Doubles:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
