"""A race of a few networks and lengths of training over folds: entrants that are clearly behind leave it.

The method follows Maron and Moore (1994, https://papers.nips.cc/paper/841), with differences on the same samples
instead of bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from evonas.config import RunConfig
from evonas.data.samples import Samples, Splits
from evonas.evaluation.base import Job
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining
from evonas.evaluation.training import predict
from evonas.individual import Member, Trial
from evonas.rng import Stream, stream
from evonas.run.refit.folds import FOLDS, fold, losses
from evonas.run.refit.purse import Purse
from evonas.space import SearchSpace
from evonas.training import Stop
from evonas.types import Doubles, Metrics, Weights

#: Standard errors of the mean difference to the best from which an entrant is clearly behind.
BEHIND = 2.0
#: Number of entrants that always stay, so that there is a choice.
FEWEST = 2
#: Folds that the entrants of a race can be sure of: those that are behind on two leave it.
SURE_FOLDS = 3
#: Number of repeats after which more would add little, since the noise of the samples remains; a given time is used in
#: full.
MOST_REPEATS = 10


@dataclass(eq=False)
class Entrant:
    """An individual with a length of training.

    Attributes:
        member: The individual with its evaluation in the search, whose genotype the training begins with and, without
            pruning, ends with.
        epochs: The length of each training.
        price: The cost of a training, in the unit of the purse.
        total: Sum of the losses of each sample while it was held out, ``(n,)``.
        n_repeats: Number of times that each sample was held out, ``(n,)``.
    """

    member: Member[Any]
    epochs: int
    price: float
    total: Doubles = field(default_factory=lambda: np.zeros(0))
    n_repeats: Doubles = field(default_factory=lambda: np.zeros(0))

    @property
    def id(self) -> int:
        """The individual's."""
        return self.member.individual.id

    @property
    def metrics(self) -> Metrics:
        """The metrics that the search measured."""
        return self.member.evaluation.metrics

    @property
    def means(self) -> Doubles:
        """Mean loss of each sample over the folds that held it out, ``(n,)``; NaN if there were none."""
        return np.where(self.n_repeats > 0, self.total / np.maximum(self.n_repeats, 1), np.nan)


@dataclass(frozen=True)
class Standing:
    """The result of an entrant.

    Attributes:
        entrant: The entrant.
        loss: Mean loss over the samples, by their importance.
        behind: Difference of the loss to that of the best.
        error: Standard error of that difference.
    """

    entrant: Entrant
    loss: float
    behind: float
    error: float


class Race:
    """Trains all entrants on the same folds, one fold after another.

    Args:
        space, config: The run's.
        everything: All samples, see :func:`evonas.run.refit.folds.joined`.
        importance: Importance of each sample, ``(n,)``.
        n_jobs: Trainings at a time.
    """

    def __init__(
        self, space: SearchSpace[Any], config: RunConfig, everything: Splits, importance: Doubles, n_jobs: int
    ) -> None:
        self._space, self._everything, self._importance, self._n_jobs = space, everything, importance, n_jobs
        self._seed, self._recipe = config.seed, config.recipe.final()

    def run(self, entrants: Sequence[Entrant], purse: Purse) -> list[Standing]:
        """The standings at the end, the best first; empty if the budget covers less than two entrants or samples are
        few.

        Args:
            entrants: Entrants in the order of preference.
            purse: Budget, which ends the race.
        """
        n = len(self._everything.train)
        if n < FOLDS:
            return []
        running = _affordable(entrants, SURE_FOLDS, purse.left)
        for entrant in running:
            entrant.total, entrant.n_repeats = np.zeros(n), np.zeros(n)
        last: list[Standing] = []
        for index in count():
            over = len(running) < FEWEST or (index >= FOLDS * MOST_REPEATS and not purse.is_timed)
            if over or sum(entrant.price for entrant in running) > purse.left:
                break
            running = self._round(running, index, purse)
            last = standings_of(running, self._importance)
            if index:  # one fold alone depends too much on chance
                clear = [s for s in last if s.behind <= BEHIND * s.error]
                last = clear if len(clear) >= FEWEST else last[:FEWEST]
                running = [standing.entrant for standing in last]
        return last

    def _round(self, running: list[Entrant], index: int, purse: Purse) -> list[Entrant]:
        """Entrants that were trained on a fold; all of them, as they were, if time did not suffice.

        Args:
            running: Entrants of the round.
            index: Number of the fold over all repeats.
            purse: Budget of the race.
        """
        drawn = fold(self._everything, index, stream(self._seed, Stream.REFIT, 0))
        stop = Stop() if purse.deadline is None else Stop(deadline=purse.deadline)
        jobs = [
            Job(Trial(entrant.member.trained, entrant.epochs, replicate=index),
                stream(self._seed, Stream.REFIT, 1, entrant.id, entrant.epochs, index), None, stop)
            for entrant in running
        ]
        by_key = {(entrant.id, entrant.epochs): entrant for entrant in running}
        told: dict[tuple[int, int], Doubles | None] = {}
        training = FinalTraining(self._space, drawn.splits, self._recipe)
        for evaluation in evaluate_all(training, jobs, stop=stop, n_jobs=self._n_jobs):
            entrant, weights = by_key[evaluation.key], evaluation.weights
            purse.pay(entrant.price)
            if purse.is_timed:
                entrant.price = evaluation.seconds / self._n_jobs
            genotype = Member(entrant.member.trained, evaluation).genotype
            told[evaluation.key] = None if weights is None else self._losses(genotype, weights, drawn.held)
        if len(told) < len(running):
            return running
        good = [(by_key[key], of_fold) for key, of_fold in told.items() if of_fold is not None]
        for entrant, of_fold in good:
            entrant.total[drawn.rows] += of_fold
            entrant.n_repeats[drawn.rows] += 1
        return [entrant for entrant in running if any(entrant is other for other, _ in good)]

    def _losses(self, genotype: Any, weights: Weights, held: Samples) -> Doubles | None:
        found = losses(predict(self._space, genotype, weights, held), held, self._everything.task)
        return found if np.isfinite(found).all() else None


def standings_of(entrants: Sequence[Entrant], importance: Doubles) -> list[Standing]:
    """The standings of entrants on the samples for which all of them have a loss, the best first.

    Args:
        entrants: The entrants; without any, or without such a sample, the result is empty.
        importance: Weight of each sample, ``(n,)``.
    """
    if not entrants:
        return []
    means = np.array([entrant.means for entrant in entrants])
    seen = np.isfinite(means).all(axis=0)
    if not seen.any():
        return []
    share = importance[seen] / importance[seen].sum()
    means = means[:, seen]
    scores = means @ share
    best = means[scores.argmin()]
    apart = means - best
    behind = apart @ share
    errors = np.sqrt(((apart - behind[:, None]) ** 2) @ share**2)
    order = np.argsort(scores, kind="stable")
    return [Standing(entrants[i], float(scores[i]), float(behind[i]), float(errors[i])) for i in order]


def _affordable(entrants: Sequence[Entrant], n_folds: int, purse: float) -> list[Entrant]:
    """The first entrants for whose trainings on a number of folds the budget suffices.

    Args:
        entrants: Entrants in the order of preference.
        n_folds: Number of folds.
        purse: Amount of the budget.
    """
    spent = n_folds * np.cumsum([entrant.price for entrant in entrants])
    return list(entrants[: int(np.searchsorted(spent, purse, side="right"))])
