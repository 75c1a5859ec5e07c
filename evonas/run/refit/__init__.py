"""The last steps of an estimator: picking the network that predicts, and its training on all samples."""

from evonas.run.refit.final import Final, settle, share_of_time
from evonas.run.refit.use import module, packages, standings

__all__ = ["Final", "module", "packages", "settle", "share_of_time", "standings"]
