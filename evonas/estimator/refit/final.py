"""The network that predicts: picked from a run by repeated validation, and trained anew on all samples.

On a table each finalist is trained anew on folds of all samples, with one and with several lengths of training
(:mod:`evonas.estimator.refit.race`), and the best is trained anew on all of them. On images and signals weights are
inherited along a lineage, through phases that no training of a single network has: there the search's own metric
decides, and training continues from the search's weights.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from evonas import front as fronts
from evonas.data.samples import Samples, Splits
from evonas.estimator.refit.finalists import finalists, n_edges, within_limits
from evonas.estimator.refit.folds import joined, losses
from evonas.estimator.refit.purse import Purse
from evonas.estimator.refit.race import BEHIND, Entrant, Race, Standing, standings_of
from evonas.evaluation.base import Job
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.final import FinalTraining
from evonas.evaluation.trained import predict
from evonas.individual import Member, Start, Trial
from evonas.rng import Stream, stream
from evonas.run.open import OpenRun
from evonas.space import Phenotype
from evonas.store import Record
from evonas.training import Stop
from evonas.types import Doubles, Task, UserError

#: Lengths of training in the race, as multiples of a trial's.
LENGTHS = (1, 4)
#: With ``pick="best"`` finalists have at least the edges of this many neurons with every input and output, if there are
#: such networks. A structure has been chosen on all samples, including those that folds hold out, the more so the fewer
#: edges were kept: on a table of 178 samples and 13 features a network of 29 parameters was right about nearly all of
#: them on folds, and about .93 of new ones, where one of 911 was about .98.
NEURONS = 10
#: With fewer samples than the first number, founders that training did not prune, whose structure was not selected,
#: take part regardless of their results in the search: the second number of the largest. The largest that is not
#: clearly behind in the race is picked, because folds are biased in favour of the others.
FEW_SAMPLES, UNCHOSEN = 500, 2
#: Standard errors by which a smaller network may be behind the best: a fraction, since many networks are equally good;
#: with the rule "one-se" one, as is usual (Breiman 1984), which costs accuracy if samples are few.
RULES: Mapping[str, float] = MappingProxyType({"best": 0.25, "one-se": 1.0})
#: Number of trainings of the chosen network on all samples, of which the one with the lowest training loss is kept; and
#: their largest number if there is time.
RESTARTS, MOST_RESTARTS = 3, 10
#: Share of a time limit for the race and the training on all samples: on tables and on other inputs.
SHARE_OF_TABLES, SHARE_OF_OTHERS = 0.4, 0.1
#: Share of the time after the search that the race leaves for the last trainings.
SHARE_OF_LAST = 0.2
#: Largest cost of the race as a multiple of the search's edge-updates, if no time is to be filled.
SHARE_OF_UPDATES = 1.0
#: Safety factor on the duration of a training on all samples when deciding whether the time suffices for another one.
MARGIN = 1.5


@dataclass(frozen=True)
class Final:
    """The networks that were picked.

    Attributes:
        id: The individual's.
        networks: Its network as it came out of its last training, and of an ensemble those of others after it; with
            their ids.
        standings: How the race ended, the best first; empty without a race.
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
        fills: Use all the time until then. Else, and where there is no deadline, it takes as long as the search's size
            asks for, and gives the same for equal arguments where that is in time.
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
    if is_table(splits.task.input_shape):
        purse = _purse(run, splits, deadline, fills=fills)
        entrants, standings = _raced(run, splits, everything, members, pick, purse, n_jobs)
    else:
        members = _smallest_first(run, splits, members) if pick == "one-se" else members
        entrants = [Entrant(run.store.member(r.id), r.budget, 0.0) for r in members[:n_networks]]
    first = _first(entrants, n_networks)
    networks = _last_trainings(run, everything, first, deadline, n_jobs, fills=fills)
    if not networks:
        kept = {entrant.id: _searched(run, entrant.member) for entrant in first}
        return Final(first[0].id, kept, standings, False, False)
    id = next(iter(networks))  # may differ from the first if time sufficed only for others
    standings = sorted(standings, key=lambda s: s.entrant.id != id)
    return Final(id, networks, standings, True, is_table(splits.task.input_shape))


def _raced(
    run: OpenRun, splits: Splits, everything: Splits, members: Sequence[Record], pick: str | Mapping[str, float],
    purse: Purse, n_jobs: int,
) -> tuple[list[Entrant], list[Standing]]:
    """Those of a race on a table in the order in which they are to be used, and the standings, none without a race.

    Args:
        run, splits, pick, n_jobs: See :func:`settle`.
        everything: The samples of ``splits`` together.
        members: Those of the front that may be picked.
        purse: What the race may cost.
    """
    able, safe = list(members), list[Record]()
    if pick != "knee":
        bounds = pick if isinstance(pick, Mapping) else {}
        least = NEURONS * (splits.task.n_inputs + splits.task.n_outputs) if pick == "best" else 0
        able = finalists(run.store.records(), run.objectives, bounds, least=least)
        safe = _unchosen(run, bounds) if pick == "best" and len(everything.train) < FEW_SAMPLES else []
    known = {r.id for r in safe}
    wanted = [*safe, *(r for r in able if r.id not in known)]
    entrants = _entrants(run, wanted, len(splits.train), timed=purse.is_timed)
    importance = _importance(everything.train, splits.task, run.objectives.items[0].metric)
    standings = Race(run.space, run.config, everything, importance, n_jobs).run(entrants, purse)
    if not standings:  # only the results of the search are known
        places = {r.id: place for place, r in enumerate(able)}
        return sorted(entrants, key=lambda entrant: places.get(entrant.id, len(places))), []
    rule = RULES["one-se" if pick == "one-se" else "best"]
    standings = _safe_first(standings, safe) or _thrifty_first(standings, run, rule)
    return [*(s.entrant for s in standings), *entrants], standings  # an ensemble may need more than remain in the race


def _smallest_first(run: OpenRun, splits: Splits, members: Sequence[Record]) -> list[Record]:
    """Records with the smallest first that is within a standard error of the best on the validation samples."""
    held, task = splits.validation, splits.task
    judged, records = [], {r.id: r for r in members}
    for r in members:
        member = run.store.member(r.id)
        genotype, weights = _searched(run, member)
        each = losses(predict(run.space, genotype, weights, held), held, task)
        judged.append(Entrant(member, r.budget, 0.0, each, np.ones(len(held))))
    found = standings_of(judged, _importance(held, task, run.objectives.items[0].metric))
    return [records[s.entrant.id] for s in _thrifty_first(found, run, RULES["one-se"])] if found else list(members)


def _first(entrants: Sequence[Entrant], n: int) -> list[Entrant]:
    """The first ``n`` individuals, each with its first length of training."""
    each: dict[int, Entrant] = {}
    for entrant in entrants:
        each.setdefault(entrant.id, entrant)
    return list(each.values())[:n]


def _entrants(run: OpenRun, records: Sequence[Record], n_train: int, *, timed: bool) -> list[Entrant]:
    """Those of the race, all short trainings before the long ones.

    Args:
        run: Gives the genotypes.
        records: The individuals' evaluations.
        n_train: Samples that the search trained on.
        timed: Prices are seconds, by what the search took, else edge-updates.
    """
    members = {r.id: run.store.member(r.id) for r in records}
    entrants = []
    for length in LENGTHS:
        for r in records:
            price = r.seconds if timed else r.budget * r.metrics.get("flops", 1.0) * n_train
            entrants.append(Entrant(members[r.id], length * max(r.budget, 1), length * price))
    return entrants


def _purse(run: OpenRun, splits: Splits, deadline: float | None, *, fills: bool) -> Purse:
    """The price that the race may have: nearly all the time that is left, or a share of the search's cost."""
    until = None
    if deadline is not None:
        now = time.monotonic()
        until = now + (1 - SHARE_OF_LAST) * (deadline - now)
    if fills:
        return Purse(deadline=until)
    own = [r for r in run.store.records() if r.status == "ok" and not r.imported]
    spent = sum(r.budget * r.metrics.get("flops", 1.0) for r in own)
    return Purse(deadline=until, total=SHARE_OF_UPDATES * spent * len(splits.train))


def _unchosen(run: OpenRun, bounds: Mapping[str, float]) -> list[Record]:
    """The largest founders that training did not prune, the largest first."""
    founders = [r for r in within_limits(run.store.records(), run.objectives, bounds) if r.generation == 0]
    same = [r for r in founders if run.store.individual(r.id).genotype == run.store.member(r.id).genotype]
    return sorted(same, key=lambda r: (-n_edges(r), r.id))[:UNCHOSEN]


def _safe_first(standings: Sequence[Standing], safe: Sequence[Record]) -> list[Standing]:
    """Standings with the largest safe one first that is not clearly behind the best; empty where none is."""
    near = [s for s in standings if s.behind <= BEHIND * s.error and any(s.entrant.id == r.id for r in safe)]
    if not near:
        return []
    first = min(near, key=lambda s: (-n_edges(s.entrant.member.evaluation), s.loss))
    return [first, *(standing for standing in standings if standing is not first)]


def _importance(samples: Samples, task: Task, metric: str) -> Doubles:
    """Importance of each sample in the race, ``(n,)``: its weight, and classes alike where the search says so."""
    weight = getattr(samples, "weight", None)
    importance = np.ones(len(samples)) if weight is None else weight.astype(np.float64)
    if task.kind == "classification" and "balanced" in metric:
        labels = samples.y.astype(np.int64)
        totals = np.bincount(labels, importance)
        importance = importance / totals[labels]
    return importance


def _thrifty_first(standings: Sequence[Standing], run: OpenRun, rule: float) -> list[Standing]:
    """Standings with the smallest network first that is behind the best by ``rule`` standard errors at most."""
    cost = run.objectives.items[-1]
    near = [standing for standing in standings if standing.behind <= rule * standing.error]
    first = min(near, key=lambda s: (cost.loss(s.entrant.metrics), s.loss))
    return [first, *(standing for standing in standings if standing is not first)]


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
    start = None if fresh else Start(*_searched(run, entrant.member), True)
    trial = Trial(entrant.member.trained, entrant.epochs, replicate=restart)
    return Job(trial, stream(run.config.seed, Stream.REFIT, 2, entrant.id, restart), start, stop)


def _searched(run: OpenRun, member: Member[Any]) -> Phenotype[Any]:
    """The network as the search left it."""
    weights = run.store.weights(*member.evaluation.key)
    if weights is None:
        raise UserError(f"individual {member.individual.id} has no trained weights")
    return Phenotype(member.genotype, weights)
