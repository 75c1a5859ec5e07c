"""Products of a layer's sparse matrix, whose pattern is fixed, with a table of activations."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from evonas.types import Ints
from search_spaces.neuron.trainer.torch_backend.products import Bags

LayerProductName: TypeAlias = Literal["dense", "embedding_bag", "csr", "torch_sparse"]


class _LayerProduct(nn.Module):
    """Sparse matrix of fixed pattern; a call with its entries and a table returns their product.

    Args:
        rows: Row of every entry, ascending, shape ``(n_entries,)``.
        columns: Column of every entry, shape ``(n_entries,)``.
        n_rows: Rows of the matrix.
        n_columns: Columns of the matrix.
    """

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__()
        self._shape = (n_rows, n_columns)

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        """Return the product, shape ``(n_rows, n)``, of ``values (n_entries,)`` and ``h (n_columns, n)``."""
        raise NotImplementedError

    def _keep(self, name: str, indices: Ints) -> None:
        """Register a buffer that follows the module to its device and is not part of its state."""
        self.register_buffer(name, torch.from_numpy(indices), persistent=False)


class DenseLayerProduct(_LayerProduct):
    """Product with a dense matrix into which the entries are written: it can be exported and runs everywhere."""

    _places: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        self._keep("_places", rows * n_columns + columns)

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        matrix = values.new_zeros(self._shape[0] * self._shape[1]).index_put((self._places,), values)
        return matrix.view(self._shape) @ h


class BagLayerProduct(_LayerProduct):
    """Product by embedding_bag, with a backward pass that is embedding_bag over the columns."""

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
    """Sparse product; its gradients are sparse products, too, and have gradients themselves."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, h: Tensor, by_row: Bags, by_column: Bags, order: Tensor) -> Tensor:
        ctx.save_for_backward(values, h)
        ctx.patterns = by_row, by_column, order
        product: Tensor = by_row(values, h)
        return product

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        values, h = ctx.saved_tensors
        by_row, by_column, order = ctx.patterns
        delta, values_gradient, h_gradient = delta.contiguous(), None, None
        if ctx.needs_input_grad[0]:
            values_gradient = _EntryFunction.apply(delta, h, by_row, by_column, order)  # type: ignore[no-untyped-call]
        if ctx.needs_input_grad[1]:
            h_gradient = _transposed(values, delta, by_row, by_column, order)
        return values_gradient, h_gradient, None, None, None


class _EntryFunction(torch.autograd.Function):
    """Gradient of a sparse product's entries."""

    @staticmethod
    def forward(ctx: Any, delta: Tensor, h: Tensor, by_row: Bags, by_column: Bags, order: Tensor) -> Tensor:
        ctx.save_for_backward(delta, h)
        ctx.patterns = by_row, by_column, order
        return by_row.entry_gradient(delta, h)

    @staticmethod
    def backward(ctx: Any, along: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None]:
        delta, h = ctx.saved_tensors
        delta_gradient = h_gradient = None
        if ctx.needs_input_grad[0]:
            delta_gradient = _BagFunction.apply(along, h, *ctx.patterns)  # type: ignore[no-untyped-call]
        if ctx.needs_input_grad[1]:
            h_gradient = _transposed(along, delta, *ctx.patterns)
        return delta_gradient, h_gradient, None, None, None


def _transposed(values: Tensor, delta: Tensor, by_row: Bags, by_column: Bags, order: Tensor) -> Tensor:
    """Return the transpose of the sparse matrix times ``delta (n_rows, n)``.

    Args:
        values: Entries, ``(n_entries,)``.
        delta: The table.
        by_row: Pattern by rows.
        by_column: Pattern by columns.
        order: Index of each entry by columns among those by rows.
    """
    if not torch.is_grad_enabled():
        product: Tensor = by_column(values[order], delta)
        return product
    back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    return _BagFunction.apply(values[order], delta, by_column, by_row, back)  # type: ignore


class CsrLayerProduct(_LayerProduct):
    """Product by torch's own CSR tensors (MKL on the CPU, cuSPARSE on a GPU)."""

    _columns: Tensor
    _pointers: Tensor

    def __init__(self, rows: Ints, columns: Ints, n_rows: int, n_columns: int) -> None:
        super().__init__(rows, columns, n_rows, n_columns)
        self._keep("_columns", columns)
        self._keep("_pointers", np.searchsorted(rows, np.arange(n_rows + 1)))
        with warnings.catch_warnings():  # torch warns once in a process that CSR is in beta: ignored
            warnings.simplefilter("ignore")
            torch.zeros(1, 1).to_sparse_csr()

    def forward(self, values: Tensor, h: Tensor) -> Tensor:
        matrix = torch.sparse_csr_tensor(self._pointers, self._columns, values, self._shape, check_invariants=False)
        return matrix @ h


class TorchSparseLayerProduct(_LayerProduct):
    """Product by the package torch-sparse, if it is installed."""

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
