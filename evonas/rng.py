"""The tree of random streams of a run. Streams have addresses; they do not depend on the order of their creation."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

#: The golden ratio: any number of its multiples, modulo 1, is spread as evenly as those of any number can be
#: (Swierczkowski 1958, https://doi.org/10.4064/fm-46-2-187-189).
GOLDEN_RATIO = (np.sqrt(5) - 1) / 2


class Stream(IntEnum):
    """First element of a spawn key; the values are part of the run format and must not change."""

    SEARCH = 0
    TRIAL = 1
    DATA = 2
    RETRAIN = 3
    FAMILY = 4
    LOWERING = 5
    REFIT = 6


def stream(seed: int, purpose: Stream, *address: int) -> np.random.SeedSequence:
    """The seed sequence at an address, e.g. ``stream(0, Stream.TRIAL, individual, budget)``.

    Unlike ``SeedSequence.spawn`` it keeps no counter, so resumed, reordered and parallel evaluations draw the same
    numbers.

    Args:
        seed: Seed of the run.
        purpose: First element of the address.
        address: Further elements of the address.
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *address))
