"""Values of --space-option: as in TOML, or bare words."""

from __future__ import annotations

from typing import Any

import pytest

from evonas.cli.options import parse_options


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cells=3", 3), ("edges=[64, 800]", [64, 800]), ("norm=layer-affine", "layer-affine"),
        ("operations = nasbench201", "nasbench201"), ("founders='source'", "source"), ("per_cell=true", True),
    ],
)
def test_a_value_is_what_it_would_be_in_a_file_or_a_bare_word(text: str, value: Any) -> None:
    assert list(parse_options([text]).values()) == [value]
