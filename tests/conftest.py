"""What tests of all parts use."""

from __future__ import annotations

import pytest
from clock import Clock
from hypothesis import HealthCheck, settings

# How long an example takes, and how long it takes to draw, depends on what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only the test moves."""
    return Clock(monkeypatch)
