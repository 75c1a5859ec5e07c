"""The laws that every zero-cost proxy obeys: a score of a network with fresh weights."""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar

import torch
from torch import nn

from evonas.evaluation.proxies.compute import Score
from evonas.evaluation.proxies.networks import Batch
from evonas.testing.contract import Contract, required


class ProxyContract(Contract):
    """A finite score that is the same again and leaves the network, and the global random generator, as they are.

    Attributes:
        score: Function of a network and a :class:`evonas.evaluation.proxies.networks.Batch`; a value or a fixture.
            Where it changes the network that it is given, as those of this package may, it is to be called on a copy.
        network: A module of the task's networks; a value or a fixture.
        batch: Samples of the task; a value or a fixture.
    """

    score: ClassVar[Any] = required("score", "a function of a network and a batch")
    network: ClassVar[Any] = required("network", "a module of the task's networks")
    batch: ClassVar[Any] = required("batch", "samples of the task, an `evonas.evaluation.proxies.networks.Batch`")

    def test_a_score_is_finite_and_the_same_again_and_leaves_the_network_as_it_is(
        self, score: Score, network: nn.Module, batch: Batch
    ) -> None:
        before = {key: value.clone() for key, value in network.state_dict().items()}
        x, y = batch.x.clone(), batch.y.clone()
        generator = torch.random.get_rng_state()
        value = score(network, batch)
        assert math.isfinite(value), f"the score is {value}"
        assert value == score(network, batch), "the score is another one at a second call"
        assert value == score(copy.deepcopy(network), batch), "the score of a copy of the network is another"
        after = network.state_dict()
        assert after.keys() == before.keys(), "the score adds parameters or buffers, or takes some away"
        assert all(torch.equal(value, before[key]) for key, value in after.items()), "the score changes the network"
        assert all(p.grad is None for p in network.parameters()), "the score leaves gradients behind"
        assert not any(module._forward_hooks for module in network.modules()), "the score leaves hooks behind"
        assert torch.equal(batch.x, x), "the score changes the samples"
        assert torch.equal(batch.y, y), "the score changes the targets"
        undrawn = torch.equal(generator, torch.random.get_rng_state())
        assert undrawn, "the score draws from torch's global generator: draw from batch.generator"
