"""Arguments and results that all trainers of neuron networks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.training import Epoch, Recipe, Stop
from evonas.types import Floats, Ints, Task
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


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """Training of one network.

    Attributes:
        network: The network with the parameters that it begins with.
        recipe: How it is trained.
        epochs: Passes over the training samples.
        seed: Seed of the order of samples, of dropout and of augmentation.
        stop: Request to stop, polled during the training.
        frozen: ``(n_edges,)``, True for edges whose weight must not change (nor be pruned); the others of such an
            edge's tie go on without it.
    """

    network: Network
    recipe: Recipe
    epochs: int
    seed: int
    stop: Stop
    frozen: NDArray[np.bool_] | None = None


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

    def train(self, assignment: Assignment, splits: Splits, teacher: Floats | None = None) -> TrainedNetwork:
        """Train one network.

        What the genotype shares is one parameter, which begins with the mean of what is given; clipping counts it once.
        :func:`search_spaces.neuron.trainer.schedule.schedule` says when sharing ends, and when edges go and come.

        Args:
            assignment: The network, and how it is trained.
            splits: The samples.
            teacher: Class probabilities or regression targets that are mixed into the targets, float32 of shape
                ``(n_train, n_outputs)``.

        Raises:
            ValueError: An argument does not fit the others.
            FloatingPointError: The loss became NaN or infinite.
            MemoryError: The network does not fit the memory of the device.
            Cancelled, TrialTimeout: The assignment's ``stop`` asked for it.
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


def row_channels(genotype: NeuronGenotype) -> NDArray[np.int32]:
    """Return channels of the rows of bias and gain, ``(n_hidden + n_outputs,)``; -1 for outputs."""
    return np.concatenate([genotype.channels, np.full(genotype.n_outputs, -1, np.int32)])


def row_activations(genotype: NeuronGenotype) -> NDArray[np.int8]:
    """Return activations of the rows, ``(n_hidden + n_outputs,)``: those of hidden neurons; outputs are linear."""
    return np.concatenate([genotype.activations, np.full(genotype.n_outputs, Activation.LINEAR, np.int8)])
