"""Selection of the child that is trained, out of several, by a proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np

from evonas.evaluation.proxies.scorer import Scorer
from evonas.space import G
from evonas.types import Doubles

#: Significant digits to which scores are compared: the last bits of sums differ between machines, and a run may be
#: resumed on another one.
DIGITS = 5


@dataclass(frozen=True)
class Screen(Generic[G]):
    """The promise of candidates, ``(n,)``, larger being better; -inf if a score failed.

    Attributes:
        scorer: Computes the scores.
        name: Name of the proxy.
    """

    scorer: Scorer[G]
    name: str

    def __call__(self, candidates: Sequence[G]) -> Doubles:
        scores = self.scorer.table(candidates, [self.name])[self.name]
        return np.array([float(f"{score:.{DIGITS}g}") if np.isfinite(score) else -np.inf for score in scores])
