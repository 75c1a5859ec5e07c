"""Sparse networks as torch modules, one for each format; all compute the same function of the same parameters.

Edge weights are in parameters whose name contains ``weight`` (they are decayed); the others are biases and gains.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import layer_norm

from evonas.types import Floats, Ints
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network

from .networks import layer_edges

#: Most values of a gather (1 GiB in float32); larger ones are not tried.
MOST_GATHERED = 1 << 28


class Activation(nn.Module):
    """LayerNorm with gain and bias, then ReLU, over the neurons of a hidden layer; only the bias for the outputs.

    Args:
        network: The network.
        first: First neuron of the layer.
        size: Neurons of the layer.
    """

    def __init__(self, network: Network, first: int, size: int) -> None:
        super().__init__()
        rows = slice(first - network.genotype.n_inputs, first - network.genotype.n_inputs + size)
        self.bias = nn.Parameter(torch.tensor(network.bias[rows]))
        is_hidden = first + size < network.genotype.n_neurons
        self.gain = nn.Parameter(torch.tensor(network.gain[rows])) if is_hidden else None

    def forward(self, z: Tensor) -> Tensor:
        """Return activations of sums ``(n, neurons of the layer)``, in the same shape."""
        if self.gain is None:
            return z + self.bias
        return layer_norm(z, self.bias.shape, self.gain, self.bias, eps=NORM_EPSILON).relu()


class MaskedPairs(nn.Module):
    """Reference: for each pair of layers with edges one product with a dense matrix times its mask of 0 and 1.

    Each pair has one parameter: under the fused optimiser that was measured as fast as slices of one flat parameter in
    small networks, and a fifth faster in large ones.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        genotype = network.genotype
        offsets = genotype.layer_offsets.tolist()
        self.weights, self.activations = nn.ParameterList(), nn.ModuleList()
        self._sources: list[list[tuple[int, int]]] = []  # for every layer (earlier layer, index of the pair)
        matrix = torch.zeros(genotype.n_neurons, genotype.n_neurons)
        mask = torch.zeros_like(matrix)
        source, target = torch.from_numpy(genotype.edges.astype(np.int64)).unbind(1)
        matrix[source, target], mask[source, target] = torch.from_numpy(network.edge), 1.0
        self._masks: list[Tensor] = []
        for layer, (first, last) in enumerate(pairwise(offsets[1:]), start=1):
            self._sources.append([])
            for earlier, (begin, end) in enumerate(pairwise(offsets[: layer + 1])):
                block = mask[begin:end, first:last]
                if block.any():
                    self._sources[-1].append((earlier, len(self.weights)))
                    self.weights.append(matrix[begin:end, first:last].clone())
                    self._masks.append(block.clone())
            self.activations.append(Activation(network, first, last - first))

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``."""
        h = [x]
        for sources, activation in zip(self._sources, self.activations, strict=True):
            products = ((h[earlier], self.weights[pair] * self._masks[pair]) for earlier, pair in sources)
            before, weight = next(products)
            z = before @ weight
            for before, weight in products:
                z = torch.addmm(z, before, weight)
            h.append(activation(z))
        return h[-1]


class LayerProducts(nn.Module):
    """Sparse product for each layer over all earlier neurons.

    Activations are ``(neurons so far, n)``, a row for each neuron.
    """

    def __init__(self, network: Network, product: type[_SparseProduct]) -> None:
        super().__init__()
        self.products, self.activations = nn.ModuleList(), nn.ModuleList()
        begin = 0
        for first, size, rows, columns in layer_edges(network.genotype):
            edge = network.edge[begin : begin + len(rows)]
            begin += len(rows)
            self.products.append(product(rows, columns, (size, first), edge))
            self.activations.append(Activation(network, first, size))

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``."""
        h = x.t().contiguous()
        for product, activation in zip(self.products, self.activations, strict=True):
            own = activation(product(h).t())
            h = torch.cat([h, own.t()]) if product is not self.products[-1] else own
        return h


class _SparseProduct(nn.Module):
    """Sparse matrix with trained entries: ``(neurons so far, n)`` to ``(neurons of the layer, n)``.

    Args:
        rows, columns: Place of every entry, sorted by row, shape ``(n_entries,)``.
        shape: Shape of the matrix.
        edge: The entries.
    """

    def __init__(self, rows: Ints, columns: Ints, shape: tuple[int, int], edge: Floats) -> None:
        super().__init__()
        self.shape = shape
        self.weight = nn.Parameter(torch.tensor(edge))


class CsrProduct(_SparseProduct):
    """Product by torch's CSR tensors with a second CSR of the transpose and ``sampled_addmm`` backward.

    (Under autograd torch computes the gradient of the entries through a dense matrix, several times slower.)
    """

    def __init__(self, rows: Ints, columns: Ints, shape: tuple[int, int], edge: Floats) -> None:
        super().__init__(rows, columns, shape, edge)
        order = np.argsort(columns, kind="stable")
        self._order = torch.from_numpy(order)
        self._pattern = _csr_pattern(rows, columns, shape[0])
        self._transposed = _csr_pattern(columns[order], rows[order], shape[1])
        with warnings.catch_warnings():  # torch warns once in a process that CSR is in beta
            warnings.simplefilter("ignore")
            torch.zeros(1, 1).to_sparse_csr()

    def forward(self, h: Tensor) -> Tensor:
        product: Tensor = _CsrFunction.apply(self.weight, h, self)  # type: ignore[no-untyped-call]
        return product

    def matrix(self, values: Tensor) -> Tensor:
        """Return the matrix with these entries."""
        return torch.sparse_csr_tensor(*self._pattern, values, self.shape, check_invariants=False)

    def transposed(self, values: Tensor) -> Tensor:
        """Return its transpose."""
        shape = self.shape[::-1]
        return torch.sparse_csr_tensor(*self._transposed, values[self._order], shape, check_invariants=False)


def _csr_pattern(rows: Ints, columns: Ints, n_rows: int) -> tuple[Tensor, Tensor]:
    pointers = np.searchsorted(rows, np.arange(n_rows + 1))
    return torch.from_numpy(pointers.astype(np.int32)), torch.from_numpy(columns.astype(np.int32))


class _CsrFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, h: Tensor, product: CsrProduct) -> Tensor:
        ctx.save_for_backward(values, h)
        ctx.product = product
        return product.matrix(values) @ h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor, Tensor | None, None]:
        values, h = ctx.saved_tensors
        delta = delta.contiguous()
        gradient = torch.sparse.sampled_addmm(ctx.product.matrix(torch.zeros_like(values)), delta, h.t(), beta=0.0)
        h_gradient = ctx.product.transposed(values) @ delta if ctx.needs_input_grad[1] else None
        return gradient.values(), h_gradient, None


class TorchSparseProduct(_SparseProduct):
    """Product by the package torch-sparse."""

    def __init__(self, rows: Ints, columns: Ints, shape: tuple[int, int], edge: Floats) -> None:
        super().__init__(rows, columns, shape, edge)
        self._spmm = import_module("torch_sparse").spmm
        self._index = torch.from_numpy(np.stack([rows, columns]))

    def forward(self, h: Tensor) -> Tensor:
        product: Tensor = self._spmm(self._index, self.weight, *self.shape, h)
        return product


class GatherProduct(_SparseProduct):
    """Product of the published approach: the inputs of every neuron gathered, all rows padded to the longest."""

    def __init__(self, rows: Ints, columns: Ints, shape: tuple[int, int], edge: Floats) -> None:
        super().__init__(rows, columns, shape, edge)
        n_rows, width = shape[0], int(np.bincount(rows).max())
        place = np.arange(len(rows)) - np.searchsorted(rows, np.arange(n_rows))[rows]
        padded, index = np.zeros((n_rows, width), np.float32), np.full((n_rows, width), -1)
        padded[rows, place], index[rows, place] = edge, columns
        self.weight = nn.Parameter(torch.from_numpy(padded))
        self._index = torch.from_numpy(np.where(index < 0, 0, index).reshape(-1))
        self._present = torch.from_numpy((index >= 0).astype(np.float32))

    def forward(self, h: Tensor) -> Tensor:
        n_rows, width = self.weight.shape
        gathered = h.index_select(0, self._index).view(n_rows, width, -1)
        return torch.einsum("rk,rkn->rn", self.weight * self._present, gathered)


def n_gathered(network: Network, batch: int) -> int:
    """Return the number of values that :class:`GatherProduct` gathers in a forward pass."""
    edges = layer_edges(network.genotype)
    return batch * sum(size * int(np.bincount(rows).max()) for _, size, rows, _ in edges)


def torch_module(backend: str, network: Network, batch: int) -> nn.Module | None:
    """Return the network in the format of a backend; None if the backend is not installed or needs too much memory.

    Args:
        backend: Name of the backend.
        network: The network.
        batch: Samples of a batch.
    """
    if backend == "masked_dense":
        return MaskedPairs(network)
    if backend == "csr":
        return LayerProducts(network, CsrProduct)
    if backend == "torch_sparse":
        return LayerProducts(network, TorchSparseProduct) if find_spec("torch_sparse") else None
    return LayerProducts(network, GatherProduct) if n_gathered(network, batch) <= MOST_GATHERED else None
