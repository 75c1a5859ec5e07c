"""Early stopping by the loss on the validation samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")


class EarlyStopping(Generic[S]):
    """Watches the validation loss, and keeps the state after the best epoch.

    Args:
        epochs: Value of :attr:`evonas.training.Recipe.patience`; None: never stop, keep nothing.
        first: Epochs before this one (they count from 0) are not judged: the network has still to be pruned then.

    Attributes:
        best: Result of ``state`` after the best epoch; None before any.
    """

    def __init__(self, epochs: int | None, *, first: int = 0) -> None:
        self._epochs, self._unjudged = epochs, first
        self._lowest, self._stale = math.inf, 0
        self.best: S | None = None

    def validated(self, validate: Callable[[], float | None]) -> float | None:
        """The validation loss, which is only worked out where it decides anything."""
        return None if self._epochs is None else validate()

    def ends(self, val_loss: float | None, state: Callable[[], S]) -> bool:
        """Whether training should end after an epoch with this loss (None: there is no validation set, or no need)."""
        if self._epochs is None or val_loss is None:
            return False
        if self._unjudged:
            self._unjudged -= 1
            return False
        if val_loss < self._lowest:
            self._lowest, self._stale, self.best = val_loss, 0, state()
            return False
        self._stale += 1
        return self._stale >= self._epochs
