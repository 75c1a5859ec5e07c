"""What a race may spend: seconds until a deadline, or a number of edge-updates that no clock decides."""

from __future__ import annotations

import time


class Purse:
    """A budget in one unit.

    Args:
        deadline: ``time.monotonic()`` at which nothing is left; the unit is the second.
        total: Where there is no deadline, what there is at first; the unit is whatever prices are in.
    """

    def __init__(self, *, deadline: float | None = None, total: float = 0.0) -> None:
        self.deadline, self._left = deadline, total

    @property
    def is_timed(self) -> bool:
        """Whether the clock spends it."""
        return self.deadline is not None

    @property
    def left(self) -> float:
        """What can still be spent; negative where too much was."""
        return self._left if self.deadline is None else self.deadline - time.monotonic()

    def pay(self, price: float) -> None:
        """Spend; of seconds the clock takes account."""
        self._left -= price
