"""What a race may spend: seconds until a deadline, or a number of edge-updates that no clock decides."""

from __future__ import annotations

import time

import numpy as np


class Purse:
    """A budget in one unit.

    Args:
        deadline: ``time.monotonic()`` at which nothing is left, whatever else is said.
        total: What there is at first, in the unit of prices; None is the time until the deadline, in seconds.
    """

    def __init__(self, *, deadline: float | None = None, total: float | None = None) -> None:
        self.deadline, self._left = deadline, total

    @property
    def is_timed(self) -> bool:
        """Whether the clock spends it."""
        return self._left is None

    @property
    def left(self) -> float:
        """What can still be spent; not positive where all or too much was."""
        seconds = np.inf if self.deadline is None else self.deadline - time.monotonic()
        return seconds if self._left is None else self._left if seconds > 0 else 0.0

    def pay(self, price: float) -> None:
        """Spend; of seconds the clock takes account."""
        if self._left is not None:
            self._left -= price
