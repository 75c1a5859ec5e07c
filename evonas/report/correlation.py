"""Agreement between the ranking of networks by a score and by training."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import kendalltau, spearmanr

from evonas.types import Doubles

#: Smallest number of networks for which a rank correlation is reported.
FEWEST = 3


class RankCorrelation(NamedTuple):
    """Rank correlations; NaN if they are undefined.

    Attributes:
        n: Number of networks with both values.
        spearman: Spearman's rank correlation.
        kendall: Kendall's rank correlation.
        partial: Spearman's with the number of parameters held constant: what a score adds to the size.
    """

    n: int
    spearman: float
    kendall: float
    partial: float


def rank_correlation(scores: Doubles, quality: Doubles, params: Doubles) -> RankCorrelation:
    """The rank correlations of scores with a quality.

    The partial correlation is one of ranks, so it is the same for parameters and for their logarithm.

    Args:
        scores: Scores, larger being better, ``(n,)``; NaN for a failed score.
        quality: Quality, larger being better, ``(n,)``.
        params: Number of parameters, ``(n,)``.
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
