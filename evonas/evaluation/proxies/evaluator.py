"""Proxies as metrics of a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from evonas.evaluation.proxies.scorer import Scorer
from evonas.space import G, Phenotype
from evonas.training import Stop
from evonas.types import Metrics


@dataclass(frozen=True)
class ProxyEvaluator(Generic[G]):
    """Scores the genotype with fresh weights, whatever weights it was trained to.

    Attributes:
        scorer: Computes the proxies.
        metric_names: Some of :data:`evonas.evaluation.proxies.MEASURED`.
    """

    scorer: Scorer[G]
    metric_names: tuple[str, ...]
    shares_memory: bool = True

    def measure(self, phenotype: Phenotype[G], stop: Stop) -> Metrics:
        """The scores; ``FloatingPointError`` where one fails."""
        found, failed = self.scorer.scores(phenotype.genotype, self.metric_names, stop)
        if failed:
            raise FloatingPointError("; ".join(f"proxy {name}: {reason}" for name, reason in failed.items()))
        return found
