"""Arguments and results that all trainers of neuron networks have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Epoch, Recipe, Stop
from evonas.types import Doubles, Floats, Ints, Task
from search_spaces.neuron.genotype import Activation, NeuronGenotype

#: Function of hidden neurons with the gene ``Activation.NORM``: ``layer``: h = relu(LN(z + b)); ``layer-affine``: h =
#: relu(LN(z) * g + b); ``none``: h = relu(z + b). The output layer is z + b in all three. LN is over the neurons of a
#: layer that have this gene, biased variance, epsilon 1e-5 (Ba 2016, https://arxiv.org/abs/1607.06450).
Norm: TypeAlias = Literal["layer", "layer-affine", "none"]
NORM_EPSILON = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Genotype with its parameters.

    Attributes:
        genotype: The genotype.
        edge: float32 ``(n_edges,)``, aligned with ``genotype.edges``.
        bias: float32 ``(n_hidden + n_outputs,)``, in global order without the inputs.
        gain: float32, the same shape; used by ``layer-affine`` and ignored (ones) elsewhere and for outputs.
        norm: Normalisation of hidden layers.
    """

    genotype: NeuronGenotype
    edge: Floats
    bias: Floats
    gain: Floats
    norm: Norm


class TrainedNetwork(NamedTuple):
    """Result of a training.

    Attributes:
        network: The network after training; its edges may have changed.
        history, edge_updates: See ``evonas.training.Trained``.
    """

    network: Network
    history: tuple[Epoch, ...]
    edge_updates: float


class Gradients(NamedTuple):
    """Mean loss over a batch and its gradients; shapes as in :class:`Network`.

    Attributes:
        loss: Mean loss.
        edge: Gradient of the weights.
        bias: Gradient of the biases.
        gain: Gradient of the gains.
    """

    loss: float
    edge: Floats
    bias: Floats
    gain: Floats


class Statistics(NamedTuple):
    """Statistics of each neuron by global index over a batch, ``(n_neurons,)`` each.

    Attributes:
        mean: E[h] of the activation.
        square: E[h^2] of the activation.
        delta: E[delta^2] of the per-sample loss gradient at the neuron's weighted sum; 0 for inputs.
    """

    mean: Floats
    square: Floats
    delta: Floats


class Trainer(Protocol):
    """Backend of training. All backends give the same results to float32 tolerance for the same arguments."""

    name: str
    releases_gil: bool

    @property
    def description(self) -> str:
        """Hardware or library that the trainer runs on, as text for users."""
        ...

    def train(
        self, network: Network, splits: Splits, recipe: Recipe, *, epochs: int, seed: int, stop: Stop,
        frozen: NDArray[np.bool_] | None = None, teacher: Floats | None = None,
    ) -> TrainedNetwork:
        """Train for ``epochs`` passes over ``splits.train``.

        What the genotype shares is one parameter, which begins with the mean of what is given; clipping counts it once.
        :func:`schedule` says when sharing ends, and when edges go and come.

        Args:
            frozen: ``(n_edges,)``, True for edges whose weight must not change (nor be pruned); the others of such an
                edge's tie go on without it.
            teacher: Class probabilities or regression targets that are mixed into the targets, float32 of shape
                ``(n_train, n_outputs)``.
        """
        ...

    def predict(self, network: Network, samples: Samples) -> Floats:
        """Return outputs before softmax, ``(n, n_outputs)``."""
        ...

    def gradients(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch (no dropout, no shift or flip).

        Args:
            network: The network.
            samples: The batch.
            task: The task, which gives the meaning of the outputs.
            recipe: Its label smoothing and the teacher's weight.
            teacher: As in :meth:`train`, for these samples.
        """
        ...

    def edge_scores(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints,
        teacher: Floats | None = None,
    ) -> Floats:
        """E[h_u * delta_v] of absent edges, ``(n_candidates,)``.

        Args:
            network, samples, task, recipe, teacher: As in :meth:`gradients`.
            candidates: The edges as (source, target) of global indices, ``(n_candidates, 2)``.
        """
        ...

    def statistics(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Statistics:
        """Activation and gradient statistics of every neuron.

        Args:
            network, samples, task, recipe, teacher: See :meth:`gradients`.
        """
        ...


#: Samples that are adjacent in packed inputs.
GROUP = 64


def shuffled_together(batch_size: int) -> int:
    """Return the number of neighbours that are shuffled as one: 64, 32, 16 or 1.

    A trainer can then read a batch where it is packed.

    On Fashion-MNIST batches that are always the same 64 samples cost no accuracy (.8759 against .8763 with groups of
    16, 5 seeds); data sets are shuffled when they are split, so neighbours have nothing in common.
    """
    return GROUP if batch_size % GROUP == 0 else batch_size if batch_size in (16, 32) else 1


def sample_order(n_samples: int, batch_size: int, *, seed: int, epoch: int) -> Ints:
    """Return the order in which an epoch visits the samples, shape ``(n_samples,)``; it is the same for every trainer.

    Groups of :func:`shuffled_together` neighbours, each beginning at a multiple of their number, stay together; the
    remaining samples come last.

    Args:
        n_samples: Number of samples.
        batch_size: Samples in a batch.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
    """
    order: Ints = sample_orders(n_samples, batch_size, seed=seed, epochs=[epoch])[0]
    return order


def sample_orders(n_samples: int, batch_size: int, *, seed: int, epochs: Sequence[int]) -> Ints:
    """Return :func:`sample_order` of several epochs, shape ``(n_epochs, n_samples)``.

    Args:
        n_samples: Number of samples.
        batch_size: Samples in a batch.
        seed: Seed of the training.
        epochs: Numbers of the epochs.
    """
    size = shuffled_together(batch_size)
    n_groups = n_samples // size
    groups = np.stack([shuffled_groups(n_groups, seed=seed, epoch=epoch) for epoch in epochs])
    orders = np.empty((len(epochs), n_samples), np.int64)
    whole = orders[:, : n_groups * size].reshape(len(epochs), n_groups, size)
    np.add(groups[:, :, None] * size, np.arange(size), out=whole)
    orders[:, n_groups * size :] = np.arange(n_groups * size, n_samples)
    return orders


def shuffled_groups(n_groups: int, *, seed: int, epoch: int) -> Ints:
    """Return the order of the groups of :func:`sample_order`, ``(n_groups,)``.

    Args:
        n_groups: Number of whole groups.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
    """
    return np.random.default_rng([seed, epoch]).permutation(n_groups)


#: Samples on which regrowth scores absent edges: those after the step's batch in the epoch's order.
SCORE_SAMPLES = 256


#: Fewest prunings that the whole training has room for: if edges are removed in a few large jumps, whole layers are
#: lost.
FEWEST_PRUNINGS = 100


def prune_steps(recipe: Recipe, n_steps: int, n_edges: int, release_at: float = 1.0) -> dict[int, int]:
    """Steps of pruning: step after whose update it happens -> edges to keep.

    At such a step the edges with the largest weights are kept (of equal ones the earlier; frozen ones always), then
    hidden neurons that have lost all inputs or all outputs leave their layer, and its norm, together with their edges.

    Where sharing ends at a share ``release_at`` of the steps, pruning begins only then, and takes at least as large a
    share of the steps that are left as it would have taken of all.

    Args:
        recipe: Its ``pruning`` says when to begin and end, and what to keep; without it nothing is pruned.
        n_steps: Steps of the whole training.
        n_edges: Edges with which training begins.
        release_at: Share of the steps after which nothing is shared; 1 where it stays so.
    """
    pruning = recipe.pruning
    if pruning is None or pruning.edges is None or pruning.edges >= n_edges:
        return {}
    first, last = pruning.begin, pruning.end
    if first < release_at < 1:
        first, last = release_at, max(last, release_at + (1 - release_at) * (last - first))
    begin, end = round(first * n_steps), max(1, round(last * n_steps))
    every = min(pruning.every, max(1, n_steps // FEWEST_PRUNINGS))
    steps = sorted({*range(begin + every, end, every), end})
    span = max(1, end - begin)
    left = {s: (1 - min(1, (s - begin) / span)) ** 3 for s in steps} | {end: 0.0}
    return {s - 1: round(pruning.edges + (n_edges - pruning.edges) * left[s]) for s in steps}


def regrow_steps(recipe: Recipe, n_steps: int, pruned_until: int, per_epoch: int = 1) -> dict[int, float]:
    """Steps in which edges move: step after whose update it happens -> share of the edges that move.

    Of the edges between each two layers ``round(share * n)`` with the smallest weights (of equal ones the earlier;
    never frozen ones) are dropped, and as many grow between the same layers: those with the largest absolute score on
    :data:`SCORE_SAMPLES` samples, or with the largest random one of
    :func:`search_spaces.neuron.trainer.counter_rng.growth_scores` (of equal ones the first by target, then source),
    among the absent and the dropped. One that was dropped goes on as it was, the others begin with weight and optimiser
    state 0. With the scope ``"network"`` the same is done once for all edges, among the absent only. Then neurons
    without inputs or outputs leave as in pruning.

    Args:
        recipe: Its ``regrowth`` says when and how many; without it no edge moves.
        n_steps: Steps of the whole training.
        pruned_until: Steps after which there is no more pruning, and no more release.
        per_epoch: Steps of an epoch.
    """
    regrowth = recipe.regrowth
    if regrowth is None:
        return {}
    end, every = round(regrowth.end * n_steps), regrowth.every or per_epoch
    steps = range(pruned_until + every, end, every)
    if not regrowth.every:  # at the ends of epochs, whenever pruning has ended
        steps = range((pruned_until // every + 1) * every, end, every)
    if regrowth.decay == "none":
        return {s - 1: regrowth.fraction for s in steps}
    span = max(1, end - pruned_until)
    return {s - 1: float(regrowth.fraction * 0.5 * (1 + np.cos(np.pi * (s - pruned_until) / span))) for s in steps}


#: Rate while weights are shared: networks that have fewer weights than SHARED of their edges learn at SHARED_RATE times
#: the recipe's rate. On Fashion-MNIST and CIFAR-10 .01 was best for tied networks, .003 to .005 for single neurons.
SHARED, SHARED_RATE = 0.75, 3.0


def learning_rates(recipe: Recipe, genotype: NeuronGenotype, n_steps: int) -> Doubles:
    """The rate of every step, ``(n_steps,)``: the recipe's schedule for the shared phase, then again for the rest.

    Args:
        recipe: Gives the schedule.
        genotype: One with few weights for its edges learns faster while it shares them (:data:`SHARED`).
        n_steps: Steps of the whole training.
    """
    if genotype.n_weights >= SHARED * genotype.n_edges:
        return recipe.learning_rates(n_steps)
    n_shared = round(genotype.release_at * n_steps)
    shared = SHARED_RATE * recipe.learning_rates(n_shared)
    return np.concatenate([shared, recipe.learning_rates(n_steps - n_shared)])


class Schedule(NamedTuple):
    """Rates and events by the step of a training.

    Attributes:
        rates: See :func:`learning_rates`.
        release: Steps after which nothing is shared any more: every edge has its own weight, every neuron its own bias
            and gain, each with the optimiser state that its group had. -1: what is shared stays so.
        prunes: See :func:`prune_steps`.
        regrows: See :func:`regrow_steps`.
    """

    rates: Doubles
    release: int
    prunes: dict[int, int]
    regrows: dict[int, float]

    @property
    def settled(self) -> int:
        """Steps after which the network is released and has its final number of edges."""
        return max(max(self.prunes, default=-1) + 1, self.release, 0)


def schedule(recipe: Recipe, genotype: NeuronGenotype, n_steps: int, per_epoch: int = 1) -> Schedule:
    """The schedule of a training.

    Args:
        recipe: Gives rates, pruning and regrowth.
        genotype: The genotype with which training begins; it says when sharing ends.
        n_steps: Steps of the whole training.
        per_epoch: Steps of an epoch.
    """
    release = -1 if genotype.release_at == 1 else round(genotype.release_at * n_steps)
    rates = learning_rates(recipe, genotype, n_steps)
    without_moves = Schedule(rates, release, prune_steps(recipe, n_steps, genotype.n_edges, genotype.release_at), {})
    return without_moves._replace(regrows=regrow_steps(recipe, n_steps, without_moves.settled, per_epoch))


def row_channels(genotype: NeuronGenotype) -> NDArray[np.int32]:
    """Return channels of the rows of bias and gain, ``(n_hidden + n_outputs,)``; -1 for outputs."""
    return np.concatenate([genotype.channels, np.full(genotype.n_outputs, -1, np.int32)])


def row_activations(genotype: NeuronGenotype) -> NDArray[np.int8]:
    """Return activations of the rows, ``(n_hidden + n_outputs,)``: those of hidden neurons; outputs are linear."""
    return np.concatenate([genotype.activations, np.full(genotype.n_outputs, Activation.LINEAR, np.int8)])


def n_batches(n_samples: int, batch_size: int) -> int:
    """Return the number of steps in an epoch; the last batch may be smaller."""
    return -(-n_samples // batch_size)


