"""Founders from other runs: the members of their fronts, with evaluations and weights, and what those runs cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evonas import pareto
from evonas.config import RunConfig, check_config
from evonas.data.samples import Splits
from evonas.individual import SEEDED, Individual, Member, Trial
from evonas.objectives import Objectives
from evonas.plugins import create_space
from evonas.report.front import front
from evonas.space import HasWeightOptions, SearchSpace
from evonas.store import RunInfo, RunStore, SeedSource, Spent, read_info, spent
from evonas.types import UserError, Weights


@dataclass(frozen=True)
class Founder:
    """A member of another run's front, as it came out of its training."""

    run: str
    member: Member[Any]
    weights: Weights | None


@dataclass(frozen=True)
class Seeds:
    """What a new run begins with: individuals with ids from 0, in order."""

    founders: list[Founder]
    sources: list[SeedSource]

    def write(self, directory: Path, space: SearchSpace[Any]) -> None:
        """Into a run that has no individuals yet; it has cost that run nothing (see :class:`SeedSource`)."""
        with RunStore(directory, space, writing=True) as store:
            for id, founder in enumerate(self.founders):
                store.add_individuals([Individual(id, founder.member.genotype, 0, SEEDED)])
                evaluation = replace(founder.member.evaluation, id=id, genotype=None)
                store.add_evaluation(evaluation, founder.weights, elapsed=0.0)


def founding_trials(store: RunStore[Any]) -> list[Trial[Any]]:
    """The trials that :meth:`Seeds.write` brought into a run, in the order of their ids."""
    keys = sorted((r.id, r.budget) for r in store.records() if r.birth == 0 and r.operator == SEEDED)
    return [Trial(store.individual(id), budget) for id, budget in keys]


def read_seeds(
    runs: Sequence[Path], config: RunConfig, splits: Splits, space: SearchSpace[Any], objectives: Objectives
) -> Seeds:
    """The best ``config.population`` members of the fronts of ``runs`` by rank and crowding, each genotype once.

    Raises:
        UserError: A run does not fit the new one, has an empty front, or is being written.
    """
    found: list[Founder] = []
    costs: dict[str, Spent] = {}
    for run in runs:
        if str(run) in costs:
            raise UserError(f"the seed run {run} is named twice: name each once")
        info = read_info(run)
        _check_fit(run, info, config, splits, space)
        with RunStore(run, space, writing=True) as store:  # the lock: nobody writes to it meanwhile
            records = store.records()
            best = front(records, objectives)
            if not best:
                raise UserError(f"the seed run {run} has an empty front: no evaluation has succeeded and keeps the "
                                "constraints; let it run longer")
            found += [
                Founder(str(run), Member(store.individual(r.id), store.evaluation(r.id, r.budget)),
                        store.weights(r.id, r.budget))
                for r in best
            ]
            costs[str(run)] = spent(records, store.elapsed, store.info.seeds)
    found = [*{founder.member.genotype.digest: founder for founder in reversed(found)}.values()][::-1]
    evaluations = [founder.member.evaluation for founder in found]
    order = pareto.rank_and_crowd(objectives.matrix(evaluations), objectives.violations(evaluations)).order()
    founders = [found[i] for i in sorted(order[: config.population])]
    sources = [
        SeedSource(run, tuple(f.member.individual.id for f in founders if f.run == run), cost)
        for run, cost in costs.items()
    ]
    return Seeds(founders, sources)


def _check_fit(run: Path, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any]) -> None:
    """Raises :class:`UserError` with the first difference that matters."""
    theirs = check_config(info.config, source=str(run))

    def check(what: str, got: object, expected: object) -> None:
        if got != expected:
            raise UserError(f"the seed run {run} has another {what} than this one: expected {expected}, got {got}")

    check("search space", theirs.space, config.space)
    check("input shape", tuple(info.task["input_shape"]), splits.task.input_shape)
    their_space = create_space(theirs.space, splits.task, theirs.space_options)
    if isinstance(space, HasWeightOptions) and isinstance(their_space, HasWeightOptions):
        for name, expected in space.weight_options.items():
            check(name, their_space.weight_options[name], expected)
    check("split_seed", theirs.split_seed, config.split_seed)
    check("data set or n_train (fingerprint)", info.fingerprint, splits.fingerprint)
    check("set of objectives", ",".join(theirs.objectives or ()), ",".join(config.objectives or ()))
