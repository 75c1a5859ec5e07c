"""What tests of all parts use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache

import pytest
from clock import Clock
from hypothesis import HealthCheck, settings
from typer.main import get_command

from evonas.runtimes import compiled

#: Triton decides when it is imported, by whatever comes first, whether kernels are compiled or interpreted.
os.environ["TRITON_INTERPRET"] = "1"

# Programs that tests start keep what Python compiles of the project; else each compiles it anew, for half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: How users' programs are compiled.
FAST = compiled.FAST

# How long an example takes, and how long it takes to draw, depends on what else the machine does.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session", autouse=True)
def commands_made_once() -> Iterator[None]:
    """To make the commands of an application anew for each call takes longer than most calls of them."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("typer.testing._get_command", cache(get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def without_optimisation() -> Iterator[None]:
    """Exported C is compiled for this processor, but not made fast: that takes longer than all else of most tests."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiled, "FAST", ("-O0", *FAST[1:]))
        yield


@pytest.fixture
def optimised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported C is compiled as it is for users."""
    monkeypatch.setattr(compiled, "FAST", FAST)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only the test moves."""
    return Clock(monkeypatch)
