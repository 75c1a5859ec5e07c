"""Modules of networks of any space: their fresh weights, and their state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from evonas.types import Weights


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give modules that are built in this context weights that depend on the seed alone.

    torch's generator is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def load_weights(module: nn.Module, weights: Weights) -> None:
    """Set the whole state of a module.

    Raises:
        ValueError: An entry is missing, unknown or of another shape; the message names it.
    """
    state = module.state_dict()
    for name in sorted({*state, *weights}):
        expected = tuple(state[name].shape) if name in state else "nothing"
        got = weights[name].shape if name in weights else "nothing"
        if expected != got:
            raise ValueError(f"the weights do not fit the genotype: expected {name} to be {expected}, got {got}")
    for name, value in weights.items():
        state[name].copy_(torch.tensor(value))
