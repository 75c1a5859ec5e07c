"""What times the networks of a run."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from evonas.run.measure import check_target, timer_of
from evonas.types import UserError


def test_a_command_times_networks_on_a_device_and_this_machine_without_one() -> None:
    here, device = timer_of(None, 60.0), timer_of("bench --name 'two words'", 5.0)
    assert (here.metric, here.command) == ("latency", ())
    assert (device.metric, device.command, device.timeout) == ("latency_device", ("bench", "--name", "two words"), 5.0)


@pytest.mark.parametrize(("text", "message"), [("", "is empty"), ("bench 'open", "cannot read the latency command")])
def test_a_command_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        timer_of(text, 5.0)


@pytest.mark.parametrize(("measured", "own", "is_refused"), [
    ({}, False, False), ({(0, 2): {"latency_device": 3.0}}, False, True), ({(0, 2): {"flash": 3.0}}, False, False),
    ({}, True, True),
])
def test_a_command_that_has_measured_nothing_gives_way_to_another(
    measured: dict[Any, Any], own: bool, is_refused: bool
) -> None:
    kept = {"latency_device": "/nope/prog"}
    store: Any = SimpleNamespace(
        directory="r", sources=lambda: kept, measurements=lambda: measured, set_source=kept.__setitem__
    )
    with pytest.raises(UserError, match="was measured by '/nope/prog'") if is_refused else nullcontext():
        check_target(store, "latency_device", "bench", own=own)
    assert kept == {"latency_device": "/nope/prog" if is_refused else "bench"}
