"""Access of proxies to networks: layers with weights, their gradients, activations, and replacement of weights.

Any module of convolutions and linear layers is supported. A network whose layers share one vector of weights declares
this by :class:`PartOfVector`, and one whose features are not the outputs of its ReLUs by :class:`HasFeatures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from evonas.types import Ints, Task

#: Types of layers with their own matrix of weights.
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)
#: Types of layers that normalise.
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


class Unfit(ValueError):
    """Raised if a network lacks what a proxy measures."""


@dataclass(frozen=True, eq=False)
class Batch:
    """The samples and the seed with which all candidates are scored.

    Attributes:
        x: Inputs ``(n, *input_shape)``.
        y: Class indices ``(n,)`` or targets ``(n, n_outputs)``.
        task: The task.
        seed: Seed of all random inputs and weights.
        sizes: Preferred thousands of parameters, and width of the preference, for ``reg_swap``; None is the published.
    """

    x: Tensor
    y: Tensor
    task: Task
    seed: int = 0
    sizes: tuple[float, float] | None = None

    @property
    def generator(self) -> torch.Generator:
        """A new generator with the same seed each time."""
        return torch.Generator().manual_seed(self.seed)

    def loss(self, outputs: Tensor) -> Tensor:
        """Mean cross-entropy, or mean squared error, of outputs ``(n, n_outputs)``."""
        if self.task.kind == "regression":
            return nn.functional.mse_loss(outputs, self.y)
        return nn.functional.cross_entropy(outputs, self.y)

    def halves(self) -> tuple[Batch, Batch]:
        """Two batches of half as many samples."""
        middle = len(self.x) // 2
        parts = (slice(None, middle), slice(middle, 2 * middle))
        first, second = (Batch(self.x[part], self.y[part], self.task, self.seed, self.sizes) for part in parts)
        return first, second

    def noise(self, n: int) -> Tensor:
        """Inputs ``(n, *input_shape)`` from the normal distribution."""
        return torch.randn(n, *self.task.input_shape, generator=self.generator)


@runtime_checkable
class PartOfVector(Protocol):
    """Capability of a module: compute the weighted sums ``(n, n_units)`` of a layer with weights in a shared vector.

    Attributes:
        vector: Name of the vector among the network's parameters.
        part: The layer's weights in it.
        units: Unit of the layer into which each of its weights goes, ``(n_weights,)``.
    """

    vector: str
    part: slice
    units: Ints


@runtime_checkable
class HasFeatures(Protocol):
    """Capability of a network: name the modules whose outputs are its features, in order.

    The features of other networks are the outputs of ReLUs and of the network.
    """

    @property
    def feature_modules(self) -> Sequence[nn.Module]:
        """The modules in the order in which they run."""
        ...


@runtime_checkable
class SharesRectifier(Protocol):
    """Capability of a module: operations share the runs of a ReLU, where the published network has one for each.

    Attributes:
        rectify: The ReLU.
    """

    rectify: nn.Module

    @property
    def rectifier_uses(self) -> Sequence[int]:
        """Number of operations that take the output of each run of the ReLU, in the order of the runs."""
        ...


@dataclass(frozen=True, eq=False)
class WeightLayer:
    """A layer with weights.

    Attributes:
        module: Computes the weighted sums ``(n, n_units, ...)``.
        parameter: Holds the weights.
        part: Part of a vector that other layers share; None if the parameter is the layer's own.
        fan_in: Number of weights into each unit, ``(n_units,)``.
        fans: Number of weights into the unit of each weight; broadcasts over the weights.
    """

    module: nn.Module
    parameter: nn.Parameter
    part: slice | None
    fan_in: Tensor
    fans: Tensor

    def of(self, tensor: Tensor) -> Tensor:
        """The layer's part of a tensor of the parameter's shape."""
        return tensor if self.part is None else tensor[self.part]

    @property
    def weights(self) -> Tensor:
        """The weights, detached from the graph."""
        return self.of(self.parameter.detach())


def weight_layers(network: nn.Module) -> list[WeightLayer]:
    """Layers with weights.

    Raises:
        Unfit: There is none.
    """
    layers = []
    for module in network.modules():
        if isinstance(module, WEIGHTED):
            n_units, fan = len(module.weight), module.weight[0].numel()
            fan_in = torch.full((n_units,), float(fan))
            weight = module.get_parameter("weight")
            layers.append(WeightLayer(module, weight, None, fan_in, torch.tensor(float(fan))))
        elif isinstance(module, PartOfVector) and len(module.units):
            fan_in = torch.from_numpy(np.bincount(module.units)).float()
            parameter = network.get_parameter(module.vector)
            layers.append(WeightLayer(module, parameter, module.part, fan_in, fan_in[torch.from_numpy(module.units)]))
    if not layers:
        raise Unfit("it has no layer with weights")
    return layers


def gradients(loss: Tensor, layers: Sequence[WeightLayer], *, create_graph: bool = False) -> list[Tensor]:
    """Gradient of each layer's weights; zeros if the loss does not depend on them.

    Args:
        loss: The loss.
        layers: The layers.
        create_graph: Whether the gradients can be differentiated again.
    """
    parameters = list({id(layer.parameter): layer.parameter for layer in layers}.values())
    found = torch.autograd.grad(loss, parameters, create_graph=create_graph, allow_unused=True)
    by_id = {id(p): torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)}
    return [layer.of(by_id[id(layer.parameter)]) for layer in layers]


def loss_gradients(network: nn.Module, batch: Batch) -> tuple[list[WeightLayer], list[Tensor]]:
    """The layers with weights, and the gradients of the loss of a batch."""
    layers = weight_layers(network)
    return layers, gradients(batch.loss(network(batch.x)), layers)


@contextmanager
def weighted_sums(layers: Sequence[WeightLayer]) -> Iterator[list[tuple[WeightLayer, Tensor]]]:
    """A list that receives the weighted sums ``(n, n_units, ...)`` of each run of a layer during the context."""
    found: list[tuple[WeightLayer, Tensor]] = []
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(heard([layer.module], partial(_keep, found, layer)))
        yield found


def _keep(found: list[tuple[WeightLayer, Tensor]], layer: WeightLayer, _: Tensor, sums: Tensor) -> None:
    found.append((layer, sums))


@contextmanager
def heard(modules: Sequence[nn.Module], listen: Callable[[Tensor, Tensor], None]) -> Iterator[None]:
    """Call ``listen`` with the first input and the output of each run of the modules during the context."""
    def hook(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        listen(inputs[0], output)

    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def rectifiers(network: nn.Module) -> list[nn.Module]:
    """ReLUs of a network.

    Raises:
        Unfit: There is none.
    """
    found: list[nn.Module] = [module for module in network.modules() if isinstance(module, nn.ReLU | nn.ReLU6)]
    if not found:
        raise Unfit("it has no ReLU")
    return found


def active(network: nn.Module, x: Tensor) -> list[tuple[Tensor, int]]:
    """For each run of a ReLU whether its inputs are positive, ``(n, n_units)``, and how many operations take it."""
    patterns: list[tuple[Tensor, int]] = []
    shared = {
        id(module.rectify): iter(module.rectifier_uses)
        for module in network.modules() if isinstance(module, SharesRectifier)
    }

    def listen(rectifier: nn.Module, z: Tensor, _: Tensor) -> None:
        patterns.append(((z > 0).flatten(1), next(shared.get(id(rectifier), iter(())), 1)))

    with torch.no_grad(), ExitStack() as stack:
        for rectifier in rectifiers(network):
            stack.enter_context(heard([rectifier], partial(listen, rectifier)))
        network(x)
    return patterns


def features(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Outputs ``(n, channels, ...)`` of the network's layers in order, with their graph."""
    outputs: list[Tensor] = []
    if isinstance(network, HasFeatures):
        with heard(list(network.feature_modules), lambda _, y: outputs.append(y)):
            network(x)
    else:
        with heard(rectifiers(network), lambda _, y: outputs.append(y)):
            last = network(x)
        outputs.append(last)
    return outputs


def input_gradients(network: nn.Module, batch: Batch) -> Tensor:
    """Gradient of the sum of a sample's outputs at its inputs, float64 ``(n, n_inputs)``."""
    x = batch.x.clone().requires_grad_()
    (found,) = torch.autograd.grad(network(x).sum(), x)
    return found.flatten(1).double()


def drawn_again(network: nn.Module, generator: torch.Generator, *, kaiming: bool) -> None:
    """Set weights to normally distributed values, biases to 0 and gains to 1, in place.

    Args:
        network: The network.
        generator: Generator of the weights.
        kaiming: Whether the variance is 2 over the number of weights into the unit (He 2015,
            https://arxiv.org/abs/1502.01852), else 1.
    """
    layers = weight_layers(network)
    matrices = {id(layer.parameter) for layer in layers}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if id(parameter) not in matrices:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
        for layer in layers:
            drawn = torch.randn(layer.weights.shape, generator=generator)
            layer.weights.copy_(drawn * (2 / layer.fans).sqrt() if kaiming else drawn)


def without_norms(network: nn.Module) -> None:
    """Replace every normalisation by the identity, in place."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NORMS):
                setattr(parent, name, _Passing())


class _Passing(nn.Module):
    """Identity with the arguments of a norm, which may be gains and shifts beside the input."""

    def forward(self, x: Tensor, *_: Tensor) -> Tensor:
        return x


def correlations(rows: Tensor) -> Tensor:
    """Correlation ``(n, n)`` of rows ``(n, m)``; 1 for a single row."""
    return torch.corrcoef(rows).reshape(len(rows), len(rows))


def log_determinant(matrix: Tensor) -> float:
    """ln det of a positive semidefinite matrix ``(n, n)``, float64, in which a zero counts as a rounding error.

    The authors of naswot take ``slogdet``, which of a singular matrix gives -inf or the logarithms of some rounding
    errors. Here these are the same on every machine: of the size up to which an eigenvalue may be one.

    Raises:
        FloatingPointError: All eigenvalues but one are 0.
    """
    values = torch.linalg.eigvalsh(matrix)
    rounding = len(matrix) * torch.finfo(torch.float64).eps * values[-1]
    if len(matrix) > 1 and values[-2] <= rounding:
        raise FloatingPointError("the matrix has rank 1")
    return float(values.clamp(min=rounding).log().sum())
