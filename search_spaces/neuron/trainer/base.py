"""What every trainer of neuron networks takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Epoch, Recipe, Stop
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.genotype import NeuronGenotype

#: ``layer``: h = relu(LN(z + b)); ``layer-affine``: h = relu(LN(z) * g + b); ``none``: h = relu(z + b). The output
#: layer is z + b in all three. LN is over the neurons of a layer, biased variance, epsilon 1e-5 (Ba 2016,
#: https://arxiv.org/abs/1607.06450).
Norm: TypeAlias = Literal["layer", "layer-affine", "none"]
NORM_EPSILON = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A genotype with its parameters.

    Attributes:
        edge: float32 ``(n_edges,)``, aligned with ``genotype.edges``.
        bias: float32 ``(n_hidden + n_outputs,)``, in global order without the inputs.
        gain: float32, the same shape; used by ``layer-affine`` and ignored (ones) elsewhere and for outputs.
        norm: Which normalisation hidden layers have.
    """

    genotype: NeuronGenotype
    edge: Floats
    bias: Floats
    gain: Floats
    norm: Norm


class TrainedNetwork(NamedTuple):
    """The network that came out (its edges may have changed), with what ``evonas.training.Trained`` reports."""

    network: Network
    history: tuple[Epoch, ...]
    edge_updates: float


class Gradients(NamedTuple):
    """Mean loss over a batch and its gradients; shapes as in :class:`Network`."""

    loss: float
    edge: Floats
    bias: Floats
    gain: Floats


class Statistics(NamedTuple):
    """Per neuron by global index, over a batch: shapes ``(n_neurons,)``; ``delta`` is 0 for inputs.

    ``mean`` and ``square`` are E[h] and E[h^2] of the activation, ``delta`` is E[delta^2] of the per-sample loss
    gradient at the neuron's weighted sum.
    """

    mean: Floats
    square: Floats
    delta: Floats


class Trainer(Protocol):
    """A backend. All give the same results to float32 tolerance for the same arguments."""

    name: str
    releases_gil: bool

    @property
    def description(self) -> str:
        """What it runs on, for a person to read."""
        ...

    def train(
        self, network: Network, splits: Splits, recipe: Recipe, *, epochs: int, seed: int, stop: Stop,
        frozen: NDArray[np.bool_] | None = None,
    ) -> TrainedNetwork:
        """Train for ``epochs`` passes over ``splits.train``.

        Args:
            frozen: ``(n_edges,)``, True for edges whose weight must not change (nor be pruned).
        """
        ...

    def predict(self, network: Network, samples: Samples) -> Floats:
        """Outputs before softmax, ``(n, n_outputs)``."""
        ...

    def gradients(self, network: Network, samples: Samples, task: Task, recipe: Recipe) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch (no dropout, no shift or flip)."""
        ...

    def edge_scores(self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints) -> Floats:
        """E[h_u * delta_v] of absent edges, ``(n_candidates,)``; ``candidates`` are (source, target) global indices."""
        ...

    def statistics(self, network: Network, samples: Samples, task: Task, recipe: Recipe) -> Statistics:
        """Activation and gradient statistics of every neuron."""
        ...


#: Samples that lie side by side in packed inputs.
GROUP = 64


def shuffled_together(batch_size: int) -> int:
    """Neighbours that are shuffled as one, so that a trainer can read a batch where it is packed: 64, 32, 16 or 1.

    On Fashion-MNIST batches that are always the same 64 samples cost no accuracy (.8759 against .8763 with groups of
    16, 5 seeds); data sets are shuffled when they are split, so that neighbours have nothing in common.
    """
    return GROUP if batch_size % GROUP == 0 else batch_size if batch_size in (16, 32) else 1


def sample_order(n_samples: int, batch_size: int, *, seed: int, epoch: int) -> Ints:
    """The order in which an epoch visits the samples, shape ``(n_samples,)``: the same for every trainer.

    Wholes of :func:`shuffled_together` neighbours, the first of them a multiple of their number; those that are left
    over come last.
    """
    rng = np.random.default_rng([seed, epoch])
    size = shuffled_together(batch_size)
    groups = rng.permutation(n_samples // size)
    whole = (groups[:, None] * size + np.arange(size)).reshape(-1)
    return np.concatenate([whole, np.arange(len(whole), n_samples)])


#: Samples on which regrowth scores absent edges: those that follow the step's batch begin in the epoch's order.
SCORE_SAMPLES = 256


#: However short training is, the whole of it would have room for so many prunings: where edges go in a few large
#: jumps, whole layers go with them.
FEWEST_PRUNINGS = 100


def prune_steps(recipe: Recipe, n_steps: int, n_edges: int) -> dict[int, int]:
    """When training prunes: step after whose update it happens -> edges to keep.

    At such a step the edges with the largest weights are kept (of equal ones the earlier; frozen ones always), then
    hidden neurons that have lost all inputs or all outputs leave their layer, and its norm, together with their edges.
    """
    pruning = recipe.pruning
    if pruning is None or pruning.edges is None or pruning.edges >= n_edges:
        return {}
    begin, end = round(pruning.begin * n_steps), max(1, round(pruning.end * n_steps))
    every = min(pruning.every, max(1, n_steps // FEWEST_PRUNINGS))
    steps = sorted({*range(begin + every, end, every), end})
    span = max(1, end - begin)
    left = {s: (1 - min(1, (s - begin) / span)) ** 3 for s in steps} | {end: 0.0}
    return {s - 1: round(pruning.edges + (n_edges - pruning.edges) * left[s]) for s in steps}


def regrow_steps(recipe: Recipe, n_steps: int, pruned_until: int) -> dict[int, float]:
    """When edges move: step after whose update it happens -> share of the edges that move.

    ``round(share * n_edges)`` edges with the smallest weights (of equal ones the earlier; never frozen ones) are
    replaced by as many absent edges between neurons that are still there, with weight and optimiser state 0: those
    with the largest absolute score on :data:`SCORE_SAMPLES` samples, or with the largest random one of
    :func:`search_spaces.neuron.trainer.hashing.growth_scores` (of equal ones the first by target, then source), edges
    dropped in the same step excepted. Then neurons without inputs or outputs leave as in pruning.
    """
    regrowth = recipe.regrowth
    if regrowth is None:
        return {}
    end = round(regrowth.end * n_steps)
    steps = range(pruned_until + regrowth.every, end, regrowth.every)
    span = max(1, end - pruned_until)
    return {s - 1: float(regrowth.fraction * 0.5 * (1 + np.cos(np.pi * (s - pruned_until) / span))) for s in steps}


def n_batches(n_samples: int, batch_size: int) -> int:
    """Steps in an epoch; the last batch may be smaller."""
    return -(-n_samples // batch_size)


