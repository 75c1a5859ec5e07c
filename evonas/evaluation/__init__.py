"""Evaluators turn a trial into metrics.

- ``base``: Job, the protocols Evaluator (of trials) and PhenotypeEvaluator (of the networks that they leave),
  and ``merge``, which joins one of the first with several of the second.
- Evaluators of trials: ``trained``: train and measure on the validation set; ``final``: train a chosen network, and
  measure it on other samples (``training``: how both train); ``shared``: measure with the weights of a trained
  supernet; ``table``: look up what others have measured.
- Evaluators of phenotypes: ``cost``: a structure, and its latency from a table; ``deployment``: the exported network;
  ``proxies.evaluator``: scores of fresh weights; ``custom``: metrics that other packages bring.
- ``metrics``: outputs against targets.
- ``executor``: the order in which trials run, and the protocol Place of where they do: ``local``, this machine, with
  ``processes`` and their program ``worker``; ``cluster``, a Dask cluster. ``trial``: one trial, wherever it runs.
"""

from evonas.evaluation.base import DeclaresGoals, Evaluator, Job, PhenotypeEvaluator, merge
from evonas.evaluation.cost import CostEvaluator, LatencyEstimator
from evonas.evaluation.custom import CustomEvaluator, CustomMetric
from evonas.evaluation.deployment import DeploymentEvaluator
from evonas.evaluation.shared import SharedEvaluator
from evonas.evaluation.table import TableEvaluator, splits_of
from evonas.evaluation.trained import TrainedEvaluator

__all__ = [
    "CostEvaluator", "CustomEvaluator", "CustomMetric", "DeclaresGoals", "DeploymentEvaluator", "Evaluator", "Job",
    "LatencyEstimator", "PhenotypeEvaluator", "SharedEvaluator", "TableEvaluator", "TrainedEvaluator", "merge",
    "splits_of",
]
