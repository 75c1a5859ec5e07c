"""Evaluators turn a trial into metrics.

- ``base``: Job, Outcome, the Evaluator protocol, and ``merge``, which joins evaluators.
- ``trained``: train and measure on the validation set; ``shared``: measure with the weights of a trained supernet;
  ``table``: look up what others have measured.
- ``metrics``: outputs against targets; ``deployment``: of an exported network.
- ``cost``: of a structure, and its latency from a table; ``custom``: metrics that other packages bring.
- ``executor``: where trials run.
"""

from evonas.evaluation.base import DeclaresGoals, Evaluator, Job, Outcome, merge
from evonas.evaluation.cost import CostEvaluator, LatencyEstimator
from evonas.evaluation.custom import CustomEvaluator, CustomMetric
from evonas.evaluation.deployment import DeploymentEvaluator
from evonas.evaluation.shared import SharedEvaluator
from evonas.evaluation.table import TableEvaluator, splits_of
from evonas.evaluation.trained import TrainedEvaluator

__all__ = [
    "CostEvaluator", "CustomEvaluator", "CustomMetric", "DeclaresGoals", "DeploymentEvaluator", "Evaluator", "Job",
    "LatencyEstimator", "Outcome", "SharedEvaluator", "TableEvaluator", "TrainedEvaluator", "merge", "splits_of",
]
