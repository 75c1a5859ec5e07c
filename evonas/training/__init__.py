"""Training: the recipe that every trainer follows, and the plain torch loop for spaces without their own trainer.

- ``recipe``: Recipe, Pruning, Regrowth; ``stop``: Stop and its errors. No torch.
- ``checkpoint``: files from which only the search that wrote them continues. No torch.
- ``augmentation``: shifted and mirrored images; ``early_stopping``. No torch.
- ``device``: the device that torch trains on. No torch before it is asked for.
- ``turns``: signals that a trainer leaves the interpreter to other threads. No torch.
- ``length``: default numbers of epochs. No torch.
- ``loop``: the plain torch loop; ``batch_norm``: BatchNorm in the form in which it is stored;
  ``calibration``: statistics of BatchNorm after weights were inherited.
"""

from evonas.training.recipe import Epoch, Pruning, Recipe, Regrowth, Trained
from evonas.training.stop import Cancelled, Stop, TrialTimeout

__all__ = ["Cancelled", "Epoch", "Pruning", "Recipe", "Regrowth", "Stop", "Trained", "TrialTimeout"]
