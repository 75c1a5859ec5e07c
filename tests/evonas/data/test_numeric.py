"""What samples in memory hold beside finite numbers is named by column and sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evonas.data.numeric import as_numbers, names_columns, strange_values
from evonas.types import DataError

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3], "c": [True, False, True]})


@pytest.mark.parametrize(
    ("x", "column", "row", "value"),
    [
        (FRAME.assign(b=["1", "red", "blue"]), "column 'b'", 1, "red"),
        (FRAME.assign(b=pd.Categorical(["x", "y", "x"])), "column 'b'", 0, "x"),
        (FRAME.assign(b=[1, None, 2]), "column 'b'", 1, None),
        (FRAME.assign(a=[1, 2, np.inf]), "column 'a'", 2, np.inf),
        (FRAME.assign(b=pd.to_datetime(["2024-01-31"] * 3)), "column 'b'", 0, None),
        ([*FRAME.to_numpy().tolist(), [1, "red", 2]], "column 1", 3, "red"),
        (np.array([[1, 2], [3, b"x"]], object), "column 1", 1, b"x"),
        (np.array([["1", "2"], ["3", "no"]]), "column 1", 1, "no"), (np.array([["1"], ["2"]]), "column 0", 0, "1"),
        (np.array([[1.0, 2.0], [np.nan, 3.0]]), "column 0", 1, None),
        (np.array(["a", "b"]), "", 0, "a"),
        (np.full((2, 3, 3), np.nan), "", 0, None),
        (FRAME.set_axis([3, 4, 4], axis=1).astype(object).replace(2, "two"), "column 3", 1, "two"),
    ],
)
def test_the_first_strange_value_is_found(x: Any, column: str, row: int, value: object) -> None:
    found = strange_values(x)[0]
    assert (found.column, found.row) == (column, row)
    if value is not None:
        assert found.value == value


@pytest.mark.parametrize(
    "x", [FRAME, np.eye(3), [[1, 2], [3, 4]], np.zeros((2, 3, 4), np.uint8), 3, object(), [[1], [1, 2]]]
)
def test_numbers_and_what_is_no_array_are_not_strange(x: Any) -> None:
    assert strange_values(x) == []


def test_a_message_names_columns_samples_and_the_remedy() -> None:
    texts = FRAME.assign(a="red", b=["1", "2", "blue"])
    with pytest.raises(DataError, match=(
        r"^X: expected numbers, got text, 'red', in column 'a', sample 0, the first of 2 such columns \('a', 'b'\); "
        r"encode it as numbers, as sklearn.preprocessing.OneHotEncoder does, leave it out, or give evonas.evolve the pa"
    )), names_columns(texts):
        raise ValueError("could not convert string to float: 'red'")
    with pytest.raises(DataError, match=r"^X: expected a finite number for every sample, got NaN in column 'a', s"), \
            names_columns(FRAME.assign(a=[1, np.nan, 2])):
        raise ValueError("Input X contains NaN.")
    with pytest.raises(DataError, match=r"^y: expected numbers, got text, 'b', for sample 1; convert it"), \
            names_columns(FRAME, ["1", "b", "c"]):
        raise ValueError("could not convert string to float: 'b'")
    with pytest.raises(TypeError, match=r"in column 'b', sample 0; .*\(argument must be a string or a number\)"), \
            names_columns(FRAME.assign(b=[{}, {}, {}])):
        raise TypeError("argument must be a string or a number")
    with pytest.raises(ValueError, match=r"^something else$"), names_columns(FRAME):
        raise ValueError("something else")


def test_a_frame_of_several_kinds_of_numbers_is_an_array_of_numbers() -> None:
    assert np.asarray(FRAME).dtype == object
    numbers = as_numbers(FRAME, "x")
    assert numbers.dtype == np.float64
    assert numbers.tolist() == [[1, 1, 1], [2, 2, 0], [3, 3, 1]]
    pixels = np.zeros((2, 3, 3), np.uint8)
    assert as_numbers(pixels, "x") is pixels
    assert np.isnan(as_numbers(FRAME.assign(b=[1, None, 2]), "x")[1, 1]), "what is missing may be imputed"
    with pytest.raises(DataError, match=r"^x: expected numbers, got text, 'red', in column 'b', sample 0"):
        as_numbers(FRAME.assign(b="red"), "x")
