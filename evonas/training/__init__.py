"""Training: the recipe that every trainer obeys, and the plain torch loop for spaces without a trainer of their own.

- ``recipe``: Recipe, Pruning, Regrowth; Stop; what a space's own trainer looks like (Trainable). No torch.
- ``family``: searches that end in a family of networks (FamilySearch). No torch.
- ``checkpoint``: files from which only the search goes on that wrote them. No torch.
- ``augmentation``: images moved and mirrored; ``patience``: early stopping. No torch.
- ``turns``: when a trainer leaves the interpreter to other threads. No torch.
- ``length``: epochs where none are given. No torch.
- ``loop``: the plain torch loop; ``batch_norm``: BatchNorm as it is stored.
"""

from evonas.training.family import FamilySearch, FamilySearchable, Found, FoundFamily, Report
from evonas.training.recipe import (
    Cancelled,
    Epoch,
    Pruning,
    Recipe,
    Regrowth,
    Stop,
    Trainable,
    Trained,
    TrialTimeout,
)

__all__ = [
    "Cancelled", "Epoch", "FamilySearch", "FamilySearchable", "Found", "FoundFamily", "Pruning", "Recipe", "Regrowth",
    "Report", "Stop", "Trainable", "Trained", "TrialTimeout",
]
