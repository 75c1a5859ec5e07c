"""A request to stop, and the errors by which training ends on it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


class Cancelled(Exception):
    """Raised if training was stopped from outside before it ended."""


class TrialTimeout(TimeoutError):
    """Raised if training took longer than its time limit."""

    def __init__(self, message: str = "the trial took longer than its time limit") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """A request to stop that a running trainer polls at every step; shared by threads.

    Attributes:
        flag: Shape ``(1,)``; any value but 0 means to stop now. Native code reads it directly.
        deadline: ``time.monotonic()`` after which training must end.
    """

    flag: NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, np.int32))
    deadline: float = np.inf

    def request(self) -> None:
        """Ask every holder of this flag to stop."""
        self.flag[0] = 1

    def within(self, seconds: float | None) -> Stop:
        """The same flag with a deadline ``seconds`` from now."""
        return Stop(self.flag, np.inf if seconds is None else time.monotonic() + seconds)

    def check(self) -> None:
        """Check that training may continue.

        Raises:
            Cancelled: A stop was requested.
            TrialTimeout: The deadline has passed.
        """
        if self.flag[0]:
            raise Cancelled("training was stopped")
        if time.monotonic() > self.deadline:
            raise TrialTimeout
