"""Types and ranges of the parameters of an estimator, checked in ``fit`` as usual."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import numpy as np

from evonas.data.axes import Axes
from evonas.run.observer import RunObserver
from evonas.types import MOST, MOST_JOBS, UserError

#: The largest seed that scikit-learn takes.
MOST_SEED = 2**32 - 1


class Rule(NamedTuple):
    """Rule for the values of a parameter.

    Attributes:
        expected: Words that follow "must be".
        fits: Whether a value is that.
    """

    expected: str
    fits: Callable[[Any], bool]


def is_whole(value: object) -> bool:
    """Whether it is a whole number, of Python's or of numpy's types; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Whether it is a finite number, of Python's or of numpy's types; True and False are none."""
    return is_whole(value) or (isinstance(value, float | np.floating) and math.isfinite(value))


def whole(low: int, high: int, what: str = "a whole number") -> Rule:
    """Rule for a number from ``low`` to ``high``.

    Args:
        low: Smallest value.
        high: Largest value.
        what: Description for messages.
    """
    return Rule(f"{what} from {low} to {high}", lambda value: is_whole(value) and low <= value <= high)


def positive(what: str) -> Rule:
    """A finite number above 0."""
    return Rule(what, lambda value: is_real(value) and value > 0)


def one_of(*values: str) -> Rule:
    """One of a few texts."""
    names = [repr(value) for value in values]
    return Rule(f"{', '.join(names[:-1])} or {names[-1]}", lambda value: isinstance(value, str) and value in values)


def maybe(rule: Rule) -> Rule:
    """The same, or None."""
    return Rule(f"{rule.expected}, or None", lambda value: value is None or rule.fits(value))


TEXT = Rule("a text", lambda value: isinstance(value, str) and value != "")
#: A table of options with names.
TABLE = Rule(
    "a dict of options by their names", lambda value: isinstance(value, Mapping) and all(map(TEXT.fits, value))
)
#: Parameters of :class:`evonas.estimator.base.SearchEstimator`.
PARAMETERS: Mapping[str, Rule] = {
    "flops": maybe(positive("a positive number of FLOPs")),
    "generations": maybe(whole(0, MOST)),
    "population": whole(2, MOST),
    "epochs": maybe(whole(1, MOST)),
    "time_limit": maybe(positive("a positive number of seconds")),
    "n_jobs": Rule(
        f"a whole number from 1 to {MOST_JOBS}, -1 for as many as there are cores (-2 for one less), or None",
        lambda value: value is None or (is_whole(value) and value != 0 and -MOST_JOBS <= value <= MOST_JOBS),
    ),
    "random_state": Rule(
        f"a whole number from 0 to {MOST_SEED}, a numpy.random.RandomState, or None",
        lambda value: value is None or isinstance(value, np.random.RandomState)
        or (is_whole(value) and 0 <= value <= MOST_SEED),
    ),
    "metric": maybe(Rule("the name of a metric, which `evonas metrics` lists", TEXT.fits)),
    "pick": Rule(
        "'best', 'one-se', 'knee' or bounds like {'flops': 20000}",
        lambda value: value in ("best", "one-se", "knee") if isinstance(value, str) else _is_bounds(value),
    ),
    "ensemble": Rule("a number of networks, 1 or more", lambda value: is_whole(value) and 1 <= value <= MOST),
    "verbose": Rule("0, 1 or 2", lambda value: isinstance(value, int | np.integer) and 0 <= int(value) <= MOST),
    "callbacks": Rule(
        "a list of objects with the methods of evonas.RunObserver, or None",
        lambda value: value is None or (isinstance(value, Sequence) and not isinstance(value, str)),
    ),
    "out": Rule(
        "the path of a directory to make, or None",
        lambda value: value is None or (isinstance(value, str | os.PathLike) and os.fspath(value) != ""),
    ),
    "space": Rule("the name of a search space, which `evonas spaces` lists", TEXT.fits),
    "space_options": maybe(TABLE),
    "axes": maybe(one_of(*get_args(Axes))),
    "class_weight": Rule(
        "None, 'balanced' or a dict like {0: 1, 1: 50}",
        lambda value: value is None or isinstance(value, Mapping) or (isinstance(value, str) and value == "balanced"),
    ),
}


def check_parameters(parameters: Mapping[str, Any], estimator: str) -> None:
    """Raises :class:`UserError` for the first parameter that cannot be followed.

    Args:
        parameters: Values by name, as ``get_params(deep=False)`` gives them.
        estimator: Name of the estimator, for the message.
    """
    for name, value in parameters.items():
        rule = PARAMETERS.get(name)
        if rule is not None and not rule.fits(value):
            raise UserError(f"{estimator}: {name} must be {rule.expected}, got {_short(value)}; correct it")
    for callback in parameters.get("callbacks") or ():
        if isinstance(callback, type) or not isinstance(callback, RunObserver):
            raise UserError(f"callbacks must be objects with the methods of evonas.RunObserver, got {callback!r:.80}: "
                            f"derive a class from it, and give an object of it")
    if parameters["ensemble"] > 1 and isinstance(parameters["pick"], str) and parameters["pick"] == "knee":
        raise UserError(f"ensemble: expected 1 with pick='knee', which is one network, got {parameters['ensemble']}: "
                        f"pick 'best', 'one-se' or bounds")


def _is_bounds(value: object) -> bool:
    """Whether it gives numbers by the names of metrics."""
    return isinstance(value, Mapping) and all(
        TEXT.fits(name) and (is_real(bound) or bound == math.inf) for name, bound in value.items()
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."
