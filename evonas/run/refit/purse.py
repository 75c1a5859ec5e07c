"""The budget of a race: seconds until a deadline, or a number of edge-updates that does not depend on time."""

from __future__ import annotations

import time

import numpy as np


class Purse:
    """A budget in one unit.

    Args:
        deadline: ``time.monotonic()`` at which nothing is left, regardless of ``total``.
        total: The initial amount, in the unit of prices; None means the time until the deadline, in seconds.
    """

    def __init__(self, *, deadline: float | None = None, total: float | None = None) -> None:
        self.deadline, self._left = deadline, total

    @property
    def is_timed(self) -> bool:
        """Whether the budget is time."""
        return self._left is None

    @property
    def left(self) -> float:
        """The amount that can still be spent; not positive if the budget is used up."""
        seconds = np.inf if self.deadline is None else self.deadline - time.monotonic()
        return seconds if self._left is None else self._left if seconds > 0 else 0.0

    def pay(self, price: float) -> None:
        """Subtract a price; seconds are counted by the clock."""
        if self._left is not None:
            self._left -= price
