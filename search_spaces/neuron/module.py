"""Phenotype: a neuron genotype with its weights as a torch module, differentiable and on any device.

It is used after the search (export, fine-tuning, inspection). The search itself trains with
``search_spaces.neuron.trainer``, which is several times faster.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evonas.types import Ints
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.layer_products import LAYER_PRODUCTS, LayerProductName
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network, Norm
from search_spaces.neuron.trainer.torch_backend.products import faster_product


class NeuronModule(nn.Module):
    """Network that computes one sparse product per layer, over all earlier layers.

    Its parameters, and all of its state, are ``edge`` ``(n_edges,)``, ``bias`` and ``gain``,
    ``(n_hidden + n_outputs,)`` each: see :class:`search_spaces.neuron.trainer.base.Network`. ``gain`` is only trained
    if the norm uses it; of tied edges, and of the neurons of a channel, the first is trained and the others follow it.

    Args:
        network: Genotype and parameters; tied edges have equal weights, and the neurons of a channel equal biases and
            gains.
        product: Product of every layer; None chooses embedding_bag or dense for each layer by its density. (``csr`` and
            ``torch_sparse`` are there for comparison: csr was measured as fast as embedding_bag forward but, with
            torch's dense gradient of its values, three to six times slower in training.)

    Raises:
        ValueError: The product is unknown, or is ``"torch_sparse"`` and that is not installed.
    """

    def __init__(self, network: Network, *, product: LayerProductName | None = None) -> None:
        super().__init__()
        if product is not None and product not in LAYER_PRODUCTS:
            raise ValueError(f"product must be one of {', '.join(LAYER_PRODUCTS)}, got {product!r}")
        genotype = network.genotype
        self.genotype, self.norm = genotype, network.norm
        self.edge = nn.Parameter(torch.tensor(network.edge))
        self.bias = nn.Parameter(torch.tensor(network.bias))
        self.gain = nn.Parameter(torch.tensor(network.gain), requires_grad=network.norm == "layer-affine")
        self._leaders: Tensor | None
        self._row_leaders: Tensor | None
        self.register_buffer("_leaders", _leaders(genotype.ties), persistent=False)
        channels = np.concatenate([genotype.channels, np.full(genotype.n_outputs, -1, np.int32)])
        self.register_buffer("_row_leaders", _leaders(channels), persistent=False)
        self._activations = nn.ModuleList(
            LayerActivation(genotype.activations[first - genotype.n_inputs : last - genotype.n_inputs], network.norm)
            for first, last in pairwise(genotype.layer_offsets[1:-1].tolist())
        )
        self._products = nn.ModuleList()
        self._sums = nn.ModuleList()
        self._edges: list[slice] = []
        for first, last in pairwise(genotype.layer_offsets[1:].tolist()):
            edges = slice(*np.searchsorted(genotype.edges[:, 1], [first, last]).tolist())
            source, target = genotype.edges[edges].astype(np.int64).T
            name = product or faster_product(len(source) / (first * (last - first)))
            self._products.append(LAYER_PRODUCTS[name](target - first, source, last - first, first))
            self._sums.append(_WeightedSums(edges, target - first))
            self._edges.append(edges)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs before softmax, ``(n, n_outputs)``, for inputs ``(n, *input_shape)`` or ``(n, n_inputs)``."""
        x = x.flatten(1)
        if x.shape[1] != self.genotype.n_inputs:
            raise ValueError(f"expected {self.genotype.n_inputs} inputs a sample, got {x.shape[1]}")
        edge, bias, gain = self._parameters_of_neurons()
        h = x.t().contiguous()  # (neurons so far, n): a neuron's activations are adjacent, as sparse products need them
        first_row = 0
        for layer, (product, sums, edges) in enumerate(zip(self._products, self._sums, self._edges, strict=True)):
            z: Tensor = sums(product(edge[edges], h))  # (n, neurons of the layer)
            rows = slice(first_row, first_row + z.shape[1])
            if layer == len(self._activations):
                break
            activations = self._activations[layer]
            h = torch.cat([h, activations(z, bias[rows], gain[rows]).t()])
            first_row = rows.stop
        return z + bias[rows]

    def network(self) -> Network:
        """Return a copy of the present parameters, float32."""
        edge, bias, gain = (
            tensor.detach().cpu().numpy().astype(np.float32) for tensor in self._parameters_of_neurons()
        )
        return Network(self.genotype, edge, bias, gain, self.norm)

    def _parameters_of_neurons(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return weights ``(n_edges,)``, biases and gains ``(n_rows,)``; members of a group get the first one's."""
        edge = self.edge if self._leaders is None else self.edge[self._leaders]
        if self._row_leaders is None:
            return edge, self.bias, self.gain
        return edge, self.bias[self._row_leaders], self.gain[self._row_leaders]


class _WeightedSums(nn.Module):
    """Module whose output is the weighted sums of a layer, ``(n, n_neurons)``, so that hooks see them.

    Attributes:
        vector: The parameter of the network that has their weights.
        part: The layer's weights in it.
        units: Neuron of the layer into which each edge goes, ``(n_edges,)``.
    """

    def __init__(self, part: slice, units: Ints) -> None:
        super().__init__()
        self.vector, self.part, self.units = "edge", part, units

    def forward(self, product: Tensor) -> Tensor:
        """Transpose sums ``(n_neurons, n)``."""
        return product.t()


class _LayerNorm(nn.LayerNorm):
    """LayerNorm with gains and biases as arguments."""

    def __init__(self, n_neurons: int) -> None:
        super().__init__(n_neurons, eps=NORM_EPSILON, elementwise_affine=False)

    def forward(self, z: Tensor, gain: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Normalise ``z``, shape ``(n, n_neurons)``.

        Args:
            z: Weighted sums.
            gain: Gains, ``(n_neurons,)``; None is 1.
            bias: Biases, ``(n_neurons,)``; None is 0.
        """
        return nn.functional.layer_norm(z, self.normalized_shape, gain, bias, self.eps)


class LayerActivation(nn.Module):
    """Activations of the neurons of a hidden layer by their weighted sums (see ``Activation``).

    Args:
        activations: The gene of each neuron, ``(n_neurons,)``.
        norm: The network's.
    """

    _normed: Tensor
    _rectified: Tensor

    def __init__(self, activations: NDArray[np.int8], norm: Norm) -> None:
        super().__init__()
        self._norm = norm
        normed = activations == Activation.NORM
        self._all_normed, self._any_normed = bool(normed.all()), bool(normed.any()) and norm != "none"
        self._all_rectified = bool((activations != Activation.LINEAR).all())
        self.register_buffer("_normed", torch.from_numpy(np.flatnonzero(normed)), persistent=False)
        rectified = np.flatnonzero(activations != Activation.LINEAR)
        self.register_buffer("_rectified", torch.from_numpy(rectified), persistent=False)
        self._relu = nn.ReLU()
        if self._any_normed:
            self._layer_norm = _LayerNorm(len(self._normed))

    def forward(self, z: Tensor, bias: Tensor, gain: Tensor) -> Tensor:
        """Activations, ``(n, n_neurons)``.

        Args:
            z: Weighted sums, ``(n, n_neurons)``.
            bias: Biases, ``(n_neurons,)``.
            gain: Gains, ``(n_neurons,)``.
        """
        if not self._any_normed:
            z = z + bias
        elif self._all_normed:
            z = self._normalize(z, bias, gain)
        else:
            some = self._normalize(z[:, self._normed], bias[self._normed], gain[self._normed])
            z = (z + bias).index_copy(1, self._normed, some)
        if self._all_rectified:
            return self._relu(z)  # type: ignore[no-any-return]
        return z.index_copy(1, self._rectified, self._relu(z[:, self._rectified]))

    def _normalize(self, z: Tensor, bias: Tensor, gain: Tensor) -> Tensor:
        if self._norm == "layer":
            return self._layer_norm(z + bias)  # type: ignore[no-any-return]
        return self._layer_norm(z, gain, bias)  # type: ignore[no-any-return]


def _leaders(groups: NDArray[np.int32]) -> Tensor | None:
    """Return the index of the first member of each one's group (-1: alone), shape ``(n,)``; None if all are alone."""
    if (groups < 0).all():
        return None
    own = np.arange(len(groups)) + int(groups.max()) + 1
    _, first, group = np.unique(np.where(groups < 0, own, groups), return_index=True, return_inverse=True)
    return torch.from_numpy(first[group])
