"""Forward and backward passes of a whole network, written by hand: autograd would cost more than the arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.trainer.base import NORM_EPSILON, Norm
from search_spaces.neuron.trainer.fallback.products import PRODUCTS, Product, ProductName, density, faster_product


class Activations(NamedTuple):
    """What a forward pass leaves for the backward pass; shapes with n samples.

    Attributes:
        h: Activations of all neurons, ``(n_neurons, n)``; those of the outputs are the network's outputs.
        normalized: Normalised sums by hidden layer, ``(neurons of the layer, n)``; empty without a norm.
        scales: One over the standard deviation by hidden layer, ``(n,)``; empty without a norm.
    """

    h: Tensor
    normalized: list[Tensor]
    scales: list[Tensor]


class Propagation:
    """A genotype compiled for whole-network passes.

    Parameters are one flat tensor ``[edge, bias, gain]`` of ``n_edges + 2 * (n_hidden + n_outputs)`` values.
    """

    def __init__(self, genotype: NeuronGenotype, norm: Norm, product: Product) -> None:
        self.genotype = genotype
        self._norm = norm
        self._product = product
        n_rows = genotype.n_hidden + genotype.n_outputs
        self._sizes = [genotype.n_edges, n_rows, n_rows]
        self._rows = [
            slice(int(first) - genotype.n_inputs, int(last) - genotype.n_inputs)
            for first, last in pairwise(genotype.layer_offsets[1:])
        ]

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Views of edge ``(n_edges,)``, bias and gain ``(n_hidden + n_outputs,)``."""
        edge, bias, gain = torch.split(flat, self._sizes)
        return edge, bias, gain

    def outputs(self, activations: Activations) -> Tensor:
        """Outputs before softmax, ``(n_outputs, n)``."""
        return activations.h[-self.genotype.n_outputs :]

    def forward(self, parameters: Tensor, x: Tensor) -> Activations:
        """Activations of all neurons.

        Args:
            x: Inputs, one sample a column, ``(n_inputs, n)``.
        """
        edge, bias, gain = self.split(parameters)
        placed = self._product.place(edge)
        result = Activations(x.new_empty(self.genotype.n_neurons, x.shape[1]), [], [])
        n_inputs, h = self.genotype.n_inputs, result.h
        h[:n_inputs] = x
        for layer, rows in enumerate(self._rows, start=1):
            z = self._product.forward(placed, h, layer)  # (neurons of the layer, n)
            own = h[n_inputs + rows.start : n_inputs + rows.stop]
            if layer == self.genotype.depth:
                torch.add(z, bias[rows, None], out=own)
                break
            if self._norm != "layer-affine":
                z += bias[rows, None]
            if self._norm != "none":
                z -= z.mean(0)  # two means are several times faster than torch's variance over this axis
                scale = (z.square().mean(0) + NORM_EPSILON).rsqrt_()
                z *= scale
                result.normalized.append(z)
                result.scales.append(scale)
            if self._norm == "layer-affine":
                z = torch.addcmul(bias[rows, None], z, gain[rows, None])
            torch.clamp_min(z, 0, out=own)
        return result

    def backward(self, parameters: Tensor, activations: Activations, delta_outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of a loss.

        Args:
            parameters: As in the forward pass.
            delta_outputs: Loss gradient at the outputs, ``(n_outputs, n)``.

        Returns:
            The gradient of the parameters, flat as they are, and of every neuron's weighted sum, ``(n_hidden +
            n_outputs, n)``.
        """
        edge, _, gain = self.split(parameters)
        placed = self._product.place(edge)
        gradient = torch.zeros_like(parameters)
        edge_gradient, bias_gradient, gain_gradient = self.split(gradient)
        delta = torch.empty_like(activations.h[self.genotype.n_inputs :])
        delta[self._rows[-1]] = delta_outputs
        bias_gradient[self._rows[-1]] = delta_outputs.sum(1)
        for layer in range(self.genotype.depth - 1, 0, -1):
            rows = self._rows[layer - 1]
            own = activations.h[self.genotype.n_inputs + rows.start : self.genotype.n_inputs + rows.stop]
            dh = self._product.backward(placed, delta, layer)  # (neurons of the layer, n)
            dy = torch.ops.aten.threshold_backward(dh, own, 0)  # the gradient through ReLU
            if self._norm == "layer-affine":
                bias_gradient[rows] = dy.sum(1)
                gain_gradient[rows] = (dy * activations.normalized[layer - 1]).sum(1)
                dy *= gain[rows, None]
            if self._norm != "none":
                normalized = activations.normalized[layer - 1]
                dy -= dy.mean(0) + normalized * (dy * normalized).mean(0)
                dy *= activations.scales[layer - 1]
            if self._norm != "layer-affine":
                bias_gradient[rows] = dy.sum(1)
            delta[rows] = dy
        edge_gradient.copy_(self._product.edge_gradient(delta, activations.h))
        return gradient, delta


def compile_network(
    genotype: NeuronGenotype, norm: Norm, device: torch.device, product: ProductName | Literal["auto"] = "auto"
) -> Propagation:
    """A genotype ready for passes; ``"auto"`` takes the product that was measured to be faster at its density."""
    name = faster_product(density(genotype)) if product == "auto" else product
    return Propagation(genotype, norm, PRODUCTS[name](genotype, device))
