"""Parameters of the estimators: their types and ranges are checked in ``fit``, and nowhere before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from evonas import EvoClassifier, EvoRegressor
from evonas.estimator.parameters import PARAMETERS, check_parameters
from tests.evonas.estimator.conftest import TINY

#: Of each parameter values that are refused; the message names what is expected.
WRONG: dict[str, tuple[str, list[Any]]] = {
    "flops": ("a positive number of FLOPs, or None", ["few", "1000", 0, -1, math.nan, math.inf, True, [9]]),
    "generations": ("a whole number from 0 to 1000000, or None", ["3", -1, 2.5, 3.0, True, 10**7]),
    "population": ("a whole number from 2 to 1000000", ["20", 1, None, 2.0, False]),
    "epochs": ("a whole number from 1 to 1000000, or None", ["6", 0, 1.5, True]),
    "time_limit": ("a positive number of seconds, or None", ["10", 0, -1.0, math.nan, math.inf, True, (5,)]),
    "n_jobs": ("a whole number from 1 to 4096, -1 for as many as there are cores", ["all", 0, 1.0, 10**6, True]),
    "random_state": ("a whole number from 0 to 4294967295, a numpy", ["0", -1, 2**32, 1.0, np.random.default_rng(0)]),
    "metric": ("the name of a metric", [3, "", ["val_error"]]),
    "pick": ("'best', 'one-se', 'knee' or bounds like", ["fastest", None, 3, ["best"], {"flops": "x"}, {3: 4}]),
    "ensemble": ("a number of networks, 1 or more", [0, "3", 1.0, True, None]),
    "verbose": ("0, 1 or 2", ["yes", -1, 1.5, None]),
    "callbacks": ("a list of objects with the methods of evonas.RunObserver, or None", [print, "told", 3]),
    "out": ("the path of a directory to make, or None", [3, "", ["run"], True]),
    "space": ("the name of a search space", [None, 3, ""]),
    "space_options": ("a dict of options by their names, or None", ["norm=none", [1], {3: 4}]),
    "axes": ("'hw', 'chw', 'hwc', 'cl' or 'lc', or None", ["whc", 3, ["hw"], ""]),
    "class_weight": ("None, 'balanced' or a dict like", ["equal", 3, [1, 2]]),
}
#: Values that a user may give, in types of numpy, too.
RIGHT: dict[str, list[Any]] = {
    "flops": [5, 2.5, np.int32(9), np.float32(1e6), None], "generations": [0, np.int64(3), None],
    "population": [2, np.int8(4)], "epochs": [1, None], "time_limit": [10, 0.5, np.float64(3), None],
    "n_jobs": [1, -1, -2, np.int64(2), None], "random_state": [0, np.random.RandomState(1), np.uint32(7), None],
    "pick": ["best", {"flops": 9, "depth": np.float64(3)}, {"flops": math.inf}], "ensemble": [1, np.int64(3)],
    "verbose": [0, 1, 2, 10, True], "out": [None, "run", Path("run")], "space_options": [None, {}, {"norm": "none"}],
    "callbacks": [None, [], ()], "class_weight": [None, "balanced", {0: 1, "b": 2}], "axes": [None, "hwc"],
}
PAIRS = [(name, value) for name, (_, values) in WRONG.items() for value in values]


@pytest.mark.parametrize(("name", "value"), PAIRS, ids=[f"{name}={value!r:.20}" for name, value in PAIRS])
@pytest.mark.parametrize("kind", [EvoClassifier, EvoRegressor])
def test_what_cannot_be_followed_is_refused_by_fit_in_one_sentence(
    kind: Any, name: str, value: Any, line: tuple[np.ndarray, np.ndarray]
) -> None:
    if name not in kind().get_params():
        return
    estimator = clone(kind(**{**TINY, name: value}))
    assert type(estimator.get_params()[name]) is type(value), "it is the fit that refuses"
    x, y = line
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        estimator.fit(x, (y > 1000).astype(int) if kind is EvoClassifier else y)
    sentence = str(refused.value)
    assert sentence.startswith(f"{kind.__name__}: {name} must be {WRONG[name][0]}"), sentence
    assert ", got " in sentence
    assert "\n" not in sentence


def test_every_parameter_has_a_rule_and_a_value_that_fits_it() -> None:
    names = EvoClassifier().get_params().keys() | EvoRegressor().get_params().keys()
    assert names == PARAMETERS.keys() == WRONG.keys()
    for kind in (EvoClassifier, EvoRegressor):
        defaults = kind().get_params()
        check_parameters(defaults, kind.__name__)
        for name, values in RIGHT.items():
            for value in values if name in defaults else ():
                check_parameters({**defaults, name: value}, kind.__name__)
