"""Training: the recipe that every trainer obeys, and the plain torch loop for spaces without a trainer of their own.

- ``recipe``: Recipe, Pruning, Regrowth; Stop; what a space's own trainer looks like (Trainable). No torch.
- ``loop``: the plain torch loop.
"""

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
    "Cancelled", "Epoch", "Pruning", "Recipe", "Regrowth", "Stop", "Trainable", "Trained", "TrialTimeout",
]
