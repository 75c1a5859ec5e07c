"""Sparse networks in the layers of other packages, where these are installed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType

import torch
from torch import Tensor, nn

from search_spaces.neuron.trainer.base import Network

from .formats import Activation
from .networks import layer_edges

#: What installs each package.
INSTALL: Mapping[str, str] = MappingProxyType({
    "sparselab": "python -m pip install -e .[bench]",
    "sparseprop": "python -m pip install pybind11 setuptools; python -m pip install --no-build-isolation "
                  "sparseprop==0.1.14 (it needs g++, and a processor with AVX2)",
})


class PackageNetwork(nn.Module):
    """Network of the same layers, each a product of a package over all earlier neurons.

    Args:
        network: The network.
        products: A product for each layer, ``(n, neurons so far)`` to ``(n, neurons of the layer)``.
    """

    def __init__(self, network: Network, products: list[nn.Module]) -> None:
        super().__init__()
        self.weights = nn.ModuleList(products)
        self.activations = nn.ModuleList(
            Activation(network, first, size) for first, size, *_ in layer_edges(network.genotype)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(n, n_outputs)`` for inputs ``(n, n_inputs)``."""
        h = own = x
        for weight, activation in zip(self.weights, self.activations, strict=True):
            own = activation(weight(h))
            h = torch.cat([h, own], dim=1)
        return own


def package_module(package: str, network: Network) -> nn.Module | None:
    """Return a network in the layers of a package of :data:`INSTALL`; None if it is not installed.

    SparseProp has the same edges with the same weights; sparselab as many into each layer, at places that it draws.

    Args:
        package: Name of the package.
        network: The network.
    """
    if find_spec(package) is None:
        return None
    if package == "sparselab":
        return PackageNetwork(network, _sparselab_products(network))
    return PackageNetwork(network, _sparseprop_products(network))


def _sparselab_products(network: Network) -> list[nn.Module]:
    linear = import_module("sparselab").SparseLinear
    with warnings.catch_warnings():  # it builds its matrices by torch's CSR, which warns of its beta state
        warnings.simplefilter("ignore")
        return [
            linear(first, size, bias=False, sparsity=1 - len(rows) / (first * size))
            for first, size, rows, _ in layer_edges(network.genotype)
        ]


def _sparseprop_products(network: Network) -> list[nn.Module]:
    linear = import_module("sparseprop.modules.linear").SparseLinear
    products, begin = list[nn.Module](), 0
    for first, size, rows, columns in layer_edges(network.genotype):
        matrix = torch.zeros(size, first)
        edge = torch.tensor(network.edge[begin : begin + len(rows)])
        begin += len(rows)
        smallest = torch.finfo(torch.float32).tiny  # an edge of weight 0 would be none
        matrix[rows, columns] = torch.where(edge == 0, smallest, edge)
        products.append(linear(matrix))
    return products
