"""How well a score ranks networks as training does."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import kendalltau, spearmanr

from evonas.types import Doubles

#: Fewer networks have no rank correlation worth a number.
FEWEST = 3


class RankCorrelation(NamedTuple):
    """Rank correlations; NaN where they cannot be told.

    Attributes:
        n: Networks that have both.
        partial: Spearman's with the number of parameters held constant: what a score knows beside the size.
    """

    n: int
    spearman: float
    kendall: float
    partial: float


def rank_correlation(scores: Doubles, quality: Doubles, params: Doubles) -> RankCorrelation:
    """Of scores with a quality, more being better of both; all ``(n,)``, and NaN of a score that failed.

    The partial correlation is that of ranks, so it is the same given parameters or given their logarithm.
    """
    good = np.isfinite(scores) & np.isfinite(quality)
    scores, quality, params = scores[good], quality[good], params[good]
    n = len(scores)
    if n < FEWEST or np.ptp(scores) == 0 or np.ptp(quality) == 0:
        return RankCorrelation(n, math.nan, math.nan, math.nan)
    spearman = _spearman(scores, quality)
    partial = spearman
    if np.ptp(params) > 0:
        with_scores, with_quality = _spearman(params, scores), _spearman(params, quality)
        rest = (1 - with_scores**2) * (1 - with_quality**2)
        partial = (spearman - with_scores * with_quality) / math.sqrt(rest) if rest > 1e-12 else math.nan
    return RankCorrelation(n, spearman, float(kendalltau(scores, quality).statistic), partial)


def _spearman(first: Doubles, second: Doubles) -> float:
    return float(spearmanr(first, second).statistic)
