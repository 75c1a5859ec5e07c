"""The front of a run of another search space as founders: lowered, and measured again in this run's terms."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evonas.capabilities.layers import ConstantNetwork, Lowerable, NotLowerable, TakesLayers
from evonas.config import RunConfig, check_config
from evonas.data.samples import Splits
from evonas.evaluation import Evaluator
from evonas.evaluation.base import Job
from evonas.evaluation.executor import evaluate_all
from evonas.front import front
from evonas.individual import Evaluation, Member, Origin, Start, Trial
from evonas.objectives import Objectives
from evonas.rng import Stream, stream
from evonas.run.lowering.networks import LoweredNetwork, lower_network
from evonas.run.open import OpenRun, check_same, check_samples, open_run
from evonas.run.plugins import create_space
from evonas.space import SearchSpace
from evonas.store import ComputeCost, Record, RunInfo, spent
from evonas.training import Stop
from evonas.types import UserError


class LoweredFront(NamedTuple):
    """Founders.

    Attributes:
        members: Members of the other run's front in this run's space, with this run's metrics and the epochs that they
            had there; their evaluations have weights and origins.
        cost: Cost of the other run, and of measuring again.
        notes: Sentences that the user should know.
    """

    members: list[Member[Any]]
    cost: ComputeCost
    notes: list[str]


def lower_front(
    run: Path, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any], objectives: Objectives,
    evaluator: Evaluator[Any], *, replace_max_pool: bool,
) -> LoweredFront:
    """The front of ``run``, by its own objectives, in ``space``; nothing is trained.

    Members that would break this run's constraints are left out, as are those that compute the same for every input.

    Args:
        run, info: The other run.
        config, splits, space, objectives, evaluator: Those of this run.
        replace_max_pool: See :func:`evonas.run.lowering.networks.lower_network`.

    Raises:
        UserError: The other run has another task or other samples, its front is empty, or a member cannot be lowered.
    """
    name = f"the seed run {run}"
    _check(name, info, config, splits, space)
    with open_run(run) as opened:
        records = opened.store.records()
        best = front(records, opened.objectives)
        if not best:
            raise UserError(f"{name} has an empty front: no evaluation has succeeded and keeps its constraints; let it "
                            "run longer")
        found = _lower(name, opened, best, config, space, objectives, replace_max_pool)
    begin = time.monotonic()
    evaluations = _measured(found, config, evaluator)
    cost = spent(records, max(r.elapsed for r in records), ())
    cost = cost._replace(
        elapsed=cost.elapsed + time.monotonic() - begin, evaluations=cost.evaluations + len(evaluations),
        seconds=cost.seconds + sum(e.seconds for e in evaluations),
    )
    path = str(run.resolve())
    members = [
        Member(trial.individual, replace(
            evaluation, budget=trial.budget, weights=network.phenotype.weights, origin=Origin(path, trial.individual.id)
        ))
        for (trial, network), evaluation in zip(found, evaluations, strict=True) if evaluation.status == "ok"
    ]
    if not members:
        raise UserError(f"no member of the front of {name} could be measured, the first: {evaluations[0].error}")
    return LoweredFront(members, cost, _notes(name, best, found, len(members)))


def _check(name: str, info: RunInfo, config: RunConfig, splits: Splits, space: SearchSpace[Any]) -> None:
    """Raise :class:`UserError` unless networks of another run can be lowered into this one.

    Args:
        name: The other run as the user named it.
        info: Facts about the other run.
        config: Configuration of this run.
        splits: Data set of this run.
        space: Space of this run.
    """
    theirs = check_config(info.config, source=name)
    check_samples(name, info, theirs, splits.task, config.split_seed, splits.fingerprint)
    their_space = create_space(theirs.space, splits.task, theirs.space_options)
    if not isinstance(their_space, Lowerable) or not isinstance(space, TakesLayers):
        check_same(name, "search space", theirs.space, config.space)


def _lower(
    name: str, opened: OpenRun, best: Sequence[Record], config: RunConfig, space: SearchSpace[Any],
    objectives: Objectives, replace_max_pool: bool,
) -> list[tuple[Trial[Any], LoweredNetwork]]:
    """Lowered networks that keep the constraints as far as structure tells, with their trials in this space.

    Args:
        name: The other run as the user named it.
        opened: The other run.
        best: Records of its front.
        config: Configuration of this run.
        space: Space of this run.
        objectives: Objectives and constraints of this run.
        replace_max_pool: Replace max-pooling, which has no neurons, by average-pooling.

    Raises:
        UserError: None is left, one has no weights, or one cannot be lowered.
    """
    assert isinstance(opened.space, Lowerable)
    assert isinstance(space, TakesLayers)
    found, refused = [], {}
    for record in best:
        evaluation = opened.store.evaluation(record.id, record.budget)
        member, weights = Member(opened.store.individual(record.id), evaluation), opened.store.weights(*evaluation.key)
        whose = f"individual {record.id} of {name}"
        if weights is None:
            raise UserError(f"{whose} has no trained weights to lower: seed from a run that trains its networks")
        try:
            network = lower_network(
                opened.space, member.genotype, weights, space, seed=config.seed, replace_max_pool=replace_max_pool
            )
        except ConstantNetwork:
            continue
        except NotLowerable as error:
            if objectives.violation(error.costs) <= 0:
                refused[f"{whose} {error}"] = max(error.costs.values(), default=np.inf)
        except ValueError as error:
            raise UserError(f"{whose} cannot be lowered: {error}") from error
        else:
            genotype = network.phenotype.genotype
            if objectives.violation(space.cost(genotype)) <= 0:
                found.append((Trial(replace(member.individual, genotype=genotype), record.budget), network))
    if refused:
        raise UserError(max(refused, key=refused.__getitem__))
    if not found:
        bounds = ", ".join(map(str, objectives.constraints)) or "none"
        raise UserError(f"none of the {len(best)} members of the front of {name} can be a founder: they break the "
                        f"constraints ({bounds}) in this space, or compute the same for every input")
    return found


def _measured(
    found: Sequence[tuple[Trial[Any], LoweredNetwork]], config: RunConfig, evaluator: Evaluator[Any]
) -> list[Evaluation[Any]]:
    """Evaluations of the networks as they are, with a budget of 0 epochs, in their order.

    Args:
        found: Trials and lowered networks.
        config: Configuration of this run.
        evaluator: Its evaluator.
    """
    results = evaluate_all(
        evaluator,
        [Job(replace(trial, budget=0), stream(config.seed, Stream.LOWERING, trial.individual.id, 0),
             Start(*network.phenotype, True), Stop()) for trial, network in found],
        stop=Stop(), n_jobs=config.jobs, trial_timeout=config.trial_timeout,
    )
    by_id = {evaluation.id: evaluation for evaluation in results}
    return [by_id[trial.individual.id] for trial, _ in found]


def _notes(
    name: str, best: Sequence[Record], found: Sequence[tuple[Trial[Any], LoweredNetwork]], n_good: int
) -> list[str]:
    notes = []
    if n_good < len(best):
        notes.append(f"{n_good} of the {len(best)} members of the front of {name} are founders: the others break the "
                     "constraints, compute the same for every input or could not be measured")
    if n_replaced := sum(bool(network.replaced) for _, network in found):
        notes.append(f"{n_replaced} founders from {name} have average pooling where there was max-pooling: until "
                     "they are trained they compute something else than there")
    return notes
