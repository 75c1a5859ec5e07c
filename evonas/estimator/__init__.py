"""The search as scikit-learn estimators.

- ``classifier``, ``regressor``: :class:`EvoClassifier` and :class:`EvoRegressor`; ``base``: their common base class
- ``weights``: weights of samples; ``members``: the networks of the front, kept in memory
"""

from evonas.estimator.classifier import EvoClassifier
from evonas.estimator.regressor import EvoRegressor

__all__ = ["EvoClassifier", "EvoRegressor"]
