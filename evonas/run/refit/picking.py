"""The individuals that race for the place of the network that predicts, and their order after the race."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.evaluation.training import predict
from evonas.individual import Member
from evonas.run.open import OpenRun, untrained
from evonas.run.refit.finalists import finalists, n_edges, within_limits
from evonas.run.refit.folds import losses
from evonas.run.refit.purse import Purse
from evonas.run.refit.race import BEHIND, Entrant, Race, Standing, standings_of
from evonas.space import Phenotype
from evonas.store import Record
from evonas.types import Doubles, Task

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
#: Share of the time after the search that the race leaves for the last trainings.
SHARE_OF_LAST = 0.2
#: Largest cost of the race as a multiple of the search's edge-updates, if no time is to be filled.
SHARE_OF_UPDATES = 1.0


def raced(
    run: OpenRun, splits: Splits, everything: Splits, members: Sequence[Record], pick: str | Mapping[str, float],
    purse: Purse, n_jobs: int,
) -> tuple[list[Entrant], list[Standing]]:
    """Entrants on a table in the order in which they are to be used, and the standings, none without a race.

    Args:
        run, splits, pick, n_jobs: See :func:`settle`.
        everything: The samples of ``splits`` together.
        members: Records of the front that may be picked.
        purse: Budget of the race.
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


def smallest_first(run: OpenRun, splits: Splits, members: Sequence[Record]) -> list[Record]:
    """Records with the smallest first that is within a standard error of the best on the validation samples.

    Args:
        run: The run.
        splits: Its data set.
        members: Records of individuals.
    """
    held, task = splits.validation, splits.task
    judged, records = [], {r.id: r for r in members}
    for r in members:
        member = run.store.member(r.id)
        genotype, weights = searched(run, member)
        each = losses(predict(run.space, genotype, weights, held), held, task)
        judged.append(Entrant(member, r.budget, 0.0, each, np.ones(len(held))))
    found = standings_of(judged, _importance(held, task, run.objectives.items[0].metric))
    return [records[s.entrant.id] for s in _thrifty_first(found, run, RULES["one-se"])] if found else list(members)


def first_of(entrants: Sequence[Entrant], n: int) -> list[Entrant]:
    """The first ``n`` individuals, each with its first length of training."""
    each: dict[int, Entrant] = {}
    for entrant in entrants:
        each.setdefault(entrant.id, entrant)
    return list(each.values())[:n]


def _entrants(run: OpenRun, records: Sequence[Record], n_train: int, *, timed: bool) -> list[Entrant]:
    """Entrants of the race, all short trainings before the long ones.

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


def purse_of(run: OpenRun, splits: Splits, deadline: float | None, *, fills: bool) -> Purse:
    """Budget of the race: nearly all the time that is left, or a share of the search's cost.

    Args:
        run: The run.
        splits: Its data set.
        deadline: ``time.monotonic()`` by which to be ready; None without one.
        fills: Whether to use all the time until then.
    """
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
    """Importance of each sample in the race, ``(n,)``: its weight, with equal classes if the metric has them.

    Args:
        samples: The samples.
        task: Their task.
        metric: First objective of the search.
    """
    weight = getattr(samples, "weight", None)
    importance = np.ones(len(samples)) if weight is None else weight.astype(np.float64)
    if task.kind == "classification" and "balanced" in metric:
        labels = samples.y.astype(np.int64)
        totals = np.bincount(labels, importance)
        importance = importance / totals[labels]
    return importance


def _thrifty_first(standings: Sequence[Standing], run: OpenRun, rule: float) -> list[Standing]:
    """Standings with the smallest network first that is behind the best by ``rule`` standard errors at most.

    Args:
        standings: The standings.
        run: The run, whose last objective is the cost.
        rule: Number of standard errors.
    """
    cost = run.objectives.items[-1]
    near = [standing for standing in standings if standing.behind <= rule * standing.error]
    first = min(near, key=lambda s: (cost.loss(s.entrant.metrics), s.loss))
    return [first, *(standing for standing in standings if standing is not first)]


def searched(run: OpenRun, member: Member[Any]) -> Phenotype[Any]:
    """The network as the search left it."""
    weights = run.store.weights(*member.evaluation.key)
    if weights is None:
        raise untrained(run, member.individual.id)
    return Phenotype(member.genotype, weights)
