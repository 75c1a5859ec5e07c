"""The phenotype: a neuron genotype with its weights as a torch module, differentiable and on any device.

It is what leaves the search (export, fine-tuning, inspection). The search itself trains with
``search_spaces.neuron.trainer``, which is several times faster.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from evonas.types import Ints
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network, Norm
from search_spaces.neuron.trainer.fallback.products import Bags, faster_product

LayerProductName: TypeAlias = Literal["dense", "embedding_bag", "csr", "torch_sparse"]


class NeuronModule(nn.Module):
    """A network that computes one sparse product per layer, over all earlier layers.

    Its parameters, and all of its state, are ``edge`` ``(n_edges,)``, ``bias`` and ``gain``, ``(n_hidden +
    n_outputs,)`` each: see :class:`search_spaces.neuron.trainer.base.Network`. ``gain`` is only trained where the norm
    uses it; of tied edges, and of the neurons of a channel, the first is trained and the others follow it.

    Args:
        network: Genotype and parameters; tied edges have equal weights, and the neurons of a channel equal biases and
            gains.
        product: How every layer multiplies; None chooses embedding_bag or dense for each layer by its density. (``csr``
            and ``torch_sparse`` are there to compare: csr was measured as fast as embedding_bag forward but, with
            torch's dense gradient of its values, three to six times slower in training.)

    Raises:
        ValueError: An unknown product, or ``"torch_sparse"`` where it is not installed.
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
            _LayerActivation(genotype.activations[first - genotype.n_inputs : last - genotype.n_inputs], network.norm)
            for first, last in pairwise(genotype.layer_offsets[1:-1].tolist())
        )
        self._products = nn.ModuleList()
        self._edges: list[slice] = []
        for first, last in pairwise(genotype.layer_offsets[1:].tolist()):
            edges = slice(*np.searchsorted(genotype.edges[:, 1], [first, last]).tolist())
            source, target = genotype.edges[edges].astype(np.int64).T
            name = product or faster_product(len(source) / (first * (last - first)))
            self._products.append(LAYER_PRODUCTS[name](target - first, source, last - first, first))
            self._edges.append(edges)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of inputs ``(n, *input_shape)`` or ``(n, n_inputs)``."""
        x = x.flatten(1)
        if x.shape[1] != self.genotype.n_inputs:
            raise ValueError(f"expected {self.genotype.n_inputs} inputs a sample, got {x.shape[1]}")
        edge, bias, gain = self._parameters_of_neurons()
        h = x.t().contiguous()  # (neurons so far, n): a neuron's activations are adjacent, as sparse products like it
        first_row = 0
        for layer, (product, edges) in enumerate(zip(self._products, self._edges, strict=True)):
            z: Tensor = product(edge[edges], h).t()  # (n, neurons of the layer)
            rows = slice(first_row, first_row + z.shape[1])
            if layer == len(self._activations):
                break
            activations = self._activations[layer]
            h = torch.cat([h, activations(z, bias[rows], gain[rows]).t()])
            first_row = rows.stop
        return z + bias[rows]

    def network(self) -> Network:
        """A copy of the present parameters, float32."""
        edge, bias, gain = (
            tensor.detach().cpu().numpy().astype(np.float32) for tensor in self._parameters_of_neurons()
        )
        return Network(self.genotype, edge, bias, gain, self.norm)

    def _parameters_of_neurons(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights ``(n_edges,)``, biases and gains ``(n_rows,)``: the first of each group stands for all."""
        edge = self.edge if self._leaders is None else self.edge[self._leaders]
        if self._row_leaders is None:
            return edge, self.bias, self.gain
        return edge, self.bias[self._row_leaders], self.gain[self._row_leaders]


class _LayerActivation(nn.Module):
    """What the neurons of a hidden layer make of their weighted sums (see ``Activation``).

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
        rectified = torch.from_numpy(activations != Activation.LINEAR)
        self.register_buffer("_rectified", rectified, persistent=False)

    def forward(self, z: Tensor, bias: Tensor, gain: Tensor) -> Tensor:
        """Activations ``(n, n_neurons)`` of weighted sums ``(n, n_neurons)``."""
        if not self._any_normed:
            z = z + bias
        elif self._all_normed:
            z = self._normalize(z, bias, gain)
        else:
            some = self._normalize(z[:, self._normed], bias[self._normed], gain[self._normed])
            z = (z + bias).index_copy(1, self._normed, some)
        return z.relu() if self._all_rectified else torch.where(self._rectified, z.relu(), z)

    def _normalize(self, z: Tensor, bias: Tensor, gain: Tensor) -> Tensor:
        if self._norm == "layer":
            return nn.functional.layer_norm(z + bias, bias.shape, eps=NORM_EPSILON)
        return nn.functional.layer_norm(z, bias.shape, gain, bias, eps=NORM_EPSILON)


def _leaders(groups: NDArray[np.int32]) -> Tensor | None:
    """Index of the first member of each one's group (-1: alone), shape ``(n,)``; None where all are alone."""
    if (groups < 0).all():
        return None
    own = np.arange(len(groups)) + int(groups.max()) + 1
    _, first, group = np.unique(np.where(groups < 0, own, groups), return_index=True, return_inverse=True)
    return torch.from_numpy(first[group])


class _LayerProduct(nn.Module):
    """A sparse matrix of fixed pattern; called with its entries and a table, it gives their product.

    Args:
        rows: Row of every entry, ascending, shape ``(n_entries,)``.
        columns: Column of every entry, shape ``(n_entries,)``.
    """

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__()
        self._shape = (n_rows, n_columns)

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        """Shape ``(n_rows, n)``, of ``values (n_entries,)`` and ``h (n_columns, n)``."""
        raise NotImplementedError

    def _keep(self, name: str, indices: Ints) -> None:
        """A buffer that follows the module to its device and is not part of its state."""
        self.register_buffer(name, torch.from_numpy(indices), persistent=False)


class DenseLayerProduct(_LayerProduct):
    """Entries are written into a matrix of zeros: exports and runs everywhere."""

    _places: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        self._keep("_places", rows * n_columns + columns)

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        matrix = values.new_zeros(self._shape[0] * self._shape[1]).index_put((self._places,), values)
        return matrix.view(self._shape) @ h


class BagLayerProduct(_LayerProduct):
    """embedding_bag, with a backward pass that is embedding_bag over the columns."""

    _order: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        order = np.argsort(columns, kind="stable")
        self._keep("_order", order)
        self._by_row = Bags(rows, columns, n_rows)
        self._by_column = Bags(columns[order], rows[order], n_columns)

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        product: Tensor = _BagFunction.apply(  # type: ignore[no-untyped-call]
            values, h, self._by_row, self._by_column, self._order
        )
        return product


class _BagFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, h: Tensor, by_row: Bags, by_column: Bags, order: Tensor) -> Tensor:
        ctx.save_for_backward(values, h)
        ctx.patterns = by_row, by_column, order
        product: Tensor = by_row(values, h)
        return product

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        values, h = ctx.saved_tensors
        by_row, by_column, order = ctx.patterns
        delta = delta.contiguous()
        values_gradient = by_row.entry_gradient(delta, h) if ctx.needs_input_grad[0] else None
        h_gradient = by_column(values[order], delta) if ctx.needs_input_grad[1] else None
        return values_gradient, h_gradient, None, None, None


class CsrLayerProduct(_LayerProduct):
    """torch's own CSR tensors (MKL on the CPU, cuSPARSE on a GPU)."""

    _columns: Tensor
    _pointers: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        self._keep("_columns", columns)
        self._keep("_pointers", np.searchsorted(rows, np.arange(n_rows + 1)))
        with warnings.catch_warnings():  # torch says once in a process that CSR is in beta: let it be said here
            warnings.simplefilter("ignore")
            torch.zeros(1, 1).to_sparse_csr()

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        matrix = torch.sparse_csr_tensor(self._pointers, self._columns, values, self._shape, check_invariants=False)
        return matrix @ h


class TorchSparseLayerProduct(_LayerProduct):
    """The package torch-sparse, where it is installed."""

    _index: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        try:
            from torch_sparse import spmm
        except ImportError:
            raise ValueError(
                "product 'torch_sparse' needs the package torch-sparse: pip install evonas[torch-sparse]"
            ) from None
        self._spmm = spmm
        self._keep("_index", np.stack([rows, columns]))

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        product: Tensor = self._spmm(self._index, values, *self._shape, h)
        return product


LAYER_PRODUCTS: MappingProxyType[LayerProductName, type[_LayerProduct]] = MappingProxyType({
    "dense": DenseLayerProduct, "embedding_bag": BagLayerProduct, "csr": CsrLayerProduct,
    "torch_sparse": TorchSparseLayerProduct,
})
