"""A float64 masked-dense network, written for clarity only: what every fast path must equal."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from evonas.types import Task
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, Activation, NeuronGenotype, connected
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network, Norm
from search_spaces.neuron.trainer.rounding import Rounding


def random_genotype(
    rng: np.random.Generator, *, n_inputs: int = 12, layers: tuple[int, ...] = (6, 5), n_outputs: int = 3,
    density: float = 0.4,
) -> NeuronGenotype:
    """A random DAG with skip edges over all layer pairs; not local, not a founder of the space."""
    layer_of = np.repeat(np.arange(len(layers) + 2), [n_inputs, *layers, n_outputs])
    present = (layer_of[None, :] < layer_of[:, None]) & (rng.random((len(layer_of),) * 2) < density)
    present[-1, 0] = True  # an edge that is never dead
    target, source = np.nonzero(present)
    hidden = layer_of[n_inputs : len(layer_of) - n_outputs].astype(np.int32)
    ids = np.arange(FIRST_HIDDEN_ID, FIRST_HIDDEN_ID + len(hidden))
    positions = rng.random((len(hidden), 2)).astype(np.float32)
    frame = NeuronGenotype(n_inputs, n_outputs, ids, hidden, positions, np.empty((0, 2), np.int32))
    return connected(frame, np.stack([source, target], axis=1)).genotype


def random_network(rng: np.random.Generator, norm: Norm = "layer-affine", **kwargs: object) -> Network:
    """A random genotype with random parameters."""
    genotype = random_genotype(rng, **kwargs)  # type: ignore[arg-type]
    n_rows = genotype.n_hidden + genotype.n_outputs
    return Network(
        genotype,
        rng.normal(size=genotype.n_edges).astype(np.float32) * 0.5,
        rng.normal(size=n_rows).astype(np.float32) * 0.1,
        (1 + 0.1 * rng.normal(size=n_rows)).astype(np.float32),
        norm,
    )


def _normalised(norm: Norm, sums: Tensor, bias: Tensor, gain: Tensor) -> Tensor:
    """The norm over neurons, ``(n, n_neurons)``, before ReLU."""
    z = sums + bias if norm == "layer" else sums
    z = (z - z.mean(1, keepdim=True)) / (z.var(1, unbiased=False, keepdim=True) + NORM_EPSILON).sqrt()
    return z * gain + bias if norm == "layer-affine" else z


def states(
    network: Network, x: Tensor, edge: Tensor, bias: Tensor, gain: Tensor, mask: Tensor | None = None,
    rounding: Rounding | None = None,
) -> list[tuple[Tensor, Tensor]]:
    """Weighted sums and activations of every layer after the inputs, all float64 and differentiable.

    ``mask`` is what activations of hidden neurons are multiplied with, ``(n, n_hidden)``; ``rounding`` has grids of
    these activations.
    """
    genotype = network.genotype
    edges = torch.from_numpy(genotype.edges.astype(np.int64))
    weight = torch.zeros(genotype.n_neurons, genotype.n_neurons, dtype=torch.float64)
    weight = weight.index_put((edges[:, 0], edges[:, 1]), edge)
    result: list[tuple[Tensor, Tensor]] = []
    h = x  # (n, neurons so far)
    for layer in range(1, genotype.depth + 1):
        first, last = int(genotype.layer_offsets[layer]), int(genotype.layer_offsets[layer + 1])
        rows = slice(first - genotype.n_inputs, last - genotype.n_inputs)
        sums = h @ weight[:first, first:last]
        activation = sums + bias[rows]
        if layer < genotype.depth:
            gene = genotype.activations[rows]
            activation = torch.where(torch.from_numpy(gene == Activation.LINEAR), activation, activation.relu())
            normed = np.flatnonzero(gene == Activation.NORM)
            if network.norm != "none" and len(normed):
                some = _normalised(network.norm, sums[:, normed], bias[rows][normed], gain[rows][normed])
                activation = activation.index_copy(1, torch.from_numpy(normed), some.relu())
            if rounding is not None:
                grid = tuple(map(float, (values[layer - 1] for values in rounding[2:])))
                activation = _rounded(activation, torch.from_numpy(gene == Activation.LINEAR), *grid)
            if mask is not None:
                activation = activation * mask[:, rows]
        result.append((sums, activation))
        h = torch.cat([h, activation], dim=1)
    return result


def _rounded(activation: Tensor, linear: Tensor, step: float, low: float, high: float) -> Tensor:
    """Activations on a grid; the gradient passes where these, and not those before rounding, are above 0."""
    rounded = (activation / step).clamp(low, high).round() * step
    passing = torch.where(linear | (rounded > 0), activation, torch.zeros_like(activation))
    return passing + (rounded - passing).detach()


def forward(
    network: Network, x: Tensor, edge: Tensor, bias: Tensor, gain: Tensor, mask: Tensor | None = None,
    rounding: Rounding | None = None,
) -> Tensor:
    """Outputs ``(n, n_outputs)`` of inputs ``(n, n_inputs)``, all float64 and differentiable."""
    return states(network, x, edge, bias, gain, mask, rounding)[-1][1]


def loss(outputs: Tensor, y: Tensor, task: Task, *, label_smoothing: float = 0.0) -> Tensor:
    """Mean softmax cross-entropy, or mean squared error over samples and outputs."""
    if task.kind == "regression":
        return torch.nn.functional.mse_loss(outputs, y.double())
    return torch.nn.functional.cross_entropy(outputs, y, label_smoothing=label_smoothing)


def parameters(network: Network) -> tuple[Tensor, Tensor, Tensor]:
    """Float64 leaves (edge, bias, gain) that require gradients."""
    arrays = (network.edge, network.bias, network.gain)
    edge, bias, gain = (torch.from_numpy(a.astype(np.float64)).requires_grad_() for a in arrays)
    return edge, bias, gain
