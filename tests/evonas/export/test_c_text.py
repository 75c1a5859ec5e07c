"""Tables of exported C."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.export.c_text import narrow


@pytest.mark.parametrize(("ends", "dtype"), [
    ((0, 255), "uint8"), ((0, 256), "uint16"), ((-1, 127), "int8"), ((-1, 128), "int16"), ((-128, 0), "int8"),
    ((-129, 0), "int16"), ((-1, 2**31), "int64"),
])
def test_integers_take_the_narrowest_type_that_holds_them(ends: tuple[int, int], dtype: str) -> None:
    values = np.array(ends)
    assert narrow(values).dtype == dtype
    assert narrow(values).tolist() == values.tolist()


def test_a_table_without_entries_has_a_type() -> None:
    assert narrow(np.zeros(0, np.int64)).dtype == "uint8"
