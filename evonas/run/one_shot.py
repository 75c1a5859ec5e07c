"""The first stage of a run whose family one training gives: the search, and its members as the first evaluations.

A member is evaluated with a budget of 0 epochs, that is as the search left it, before any pruning. Its own training, by
any searcher, then starts from those weights like any larger budget does from a smaller one, and what the search has
cost is spread evenly over these evaluations.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from evonas.capabilities.family import FoundFamily, OneShotSearch
from evonas.data.samples import Splits
from evonas.evaluation.base import Evaluator, Job
from evonas.evaluation.executor import Place, evaluate_all
from evonas.individual import Evaluation, Individual, Start, Trial
from evonas.rng import Stream, stream
from evonas.run.trials import Observer, SearchFailed
from evonas.serialization.files import atomic_write, make_folder, read_regular
from evonas.space import G
from evonas.store import Group, RunStore, StoreError
from evonas.training import Recipe, Stop, TrialTimeout
from evonas.types import Floats, Metrics

#: The search's own folder in a run directory; and where the seconds that it has taken are kept until it ends.
FOLDER, CLOCK = "seeder", "seconds.json"
#: Most bytes of the file of the clock.
CLOCK_BYTES = 1000


class FamilyObserver(Observer, Protocol):
    """Watches such a run, and must not change it."""

    def searching(self, epoch: int, n_epochs: int, metrics: Metrics) -> None:
        """Called as an epoch of the search ends.

        Args:
            epoch: Number of the epoch.
            n_epochs: Number of all epochs.
            metrics: Metrics of the epoch.
        """
        ...


def find_family(
    search: OneShotSearch[G], evaluator: Evaluator[G], store: RunStore[G], splits: Splits, recipe: Recipe, *, name: str,
    n_members: int, epochs: int, seed: int, place: Place | None = None, trial_timeout: float | None = None,
    time_limit: float | None = None, observers: Sequence[FamilyObserver] = (), teacher: Floats | None = None,
) -> bool:
    """Search, and evaluate the members as individuals 0 to ``n_members - 1`` of the run. Goes on where it stopped.

    Args:
        name: The operator that the members are said to come from.
        seed: The run's.
        place: Place where members are measured; None: one after another on this machine.
        trial_timeout: Seconds that measuring a member may take; the search itself has the run's time.
        time_limit: Seconds the run may take, earlier sessions included.
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``, for the search.

    Returns:
        Whether all members are there.

    Raises:
        SearchFailed: The search found nothing that fits, or its loss became infinite; or no member could be measured.
    """
    measured = [r for r in store.records() if r.budget == 0]
    if len(measured) == n_members and any(r.status == "ok" for r in measured):
        return True
    clock = _Clock(store)
    stop = Stop().within(None if time_limit is None else time_limit - clock.seconds)
    try:
        family = _searched(search, splits, recipe, clock, n_members, epochs, seed, stop, observers, teacher)
    except TrialTimeout:
        return False
    except (FloatingPointError, ValueError) as error:
        raise SearchFailed(f"the search {name} failed: {error}") from error
    finally:
        clock.write()
    return _take_in(
        family, evaluator, store, clock, stop, name=name, seed=seed, place=place, trial_timeout=trial_timeout,
        observers=observers,
    )


def _take_in(
    family: FoundFamily[G], evaluator: Evaluator[G], store: RunStore[G], clock: _Clock, stop: Stop, *, name: str,
    seed: int, place: Place | None, trial_timeout: float | None, observers: Sequence[FamilyObserver],
) -> bool:
    """Evaluate the members as they are, after the search; returns whether there was time for all.

    Args:
        family: Result of the search.
        evaluator: Evaluator of the run.
        store: Store of the run.
        clock: Seconds that the search has taken.
        stop: Request to stop.
        name: Operator of the members.
        seed: Seed of the run.
        place: Place where members are measured.
        trial_timeout: Seconds that a trial may take; None for no limit.
        observers: Observers of the run.
    """
    searched, n_members = clock.seconds, len(family.members)
    individuals = [Individual(id, member.genotype, 0, name) for id, member in enumerate(family.members)]
    store.add_individuals(individuals)
    starts = [Start(member.genotype, member.weights, True) for member in family.members]
    trials = [Trial(individual, 0) for individual in individuals]
    missing = store.missing(trials)
    for observer in observers:
        observer.asked(0, n_members, len(missing))

    def report(evaluation: Evaluation[G]) -> None:
        for observer in observers:
            observer.evaluated(evaluation)

    with Group(store, report) as group:
        for evaluation in evaluate_all(
            evaluator, [Job(t, stream(seed, Stream.TRIAL, *t.key), starts[t.individual.id], stop) for t in missing],
            stop=stop, place=place, trial_timeout=trial_timeout,
        ):
            metrics = dict(evaluation.metrics)
            if "edge_updates" in metrics:
                metrics["edge_updates"] += family.edge_updates / n_members
            seconds = evaluation.seconds + searched / n_members
            group.add(replace(evaluation, metrics=metrics, seconds=seconds), elapsed=clock.seconds)
    if store.missing(trials):
        return False
    if all(store.evaluation(*t.key).status == "failed" for t in trials):
        raise SearchFailed(f"no member of the family could be measured, the first: {store.evaluation(0, 0).error}")
    return True


def _searched(
    search: OneShotSearch[G], splits: Splits, recipe: Recipe, clock: _Clock, n_members: int, epochs: int, seed: int,
    stop: Stop, observers: Sequence[FamilyObserver], teacher: Floats | None,
) -> FoundFamily[G]:
    def report(epoch: int, n_epochs: int, metrics: Metrics) -> None:
        clock.write()
        for observer in observers:
            observer.searching(epoch, n_epochs, metrics)

    return search.search(
        splits, recipe, n_members=n_members, epochs=epochs, seed=stream(seed, Stream.FAMILY), stop=stop,
        directory=clock.directory, report=report, teacher=teacher,
    )


class _Clock:
    """Seconds into the run, earlier sessions included, while the store has no evaluation yet that tells."""

    def __init__(self, store: RunStore[G]) -> None:
        self.directory = store.directory / FOLDER
        try:
            make_folder(self.directory)
        except OSError as error:
            raise StoreError(f"cannot make {self.directory}: {error.strerror}") from None
        self._begin = time.monotonic() - max(store.elapsed, _seconds(self.directory / CLOCK))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def write(self) -> None:
        """Keep the present time for the next session."""
        path = self.directory / CLOCK
        try:
            atomic_write(path, json.dumps(self.seconds).encode())
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}") from None


def _seconds(path: Path) -> float:
    try:
        return float(json.loads(read_regular(path, most=CLOCK_BYTES)))
    except FileNotFoundError:
        return 0.0
    except (OSError, TypeError, ValueError):
        raise StoreError(f"cannot read {path}: expected a number of seconds; delete it to count from 0") from None
