"""The network that predicts: picked from a run by repeated validation, and trained anew on all samples.

On a table each finalist is trained anew on folds of all samples, with one and with several lengths of training
(:mod:`evonas.run.refit.race`), and the best is trained anew on all of them. On images and signals weights are
inherited along a lineage, through phases that no training of a single network has: there the search's own metric
decides, and training continues from the search's weights.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from evonas import front as fronts
from evonas.data.samples import Splits
from evonas.evaluation.base import Job
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining
from evonas.individual import Member, Start, Trial
from evonas.rng import Stream, stream
from evonas.run.open import OpenRun
from evonas.run.refit.folds import joined
from evonas.run.refit.picking import first_of, purse_of, raced, searched, smallest_first
from evonas.run.refit.race import Entrant, Standing
from evonas.space import Phenotype
from evonas.training import Stop
from evonas.training.device import using

#: Number of trainings of the chosen network on all samples, of which the one with the lowest training loss is kept; and
#: their largest number if there is time.
RESTARTS, MOST_RESTARTS = 3, 10
#: Share of a time limit for the race and the training on all samples: on tables and on other inputs.
SHARE_OF_TABLES, SHARE_OF_OTHERS = 0.4, 0.1
#: Safety factor on the duration of a training on all samples when deciding whether the time suffices for another one.
MARGIN = 1.5


@dataclass(frozen=True)
class Final:
    """The networks that were picked.

    Attributes:
        id: The individual's.
        networks: Its network as it came out of its last training, and of an ensemble those of others after it; with
            their ids.
        standings: Result of the race, the best first; empty without a race.
        refitted: Whether the networks were trained on all samples; else they have the search's weights.
        is_fresh: Whether that training began with new weights.
    """

    id: int
    networks: Mapping[int, Phenotype[Any]]
    standings: Sequence[Standing]
    refitted: bool
    is_fresh: bool


def is_table(input_shape: Sequence[int]) -> bool:
    """Whether samples are rows of features."""
    return len(input_shape) == 1


def share_of_time(input_shape: Sequence[int]) -> float:
    """Share of a time limit that :func:`settle` needs, for samples of a shape."""
    return SHARE_OF_TABLES if is_table(input_shape) else SHARE_OF_OTHERS


def settle(
    run: OpenRun, splits: Splits, *, pick: Literal["best", "one-se", "knee"] | Mapping[str, float] = "best",
    deadline: float | None = None, fills: bool = True, n_jobs: int = 1, n_networks: int = 1,
) -> Final:
    """Pick an individual and train it on all samples.

    Args:
        run: A run that has ended.
        splits: Its samples for training and validation.
        pick: ``"best"``; ``"one-se"``, the smallest within one standard error of it; ``"knee"`` of the front; or the
            best within bounds.
        deadline: ``time.monotonic()`` by which to be ready.
        fills: Use all the time until then. Otherwise, and without a deadline, it takes as long as the search's size
            asks for, and gives the same for equal arguments if that is in time.
        n_jobs: Trainings at a time.
        n_networks: The size of an ensemble: the best of the race, or of the front without a race.

    Raises:
        UserError: The front is empty, or no member is within the bounds.
    """
    front = fronts.front(run.store.records(), run.objectives)
    if pick == "knee":
        members = [fronts.knee(front, run.objectives)]
    else:
        bounds = pick if isinstance(pick, Mapping) else {}
        fronts.best_under(front, run.objectives, bounds, run=run.store.directory)  # raises the error if there is none
        members = sorted(fronts.within(front, bounds), key=lambda r: run.objectives.items[0].loss(r.metrics))
    everything, standings, fills = joined(splits), list[Standing](), fills and deadline is not None
    with using(run.config.device):
        if is_table(splits.task.input_shape):
            purse = purse_of(run, splits, deadline, fills=fills)
            entrants, standings = raced(run, splits, everything, members, pick, purse, n_jobs)
        else:
            members = smallest_first(run, splits, members) if pick == "one-se" else members
            entrants = [Entrant(run.store.member(r.id), r.budget, 0.0) for r in members[:n_networks]]
        first = first_of(entrants, n_networks)
        networks = _last_trainings(run, everything, first, deadline, n_jobs, fills=fills)
    if not networks:
        kept = {entrant.id: searched(run, entrant.member) for entrant in first}
        return Final(first[0].id, kept, standings, False, False)
    id = next(iter(networks))  # may differ from the first if time sufficed only for others
    standings = sorted(standings, key=lambda s: s.entrant.id != id)
    return Final(id, networks, standings, True, is_table(splits.task.input_shape))


def _last_trainings(
    run: OpenRun, everything: Splits, first: Sequence[Entrant], deadline: float | None, n_jobs: int, *, fills: bool
) -> dict[int, Phenotype[Any]]:
    """Networks of the entrants trained on all samples, by id in their order; without those beyond the deadline.

    Args:
        run: The run.
        everything: All samples.
        first: The entrants.
        deadline: ``time.monotonic()`` by which to be ready, None without one.
        n_jobs: Number of parallel trainings.
        fills: Whether to use all the time until the deadline.
    """
    fresh = is_table(everything.task.input_shape)
    stop = Stop() if deadline is None else Stop(deadline=deadline)
    training = FinalTraining(run.space, everything, run.config.recipe.final())
    members = {entrant.id: entrant.member for entrant in first}
    found: dict[int, Phenotype[Any]] = {}
    lowest: dict[int, float] = {}
    longest = 0.0
    n_restarts = 1 if not fresh else MOST_RESTARTS if fills else RESTARTS
    for restart in range(n_restarts):
        jobs = [_job(run, entrant, restart, stop, fresh=fresh) for entrant in first]
        if restart and deadline is not None and time.monotonic() + longest > deadline:
            break
        began = time.monotonic()
        for evaluation in evaluate_all(training, jobs, stop=stop, n_jobs=n_jobs):
            id, weights, loss = evaluation.id, evaluation.weights, evaluation.metrics.get("train_loss", np.inf)
            if weights is not None and loss < lowest.get(id, np.inf):
                genotype = Member(members[id].trained, evaluation).genotype
                found[id], lowest[id] = Phenotype(genotype, weights), loss
        longest = MARGIN * (time.monotonic() - began)
    return {id: found[id] for id in members if id in found}


def _job(run: OpenRun, entrant: Entrant, restart: int, stop: Stop, *, fresh: bool) -> Job[Any]:
    start = None if fresh else Start(*searched(run, entrant.member), True)
    trial = Trial(entrant.member.trained, entrant.epochs, replicate=restart)
    return Job(trial, stream(run.config.seed, Stream.REFIT, 2, entrant.id, restart), start, stop)
