"""Explanation why a member is chosen although another looks better by the metric that users know."""

from __future__ import annotations

from collections.abc import Sequence

from evonas.front import knee
from evonas.objectives import Objectives
from evonas.store import Record

#: Metrics by which users judge a network, larger being better, and the objectives that agree with them.
READ = (("val_accuracy", frozenset({"val_accuracy", "val_error"})), ("val_r2", frozenset({"val_r2", "val_nmse"})))
#: Fewest and most digits after the point of two compared values: as few as distinguish them.
FEWEST_DIGITS, MOST_DIGITS = 4, 12


def read_quality(members: Sequence[Record], objectives: Objectives) -> str | None:
    """The metric by which users judge members; None if the first objective agrees with it, or some members lack it."""
    for name, same in READ:
        if members and objectives.items[0].metric not in same and all(name in r.metrics for r in members):
            return name
    return None


def why_chosen(chosen: Record, rivals: Sequence[Record], objectives: Objectives) -> str | None:
    """One sentence if a rival has more of :func:`read_quality` than the chosen member, else None.

    Args:
        chosen: The chosen member.
        rivals: Members that could have been chosen; the chosen one may be among them.
        objectives: Objectives of the search.
    """
    name, objective = read_quality([chosen, *rivals], objectives), objectives.items[0]
    if name is None:
        return None
    rival = max(rivals, key=lambda r: r.metrics[name], default=chosen)
    if rival.metrics[name] <= chosen.metrics[name]:
        return None
    more, less = apart(rival.metrics[name], chosen.metrics[name])
    theirs, own = apart(rival.metrics[objective.metric], chosen.metrics[objective.metric])
    meaning = ", the mean of validation and training samples" if objective.metric.startswith("trainval_") else ""
    reason = f"a {'higher' if objective.goal == 'min' else 'lower'} {objective.metric} ({theirs} instead of {own})"
    if theirs == own:
        reason = f"the same {objective.metric} ({own}), and of equals the first of the front is chosen"
    return (
        f"{chosen.id} is chosen by the search's objective, {objective.metric}{meaning}: {rival.id} has a higher {name} "
        f"({more} instead of {less}) but {reason}"
    )


def why_knee(members: Sequence[Record], objectives: Objectives) -> str | None:
    """The result of :func:`why_chosen` for the knee, with the members that cost no more as rivals."""
    middle = knee(members, objectives)
    costs = objectives.items[1:]
    cheap = [r for r in members if all(cost.loss(r.metrics) <= cost.loss(middle.metrics) for cost in costs)]
    return why_chosen(middle, cheap, objectives)


def why_front(members: Sequence[Record], objectives: Objectives) -> str | None:
    """The result of :func:`why_knee`; if that is None, of :func:`why_chosen` for the best by the first objective."""
    if not members:
        return None
    best = min(members, key=lambda r: objectives.items[0].loss(r.metrics))
    return why_knee(members, objectives) or why_chosen(best, members, objectives)


def apart(first: float, second: float) -> tuple[str, str]:
    """Two numbers with as many digits as distinguish them; the same text twice if they are equal."""
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        texts = f"{first:.{digits}f}", f"{second:.{digits}f}"
        if texts[0] != texts[1]:
            return texts
    if first == second:
        return f"{first:.{FEWEST_DIGITS}f}", f"{second:.{FEWEST_DIGITS}f}"
    return repr(first), repr(second)
