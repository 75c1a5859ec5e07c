"""Zero-cost proxies of networks that are given as text."""

from __future__ import annotations

from typing import Any

import pytest

from evonas.run.scoring import proxy_names, score_texts
from evonas.types import UserError

GIVEN: dict[str, Any] = {
    "space": "cell", "space_options": {"operations": "nasbench201", "channels": 2, "cells": 3}, "n_train": 80,
}
FIRST = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
SECOND = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"


def test_one_network_has_no_rank_among_candidates() -> None:
    with pytest.raises(UserError, match="vote compares candidates: give two networks or more"):
        score_texts([FIRST], ["params", "vote"], GIVEN)
    (row,) = score_texts([FIRST], ["params", "vote"], GIVEN, skips_joined=True)
    assert set(row) == {"genotype", "params", "params_rank"}


def test_equal_scores_have_the_same_rank_and_the_best_is_first() -> None:
    rows = score_texts([SECOND, FIRST, SECOND], ["params"], GIVEN)
    assert [row["params_rank"] for row in rows] == [2, 1, 2]
    assert rows[0]["params"] == rows[2]["params"] < rows[1]["params"]
    assert [row["genotype"] for row in rows] == [SECOND, FIRST, SECOND]


def test_an_unknown_proxy_is_refused_before_data_are_read() -> None:
    assert "naswot" in proxy_names()
    with pytest.raises(UserError, match="unknown proxy 'naswott', did you mean 'naswot'"):
        score_texts([FIRST], ["naswott"], {**GIVEN, "dataset": "nowhere.csv"})


def test_a_space_that_reads_no_text_is_refused() -> None:
    with pytest.raises(UserError, match="networks of the space neuron cannot be typed"):
        score_texts(["x"], ["params"], {"space": "neuron"})
