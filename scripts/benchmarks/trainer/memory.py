"""Peak memory of training a large network, beyond the data set."""

from __future__ import annotations

import pickle
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.native import NativeTrainer

from .networks import SHAPES, local_network, random_splits
from .steps import TrainerSteps

N_EDGES, BATCH, N_SAMPLES, LIMIT_MB = 1_000_000, 256, 4096, 200
#: Density of another network on the same data, trained first so that the inputs are packed and the libraries are
#: loaded.
SMALL_DENSITY = 0.001


class Memory(NamedTuple):
    """Megabytes (10**6 bytes) of a training.

    Attributes:
        n_edges: Edges of the network.
        samples: The samples.
        packed: Their packed copy.
        training: Peak of the training beyond both.
    """

    n_edges: int
    samples: float
    packed: float
    training: float


def peak_memory() -> Memory:
    """Measure in a process of its own, whose memory holds no other data; Linux only.

    Raises:
        OSError: There is no ``/proc``.
    """
    network, small = (local_network("L", d) for d in (N_EDGES / SHAPES["L"].n_pairs, SMALL_DENSITY))
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure_here, (pickle.dumps(network), pickle.dumps(small)))


def measure_here(pickled: bytes, pickled_small: bytes, n_samples: int = N_SAMPLES) -> Memory:
    """Measure in this process, which must be new: memory that was freed before would be reused and not counted.

    Args:
        pickled: The network, so that it counts once it is loaded.
        pickled_small: The network that is trained first.
        n_samples: Samples to train on.
    """
    splits = random_splits(SHAPES["L"].n_inputs, n_samples)
    samples, before = splits.train.x.nbytes, _resident("VmRSS")
    small: Network = pickle.loads(pickled_small)
    TrainerSteps(NativeTrainer(), small, splits, BATCH, 1).train(1)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the peak, starts again from here
    packed = _resident("VmRSS")
    network: Network = pickle.loads(pickled)
    TrainerSteps(NativeTrainer(), network, splits, BATCH, 1).train(1)
    peak = _resident("VmHWM")
    return Memory(network.genotype.n_edges, samples / 1e6, (packed - before) / 1e6, (peak - packed) / 1e6)


def _resident(field: str) -> float:
    """Return the bytes of a field of this process's status."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(f"{field}:"))
    return 1024 * float(line.split()[1])
