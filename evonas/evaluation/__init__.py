"""Evaluators turn a trial into metrics.

- ``base``: Job, Outcome, the Evaluator protocol, and ``merge``, which joins evaluators.
- ``trained``: train and measure on the validation set; ``shared``: measure with the weights of a trained supernet.
- ``measure``: outputs against targets; ``deployment``: of an exported network.
- ``cost``: of a structure, and its latency from a table.
"""

from evonas.evaluation.base import DeclaresGoals, Evaluator, Job, Outcome, merge
from evonas.evaluation.cost import CostEvaluator, LatencyEstimator
from evonas.evaluation.deployment import DeploymentEvaluator
from evonas.evaluation.shared import SharedEvaluator
from evonas.evaluation.trained import TrainedEvaluator

__all__ = [
    "CostEvaluator", "DeclaresGoals", "DeploymentEvaluator", "Evaluator", "Job", "LatencyEstimator", "Outcome",
    "SharedEvaluator", "TrainedEvaluator", "merge",
]
