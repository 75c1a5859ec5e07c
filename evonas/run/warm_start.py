"""Founders from other runs, with evaluations and weights, and what those runs cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evonas.capabilities.export import HasTimedParts
from evonas.config import RunConfig
from evonas.data.samples import Splits
from evonas.evaluation import Evaluator
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.front import front
from evonas.individual import Individual, Member, Origin, Trial
from evonas.objectives import Objectives, pareto
from evonas.run.lowering.front import lower_front
from evonas.run.open import check_compatible, check_same
from evonas.runtimes.latency_table import LatencyTable, read_table
from evonas.space import SearchSpace
from evonas.store import ComputeCost, Group, RunInfo, RunStore, SeedSource, deduplicate, read_info, spent
from evonas.types import UserError


@dataclass(frozen=True)
class WarmStart:
    """The founders of a new run.

    Attributes:
        founders: Individuals of the new run with ids from 0, in order, as they came out of their training in other
            runs; their evaluations have the weights and say where they come from.
        table: The table that the founders' latencies were estimated by; None where they were not.
        notes: Sentences about founders of another space that the user should know.
    """

    founders: list[Member[Any]]
    sources: list[SeedSource]
    table: LatencyTable | None
    notes: tuple[str, ...] = ()

    def write(self, directory: Path, space: SearchSpace[Any]) -> None:
        """Write the founders into a run without individuals; they cost that run nothing (see :class:`SeedSource`)."""
        with RunStore(directory, space, writing=True) as store, Group(store) as group:
            store.add_individuals(founder.individual for founder in self.founders)
            for founder in self.founders:
                group.add(founder.evaluation, elapsed=0.0)
        if self.table is not None:
            self.table.write(directory)


def founding_trials(store: RunStore[Any]) -> list[Trial[Any]]:
    """The trials that :meth:`WarmStart.write` brought into a run, in the order of their ids."""
    keys = sorted((r.id, r.budget) for r in store.records() if r.imported)
    return [Trial(store.individual(id), budget) for id, budget in keys]


def read_seeds(
    runs: Sequence[Path], config: RunConfig, splits: Splits, space: SearchSpace[Any], objectives: Objectives,
    evaluator: Evaluator[Any], timed_by: Mapping[str, str], *, replace_max_pool: bool = False,
) -> WarmStart:
    """The best ``config.population`` members of the fronts of ``runs`` by rank and crowding, each genotype once.

    Members of runs of another space are lowered into this one, and measured again (:mod:`evonas.run.lowering.front`).

    Args:
        runs: Runs of this space, or of one whose networks this space takes.
        config, splits, space, objectives, evaluator: Those of the new run.
        timed_by: What measures the networks of the new run, by the metric.
        replace_max_pool: See :func:`evonas.run.lowering.networks.lower_network`.

    Raises:
        UserError: A run does not fit the new one or the others, or has an empty front.
    """
    first: dict[str, Member[Any]] = {}  # by genotype
    costs: dict[str, ComputeCost] = {}
    ancestors: list[SeedSource] = []
    tables: dict[str, LatencyTable] = {}
    notes: list[str] = []
    for run in runs:
        path = str(run.resolve())
        if path in costs:
            raise UserError(f"the seed run {run} is named twice: name each once")
        info = read_info(run)
        ancestors += (source._replace(ids=()) for source in info.seeds)
        if info.config.get("space", config.space) != config.space:
            lowered = lower_front(
                run, info, config, splits, space, objectives, evaluator, replace_max_pool=replace_max_pool
            )
            members, costs[path] = lowered.members, lowered.cost
            notes += lowered.notes
        else:
            _check(run, info, config, splits, space)
            members, costs[path], table = _read_front(run, space, objectives, timed_by)
            if others := [other for other, theirs in tables.items() if theirs != table]:
                raise UserError(f"the seed runs {others[0]} and {path} have different tables of latencies, so that "
                                "their estimates cannot be compared: seed from runs that have the same")
            if table is not None:
                tables[path] = table
        for member in members:
            first.setdefault(member.genotype.digest, member)
    found = list(first.values())
    evaluations = [member.evaluation for member in found]
    order = pareto.rank_and_crowd(objectives.matrix(evaluations), objectives.violations(evaluations)).order()
    chosen = [found[i] for i in sorted(order[: config.population])]
    origins = [_origin(member) for member in chosen]
    sources = [
        SeedSource(run, tuple(origin.id for origin in origins if origin.run == run), cost)
        for run, cost in costs.items()
    ]
    founders = [_founder(id, member) for id, member in enumerate(chosen)]
    return WarmStart(founders, deduplicate([*sources, *ancestors]), next(iter(tables.values()), None), tuple(notes))


def _origin(member: Member[Any]) -> Origin:
    assert member.evaluation.origin is not None
    return member.evaluation.origin


def _founder(id: int, member: Member[Any]) -> Member[Any]:
    """A member of another run's front as the individual ``id`` of the new run."""
    individual = Individual(id, member.genotype, 0, "seed")
    return Member(individual, replace(member.evaluation, id=id, genotype=None))


def _check(run: Path, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any]) -> None:
    """Raise :class:`UserError` unless members of another run of this space can found this one.

    Args:
        run: The other run.
        info: Facts about the other run.
        config: Configuration of this run.
        splits: Data set of this run.
        space: Space of this run.
    """
    name = f"the seed run {run}"
    theirs = check_compatible(name, info, config, splits, space)
    check = partial(check_same, name)
    check("list of objectives", ",".join(theirs.objectives or ()), ",".join(config.objectives or ()))
    if config.evaluator == "shared":  # nothing that has its weights from a supernet measures up to what was trained
        check("evaluator", theirs.evaluator, config.evaluator)


def _read_front(
    run: Path, space: SearchSpace[Any], objectives: Objectives, timed_by: Mapping[str, str]
) -> tuple[list[Member[Any]], ComputeCost, LatencyTable | None]:
    """Members of a run's front, their evaluations with weights and origins; and the cost of the run alone.

    The run may go on meanwhile. The metrics that the new run asks for are there, also those of `evonas measure`.

    Args:
        run: The run.
        space: Its space.
        objectives: Objectives and constraints of the new run.
        timed_by: Machine or command that times the networks of the new run, by metric.

    Returns:
        Members, cost, and the table that their latencies were estimated by; None where they were not.
    """
    table = None
    if LATENCY_ESTIMATE in objectives.metrics and isinstance(space, HasTimedParts):
        table = read_table(run, space.timed_parts.names)
    measured = frozenset(objective.metric for objective in objectives.items)
    with RunStore(run, space, measured=measured) as store:
        for metric, source in store.sources().items():
            if timed_by.get(metric, source) != source:
                raise UserError(f"{metric} of the seed run {run} was measured by {source!r}, this run's would be by "
                                f"{timed_by[metric]!r}: measure there, or leave it out of the objectives")
        records = store.records()
        best = front(records, objectives)
        if not best:
            raise UserError(f"the seed run {run} has an empty front: no evaluation has succeeded and keeps the "
                            "constraints; let it run longer")
        members = []
        for r in best:
            if unmeasured := ", ".join(sorted(objectives.metrics - set(r.metrics))):
                raise UserError(f"the seed run {run} did not measure {unmeasured} of its individual {r.id}, which this "
                                f"run bounds: `evonas measure {run} --ids {r.id}` does, or leave the bound out")
            evaluation = store.evaluation(r.id, r.budget)
            asked = {name: r.metrics[name] for name in sorted(objectives.metrics)}
            members.append(Member(store.individual(r.id), replace(
                evaluation, metrics={**evaluation.metrics, **asked}, weights=store.weights(r.id, r.budget),
                origin=Origin(str(run.resolve()), r.id),
            )))
    return members, spent(records, max(r.elapsed for r in records), ()), table
