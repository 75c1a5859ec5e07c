"""Training: the recipe that every trainer obeys, and the plain torch loop for spaces without a trainer of their own.

- ``recipe``: Recipe, Pruning, Regrowth; ``stop``: Stop, and how training obeys it. No torch.
- ``checkpoint``: files from which only the search goes on that wrote them. No torch.
- ``augmentation``: images moved and mirrored; ``early_stopping``. No torch.
- ``turns``: when a trainer leaves the interpreter to other threads. No torch.
- ``length``: epochs where none are given. No torch.
- ``loop``: the plain torch loop; ``batch_norm``: BatchNorm as it is stored.
"""

from evonas.training.recipe import Epoch, Pruning, Recipe, Regrowth, Trained
from evonas.training.stop import Cancelled, Stop, TrialTimeout

__all__ = ["Cancelled", "Epoch", "Pruning", "Recipe", "Regrowth", "Stop", "Trained", "TrialTimeout"]
