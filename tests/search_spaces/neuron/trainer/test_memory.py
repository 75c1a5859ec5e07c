"""What a training of 800 000 edges takes at its peak, beyond the data."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.native import available
from search_spaces.neuron.weights import fresh

if not available() or not sys.platform.startswith("linux"):
    pytest.skip("the native trainer was not built, or there is no /proc", allow_module_level=True)

MEGABYTES, N_INPUTS, N_EDGES = 300, 3072, 830_000  # some are drawn twice

#: In a process of its own, since the peak of a process never falls; a small network first packs the data.
MEASURE = """
import pickle, sys
from pathlib import Path
import numpy as np
from evonas.data.samples import Samples, Splits
from evonas.training import Pruning, Recipe, Regrowth, Stop
from evonas.types import Task
from search_spaces.neuron.trainer.base import Assignment
from search_spaces.neuron.trainer.native import NativeTrainer

def megabytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) * 1024 / 1e6

rng, n_inputs = np.random.default_rng(0), int(sys.argv[3])
samples = Samples(rng.standard_normal((256, n_inputs), np.float32), rng.integers(0, 10, 256))
splits = Splits("random", Task("classification", (n_inputs,), 10), samples, samples, "none")
rewiring = Recipe(
    batch_size=64, patience=9, pruning=Pruning(edges=400_000, every=2, end=0.6), regrowth=Regrowth(every=2, end=1.0)
)
for path in sys.argv[1:3]:
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the peak, starts again from here
    before = megabytes("VmRSS")
    with open(path, "rb") as file:
        network = pickle.load(file)
    for recipe in (Recipe(batch_size=64), rewiring):
        trained = NativeTrainer().train(Assignment(network, recipe, 2, 0, Stop()), splits).network
print(megabytes("VmHWM") - before, trained.genotype.n_edges)
"""


def wide_network(n_edges: int, *, shared: bool) -> Network:
    """Two layers with random edges from the inputs and between them; tied in groups, to be released, if ``shared``."""
    rng, sizes, n_outputs = np.random.default_rng(0), (N_INPUTS, 6000, 2000), 10
    ends = np.cumsum(sizes)
    n_neurons = int(ends[-1]) + n_outputs
    firsts = [0, N_INPUTS, int(ends[1])]
    keys = []
    for level, share in ((1, 0.6), (2, 0.38)):
        source = rng.integers(firsts[level - 1], ends[level - 1], int(share * n_edges))
        target = rng.integers(firsts[level], ends[level], len(source))
        keys.append(target * n_neurons + source)
    hidden = np.arange(N_INPUTS, ends[-1])
    keys.append(hidden * n_neurons + rng.integers(0, N_INPUTS, len(hidden)))
    keys.append(rng.integers(ends[-1], n_neurons, len(hidden)) * n_neurons + hidden)
    target, source = np.divmod(np.unique(np.concatenate(keys)), n_neurons)
    genotype = NeuronGenotype(
        N_INPUTS, n_outputs, FIRST_HIDDEN_ID + np.arange(len(hidden)), np.repeat([1, 2], sizes[1:]).astype(np.int32),
        np.zeros((len(hidden), 2), np.float32), np.stack([source, target], axis=1).astype(np.int32),
        ties=(np.arange(len(source)) % 5000 if shared else np.empty(0)).astype(np.int32),
        channels=(np.arange(len(hidden)) % 50 if shared else np.empty(0)).astype(np.int32),
        release_at=0.3 if shared else 1.0,
    )
    weights = fresh(genotype, rng)
    return Network(genotype, weights["edge"], weights["bias"], weights["gain"], "layer-affine")


@pytest.mark.parametrize("shared", [False, True], ids=["untied", "tied-and-released"])
def test_training_that_prunes_and_regrows_800_000_edges_fits_300_mb(tmp_path: Path, shared: bool) -> None:
    paths = [tmp_path / "small", tmp_path / "large"]
    for path, n_edges in zip(paths, (1000, N_EDGES), strict=True):
        network = wide_network(n_edges, shared=shared)
        path.write_bytes(pickle.dumps(network))
    assert network.genotype.n_edges >= 800_000
    command = [sys.executable, "-c", MEASURE, *map(str, paths), str(N_INPUTS)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    megabytes, n_edges_left = map(float, printed.split())
    assert n_edges_left == pytest.approx(400_000, rel=0.05)
    assert 40 < megabytes < MEGABYTES
