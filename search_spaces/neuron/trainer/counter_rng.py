"""Random choices that need no random state: they are the same in every trainer and on every machine.

They are stateless and counter-based. With the keys ``(a, b)`` of a training step and all arithmetic modulo 2**32::

    hash(row, column) = mix(mix(row ^ a) ^ (column * 0x9E3779B1 + b))

where ``mix`` is the finalizer of MurmurHash3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evonas.types import Floats, Ints

_UINT32 = (1 << 32) - 1


def _mix(h: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Apply the finalizer of MurmurHash3 (public domain).

    Every input bit flips every output bit with probability 1/2.
    """
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def step_keys(seed: int, step: int) -> tuple[int, int]:
    """Return the two 32-bit keys of a training step; ``seed`` counts modulo 2**64, ``step`` from 0 over all epochs."""
    state = np.random.SeedSequence([seed & ((1 << 64) - 1), step]).generate_state(2)
    return int(state[0]), int(state[1])


def _hashes(rows: Ints, n_columns: int, *, seed: int, step: int) -> NDArray[np.uint32]:
    """Return ``hash(row, column)`` for all columns, shape ``(n_rows, n_columns)``.

    Args:
        rows: Rows, ``(n_rows,)``.
        n_columns: Number of columns.
        seed: Seed of the training.
        step: Step of the training.
    """
    a, b = step_keys(seed, step)
    columns = np.arange(n_columns, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(b)
    return _mix(_mix(rows.astype(np.uint32) ^ np.uint32(a))[:, None] ^ columns[None, :])


def dropout_threshold(rate: float) -> int:
    """Return the hash below which a value is dropped."""
    return min(_UINT32, round(rate * 2.0**32))


def dropout_mask(samples: Ints, n_inputs: int, *, rate: float, seed: int, step: int) -> Floats:
    """Return the factors of the inputs of a training step: 0 for dropped values, else ``1 / (1 - rate)``.

    A value is dropped if ``hash(sample, input) < dropout_threshold(rate)``.

    Args:
        samples: Indices into the training set, shape ``(n,)``.
        n_inputs: Number of inputs.
        rate: Probability that a value is dropped, in [0, 1).
        seed: Seed of the training.
        step: Step of the training.

    Returns:
        float32 ``(n, n_inputs)``.
    """
    dropped = _hashes(samples, n_inputs, seed=seed, step=step) < np.uint32(dropout_threshold(rate))
    return np.where(dropped, np.float32(0), np.float32(1 / (1 - rate)))


def hidden_mask(samples: Ints, n_inputs: int, n_hidden: int, *, rate: float, seed: int, step: int) -> Floats:
    """Factors of the activations of hidden neurons in a training step, as :func:`dropout_mask`.

    A neuron is dropped if ``hash(sample, its global index) < dropout_threshold(rate)``.

    Args:
        samples: Indices into the training set, shape ``(n,)``.
        n_inputs: Inputs of the network as it is now.
        n_hidden: Hidden neurons of the network as it is now.
        rate: Probability that an activation is dropped, in [0, 1).
        seed: Seed of the training.
        step: Counts from 0 over all epochs.

    Returns:
        float32 ``(n, n_hidden)``.
    """
    dropped = _hashes(samples, n_inputs + n_hidden, seed=seed, step=step)[:, n_inputs:]
    kept = np.float32(1 / (1 - rate))
    return np.where(dropped < np.uint32(dropout_threshold(rate)), np.float32(0), kept)


def growth_scores(targets: Ints, n_sources: int, *, seed: int, step: int) -> Floats:
    """Return random scores of the edges into ``targets`` from the first ``n_sources`` neurons.

    They are the upper 24 bits of ``hash(target, source)``, which float32 holds exactly.

    Args:
        targets: Global indices, ``(n_targets,)``.
        n_sources: Number of sources.
        seed: Seed of the training.
        step: Step of the training.

    Returns:
        float32 ``(n_targets, n_sources)``.
    """
    return (_hashes(targets, n_sources, seed=seed, step=step) >> np.uint32(8)).astype(np.float32)
