"""What times the networks of a run."""

from __future__ import annotations

import pytest

from evonas.run.measure import timer_of
from evonas.types import UserError


def test_a_command_times_networks_on_a_device_and_this_machine_without_one() -> None:
    here, device = timer_of(None, 60.0), timer_of("bench --name 'two words'", 5.0)
    assert (here.metric, here.command) == ("latency", ())
    assert (device.metric, device.command, device.timeout) == ("latency_device", ("bench", "--name", "two words"), 5.0)


@pytest.mark.parametrize(("text", "message"), [("", "is empty"), ("bench 'open", "cannot read the latency command")])
def test_a_command_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        timer_of(text, 5.0)
