"""The evaluation of many trials at once, here and now, by an evaluator that takes them together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from evonas.evaluation.base import EvaluatesMany, Job
from evonas.evaluation.trial import Tagged, ended, key_of
from evonas.space import G
from evonas.training import Stop


def evaluate_together(
    evaluator: EvaluatesMany[G], jobs: Sequence[Job[G]], stop: Stop, trial_timeout: float | None
) -> Iterator[Tagged[G]]:
    """Evaluate all jobs at once; each gets an equal share of the time of those that ended with it.

    Args:
        evaluator: The evaluator.
        jobs: The jobs.
        stop: Request to stop.
        trial_timeout: Seconds from now on that a trial may take; None for no limit.
    """
    begin = time.monotonic()
    if stop.flag[0] or begin > stop.deadline or not jobs:
        yield from ((key_of(job.trial), None) for job in jobs)
        return
    own = Stop(stop.flag, min(stop.deadline, np.inf if trial_timeout is None else begin + trial_timeout))
    left = dict(enumerate(jobs))
    try:
        for results in evaluator.evaluate_many([replace(job, stop=own) for job in jobs]):
            seconds = (time.monotonic() - begin) / len(results)
            begin = time.monotonic()
            for index, result in results:
                yield ended(left.pop(index).trial, result, seconds, stop.deadline)
    except Exception as error:  # what is not the fault of one job fails all that are left
        for job in left.values():
            yield ended(job.trial, error, time.monotonic() - begin, stop.deadline)
