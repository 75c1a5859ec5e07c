"""The tree of random streams of a run. Streams are addressed, never counted."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

#: Multiples of the golden ratio, modulo 1, are spread as evenly as those of any number, whatever how many they are
#: (Swierczkowski 1958, https://doi.org/10.4064/fm-46-2-187-189).
GOLDEN_RATIO = (np.sqrt(5) - 1) / 2


class Stream(IntEnum):
    """First element of a spawn key; the values are frozen, they are part of the run format."""

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
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *address))
