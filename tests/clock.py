"""A clock that only a test moves, so that no time limit depends on how fast or how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from evonas.store import RunStore
from evonas.testing import toy


class Clock:
    """Stands in the place of ``time.monotonic``; the toy evaluator sleeps by it, too.

    Args:
        monkeypatch: Puts it there, and the machine's clock back.

    Attributes:
        now: What it shows, in seconds.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(toy, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def limits_end_after(self, n: int) -> None:
        """Let more time pass than any limit gives, once a run has stored ``n`` evaluations."""
        n_stored, add = 0, RunStore.add_evaluations

        def stored(store: RunStore[Any], results: Sequence[Any], *rest: Any) -> None:
            nonlocal n_stored
            add(store, results, *rest)
            n_stored += len(results)
            if n_stored >= n:
                self.sleep(1e9)

        self._monkeypatch.setattr(RunStore, "add_evaluations", stored)
