"""Input dropout that needs no random state: every trainer, on every machine, drops the same values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints

_UINT32 = (1 << 32) - 1


def _mix(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The finalizer of MurmurHash3 (public domain): every input bit flips every output bit with probability 1/2."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def dropout_keys(seed: int, step: int) -> tuple[int, int]:
    """The two 32-bit keys of a training step; ``seed`` counts modulo 2**64."""
    state = np.random.SeedSequence([seed & ((1 << 64) - 1), step]).generate_state(2)
    return int(state[0]), int(state[1])


def dropout_threshold(rate: float) -> int:
    """A value is dropped where its 32-bit hash is below this."""
    return min(_UINT32, round(rate * 2.0**32))


def dropout_mask(samples: Ints, n_inputs: int, *, rate: float, seed: int, step: int) -> Floats:
    """What the inputs of a training step are multiplied with: 0 where dropped, else ``1 / (1 - rate)``.

    Stateless and counter-based. With ``(a, b) = dropout_keys(seed, step)`` and all arithmetic modulo 2**32::

        hash(sample, input) = mix(mix(sample ^ a) ^ (input * 0x9E3779B1 + b))

    where ``mix`` is the finalizer of MurmurHash3; the value is dropped if ``hash < dropout_threshold(rate)``.

    Args:
        samples: Indices into the training set, shape ``(n,)``.
        rate: Probability that a value is dropped, in [0, 1).
        step: Training step, counted from 0 over all epochs.

    Returns:
        float32 ``(n, n_inputs)``.
    """
    a, b = dropout_keys(seed, step)
    rows = _mix(samples.astype(np.uint32) ^ np.uint32(a))
    columns = np.arange(n_inputs, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(b)
    dropped = _mix(rows[:, None] ^ columns[None, :]) < np.uint32(dropout_threshold(rate))
    return np.where(dropped, np.float32(0), np.float32(1 / (1 - rate)))
