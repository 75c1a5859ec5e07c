"""Forward and backward passes of a whole network, written by hand: autograd would cost more than the arithmetic."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import NORM_EPSILON, Norm
from search_spaces.neuron.trainer.rounding import Rounding
from search_spaces.neuron.trainer.torch_backend.products import PRODUCTS, Product, ProductName, density, faster_product


class Activations(NamedTuple):
    """Values that a forward pass leaves for the backward pass; shapes with n samples.

    Attributes:
        h: Activations of all neurons, ``(n_neurons, n)``; those of the outputs are the network's outputs.
        normalized: Normalised sums by hidden layer, ``(neurons of the layer with a norm, n)``; None where none has.
        scales: One over the standard deviation by hidden layer, ``(n,)``; None likewise.
        mask: Factors of the activations of hidden neurons, ``(n_hidden, n)``; None is 1.
    """

    h: Tensor
    normalized: list[Tensor | None]
    scales: list[Tensor | None]
    mask: Tensor | None = None


class Grids:
    """Grids of an integer network as tensors.

    Args:
        rounding: The grids.
        device: Device of all tensors.
    """

    def __init__(self, rounding: Rounding, device: torch.device) -> None:
        self._largest = rounding.largest
        self._edge = torch.from_numpy(rounding.edge).to(device)
        self._layers = [tuple(map(float, grid)) for grid in zip(*rounding[2:], strict=True)]

    def weights(self, edge: Tensor) -> Tensor:
        """Return the rounded weights, ``(n_edges,)``."""
        return (edge / self._edge).clamp_(-self._largest, self._largest).round_().mul_(self._edge)

    def round_activations(self, own: Tensor, layer: int) -> None:
        """Round the activations of a hidden layer, counted from 0, in place."""
        step, low, high = self._layers[layer]
        own.div_(step).clamp_(low, high).round_().mul_(step)


class Propagation:
    """Genotype compiled for whole-network passes.

    Parameters are one flat tensor ``[edge, bias, gain]`` of ``n_edges + 2 * (n_hidden + n_outputs)`` values.

    Args:
        genotype: The genotype.
        norm: Norm of hidden layers.
        product: Product with the matrix of all edges.
        device: Device of all tensors.
    """

    def __init__(self, genotype: NeuronGenotype, norm: Norm, product: Product, device: torch.device) -> None:
        self.genotype = genotype
        self._norm = norm
        self._product = product
        n_rows = genotype.n_hidden + genotype.n_outputs
        self._sizes = [genotype.n_edges, n_rows, n_rows]
        self._rows = [
            slice(int(first) - genotype.n_inputs, int(last) - genotype.n_inputs)
            for first, last in pairwise(genotype.layer_offsets[1:])
        ]
        self.grids: Grids | None = None  # of passes that round weights and activations
        self._kinds = [_Kinds(genotype.activations[rows], norm, device) for rows in self._rows[:-1]]

    def split(self, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return views of edge ``(n_edges,)``, bias and gain ``(n_hidden + n_outputs,)``."""
        edge, bias, gain = torch.split(flat, self._sizes)
        return edge, bias, gain

    def rounded(self, edge: Tensor) -> Tensor:
        """Return the weights that passes see, ``(n_edges,)``."""
        return edge if self.grids is None else self.grids.weights(edge)

    def outputs(self, activations: Activations) -> Tensor:
        """Return outputs before softmax, ``(n_outputs, n)``."""
        return activations.h[-self.genotype.n_outputs :]

    def forward(self, parameters: Tensor, x: Tensor, mask: Tensor | None = None) -> Activations:
        """Activations of all neurons.

        Args:
            parameters: Flat, as :meth:`split` takes them.
            x: Inputs, one sample a column, ``(n_inputs, n)``.
            mask: See :class:`Activations`.
        """
        edge, bias, gain = self.split(parameters)
        placed = self._product.place(self.rounded(edge))
        result = Activations(x.new_empty(self.genotype.n_neurons, x.shape[1]), [], [], mask)
        n_inputs, h = self.genotype.n_inputs, result.h
        h[:n_inputs] = x
        for layer, rows in enumerate(self._rows, start=1):
            z = self._product.forward(placed, h, layer)  # (neurons of the layer, n)
            own = h[n_inputs + rows.start : n_inputs + rows.stop]
            if layer == self.genotype.depth:
                torch.add(z, bias[rows, None], out=own)
                break
            self._activate(z, bias[rows, None], gain[rows, None], self._kinds[layer - 1], own, result)
            if self.grids is not None:
                self.grids.round_activations(own, layer - 1)
            if mask is not None:
                own *= mask[rows]
        return result

    def backward(self, parameters: Tensor, activations: Activations, delta_outputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of a loss.

        Args:
            parameters: As in the forward pass.
            activations: Result of the forward pass.
            delta_outputs: Loss gradient at the outputs, ``(n_outputs, n)``.

        Returns:
            The gradient of the parameters, flat as they are, and of every neuron's weighted sum,
            ``(n_hidden + n_outputs, n)``.
        """
        edge, _, gain = self.split(parameters)
        placed = self._product.place(self.rounded(edge))
        gradient = torch.zeros_like(parameters)
        edge_gradient, bias_gradient, gain_gradient = self.split(gradient)
        delta = torch.empty_like(activations.h[self.genotype.n_inputs :])
        delta[self._rows[-1]] = delta_outputs
        bias_gradient[self._rows[-1]] = delta_outputs.sum(1)
        for layer in range(self.genotype.depth - 1, 0, -1):
            rows = self._rows[layer - 1]
            own = activations.h[self.genotype.n_inputs + rows.start : self.genotype.n_inputs + rows.stop]
            dh = self._product.backward(placed, delta, layer)  # (neurons of the layer, n)
            if activations.mask is not None:
                dh = dh * activations.mask[rows]
            kinds = self._kinds[layer - 1]
            dy = torch.ops.aten.threshold_backward(dh, own, 0)  # gradient through ReLU
            if kinds.linear is not None:
                dy = torch.where(kinds.linear, dh, dy)
            normalized, scale = activations.normalized[layer - 1], activations.scales[layer - 1]
            if normalized is None or scale is None:
                bias_gradient[rows] = dy.sum(1)
            else:
                bias_gradient[rows], gain_gradient[rows] = self._through_norm(dy, gain[rows], normalized, scale, kinds)
            delta[rows] = dy
        edge_gradient.copy_(self._product.edge_gradient(delta, activations.h))
        return gradient, delta

    def _activate(
        self, z: Tensor, bias: Tensor, gain: Tensor, kinds: _Kinds, own: Tensor, result: Activations
    ) -> None:
        """Write a hidden layer's activations into ``own``.

        Args:
            z: Weighted sums, ``(neurons of the layer, n)``; overwritten.
            bias: ``(neurons of the layer, 1)``.
            gain: ``(neurons of the layer, 1)``.
            kinds: Neurons with a norm and without ReLU.
            own: Gets the activations, ``(neurons of the layer, n)``.
            result: Gets normalised sums and scales.
        """
        normalized = scale = None
        if kinds.normed is None:
            z += bias
        else:
            normalized = kinds.of_normed(z)
            if self._norm == "layer":
                normalized += kinds.of_normed(bias)
            normalized -= normalized.mean(0)  # two means are several times faster than torch's variance over this axis
            scale = (normalized.square().mean(0) + NORM_EPSILON).rsqrt_()
            normalized *= scale
            some = normalized
            if self._norm == "layer-affine":
                some = torch.addcmul(kinds.of_normed(bias), normalized, kinds.of_normed(gain))
            z = some if kinds.all_normed else z.add_(bias).index_copy_(0, kinds.normed, some)
        result.normalized.append(normalized)
        result.scales.append(scale)
        torch.clamp_min(z, 0, out=own)
        if kinds.linear is not None:
            own.copy_(torch.where(kinds.linear, z, own))

    def _through_norm(
        self, dy: Tensor, gain: Tensor, normalized: Tensor, scale: Tensor, kinds: _Kinds
    ) -> tuple[Tensor, Tensor]:
        """Turn the gradient before ReLU, ``(neurons, n)``, into that at the weighted sums, in place.

        Args:
            dy: The gradient; overwritten.
            gain: ``(neurons, 1)``.
            normalized: Normalised sums, see :class:`Activations`.
            scale: Scales, see :class:`Activations`.
            kinds: Neurons with a norm.

        Returns:
            The gradients of the biases and the gains of the layer, ``(neurons,)``.
        """
        assert kinds.normed is not None
        bias_gradient, gain_gradient = dy.sum(1), torch.zeros_like(gain)
        some = kinds.of_normed(dy)
        if self._norm == "layer-affine":
            gain_gradient[kinds.normed] = (some * normalized).sum(1)
            some *= kinds.of_normed(gain)[:, None]
        some -= some.mean(0) + normalized * (some * normalized).mean(0)
        some *= scale
        if self._norm == "layer":
            bias_gradient[kinds.normed] = some.sum(1)
        if not kinds.all_normed:
            dy.index_copy_(0, kinds.normed, some)
        return bias_gradient, gain_gradient


class _Kinds:
    """Neurons of a hidden layer with a norm, and those without ReLU.

    Attributes:
        normed: Indices of those with a norm; None if there are none.
        linear: Mask of those without a ReLU, ``(neurons of the layer, 1)``; None if there are none.
    """

    def __init__(self, activations: NDArray[np.int8], norm: Norm, device: torch.device) -> None:
        normed = np.flatnonzero(activations == Activation.NORM)
        self.all_normed = len(normed) == len(activations)
        self.normed = torch.from_numpy(normed).to(device) if len(normed) and norm != "none" else None
        linear = activations == Activation.LINEAR
        self.linear = torch.from_numpy(linear[:, None]).to(device) if linear.any() else None

    def of_normed(self, values: Tensor) -> Tensor:
        """Return the values of the neurons with a norm; ``values`` themselves if all have it, else a copy."""
        return values if self.all_normed or self.normed is None else values.index_select(0, self.normed)


def compile_network(
    genotype: NeuronGenotype, norm: Norm, device: torch.device, product: ProductName | Literal["auto"] = "auto"
) -> Propagation:
    """Compile a genotype for passes.

    Args:
        genotype: The genotype.
        norm: Norm of hidden layers.
        device: Device of all tensors.
        product: ``"auto"`` takes the product that was measured to be faster at the genotype's density.
    """
    name = faster_product(density(genotype)) if product == "auto" else product
    return Propagation(genotype, norm, PRODUCTS[name](genotype, device), device)
