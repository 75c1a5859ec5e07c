"""Networks as ONNX graphs: each module of the phenotype is translated into the nodes that its ``forward`` computes.

torch can trace any module, but takes seconds for one; this takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.export.onnx_graph import OnnxGraph
from evonas.types import Doubles, Floats, Task
from search_spaces.cell.network import Cell, Network
from search_spaces.cell.operations import Halve, Residual


@dataclass(frozen=True, eq=False)
class OnnxProgram(ExportedModel):
    """Network of cells as a graph.

    Attributes:
        task: The task.
        target: Purpose of the program.
        network: The network.
    """

    task: Task
    target: ExportTarget
    network: Network

    def compile(self) -> nn.Module:
        """Return the network."""
        return self.network

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """Return the one file of the program."""
        graph, scaling = OnnxGraph(), self.target.scaling
        mean, std = (np.array(value, np.float64) for value in (scaling.mean, scaling.std))
        entry: Floats | Doubles = mean if self.target.takes_doubles else mean.astype(np.float32)
        x = _affine(graph, graph.centred("input", entry), 1 / std, (entry - mean) / std)
        y = _network(graph, self.network, x)
        _affine(graph, y, np.array(scaling.target_std), np.array(scaling.target_mean), "output")
        return {".onnx": graph.serialised(
            self.target.name, self.task.input_shape, (self.task.n_outputs,), remarks, doubles=self.target.takes_doubles
        )}


def write_probe(modules: Sequence[nn.Module], shape: tuple[int, int, int], *, keeps: bool) -> dict[str, bytes]:
    """Write copies of one operation as they occur in a network; contents by suffix.

    If the operation keeps the shape of the image, each copy takes the sum of all before it; otherwise all take the same
    image.

    Args:
        modules: The copies.
        shape: Shape of an image, ``(channels, height, width)``.
        keeps: Whether the output has the shape of the input.
    """
    graph, total, x = OnnxGraph(), "", "input"
    for index, module in enumerate(modules):
        y = add_module(graph, module, x)
        total = graph.add("Add", [total or x, y]) if index or keeps else y
        if keeps:
            x = total
        elif not any(isinstance(part, nn.Conv2d) for part in module.modules()):
            # The runtime would run only one of several equal nodes with equal inputs.
            x = graph.add("Add", [x, graph.constant(np.array(1.0, np.float32))])
    graph.add("Identity", [total], "output")
    return {".onnx": graph.serialised("probe", shape, (shape[0], "height", "width"))}


def add_module(graph: OnnxGraph, module: nn.Module, x: str) -> str:
    """Add the nodes of a module that is not a cell, and return the name of its output.

    Args:
        graph: Gets the nodes.
        module: The module.
        x: Name of its input, ``(n, channels, height, width)``.

    Raises:
        TypeError: No ONNX nodes are known for the module.
    """
    match module:
        case nn.Sequential():
            for part in module:
                x = add_module(graph, part, x)
            return x
        case nn.Identity():
            return x
        case nn.ReLU():
            return graph.add("Relu", [x])
        case nn.Conv2d():
            return _convolution(graph, module, x)
        case nn.BatchNorm2d():
            return _norm(graph, module, x)
        case nn.MaxPool2d():
            return graph.add("MaxPool", [x], **_window(module))
        case nn.AvgPool2d():
            return graph.add("AveragePool", [x], **_window(module), count_include_pad=0)
        case Halve():
            return _halve(graph, module, x)
        case Residual():
            ends = [add_module(graph, part, x) for part in (module.body, module.shortcut)]
            return graph.add("Add", ends)
    raise TypeError(f"no ONNX nodes are known for {type(module).__name__}")


def _network(graph: OnnxGraph, network: Network, x: str) -> str:
    x = add_module(graph, network.stem, x)
    if network.layout.set.skeleton == "nasbench201":
        for index, cell in enumerate(network.cells):
            if str(index) in network.residuals:
                x = add_module(graph, network.residuals[str(index)], x)
            x = _cell(graph, _as_cell(cell), [x])
        x = graph.add("Relu", [add_module(graph, network.last_norm, x)])
    else:
        before = last = graph.add("Relu", [x])
        for index, cell in enumerate(network.cells):
            x = _cell(graph, _as_cell(cell), [before, last])
            if index + 1 < len(network.cells):
                before, last = last, graph.add("Relu", [x])
    flat = graph.add("Flatten", [graph.add("GlobalAveragePool", [x])])
    weight, bias = (graph.constant(_array(value)) for value in (network.classifier.weight, network.classifier.bias))
    return graph.add("Gemm", [flat, weight, bias], transB=1)


def _cell(graph: OnnxGraph, cell: Cell, inputs: Sequence[str]) -> str:
    states = [add_module(graph, entry, x) for entry, x in zip(cell.entries, inputs, strict=False)] or [*inputs]
    rectified: dict[int, str] = {}
    for into in cell.into:
        ends = []
        for _, source, candidates in into:
            for candidate in candidates:
                if candidate.rectifies and source not in rectified:
                    rectified[source] = graph.add("Relu", [states[source]])
                x = rectified[source] if candidate.rectifies else states[source]
                ends.append(add_module(graph, candidate.module, x))
        states.append(_sum(graph, ends) if ends else _zeros(graph, cell))
    if cell.layout.set.skeleton == "darts":
        return graph.add("Concat", states[cell.layout.set.n_inputs :], axis=1)
    return states[-1]


def _as_cell(module: nn.Module) -> Cell:
    assert isinstance(module, Cell)
    return module


def _sum(graph: OnnxGraph, ends: Sequence[str]) -> str:
    total = ends[0]
    for end in ends[1:]:
        total = graph.add("Add", [total, end])
    return total


def _zeros(graph: OnnxGraph, cell: Cell) -> str:
    """Add the value of a node that no edge enters."""
    shape = graph.constant(np.array([cell.place.nodes.channels, *cell.place.nodes.size], np.int64))
    n = graph.add("Shape", ["input"], start=0, end=1)
    return graph.add("ConstantOfShape", [graph.add("Concat", [n, shape], axis=0)])


def _convolution(graph: OnnxGraph, module: nn.Conv2d, x: str) -> str:
    assert isinstance(module.padding, tuple)
    return graph.add(
        "Conv", [x, graph.constant(_array(module.weight))], kernel_shape=module.kernel_size, strides=module.stride,
        pads=module.padding * 2, dilations=module.dilation, group=module.groups,
    )


def _norm(graph: OnnxGraph, module: nn.BatchNorm2d, x: str) -> str:
    n = module.num_features
    gain = np.ones(n, np.float32) if module.weight is None else _array(module.weight)
    shift = np.zeros(n, np.float32) if module.bias is None else _array(module.bias)
    assert module.running_mean is not None
    assert module.running_var is not None
    values = (gain, shift, _array(module.running_mean), _array(module.running_var))
    return graph.add("BatchNormalization", [x, *(graph.constant(v) for v in values)], epsilon=module.eps)


def _window(module: nn.MaxPool2d | nn.AvgPool2d) -> dict[str, Any]:
    kernel, stride, padding = (
        value if isinstance(value, tuple) else (value, value)
        for value in (module.kernel_size, module.stride, module.padding)
    )
    return {"kernel_shape": kernel, "strides": stride, "pads": padding * 2, "ceil_mode": int(module.ceil_mode)}


def _halve(graph: OnnxGraph, module: Halve, x: str) -> str:
    """Add the nodes that halve an image.

    If sides are even, an image without its first row and column has the same half as one whose last row and column are
    zeros.

    Args:
        graph: Gets the nodes.
        module: The module.
        x: Name of its input.
    """
    pads = graph.constant(np.array([0, 0, -1, -1, 0, 0, 1, 1], np.int64))
    ends = [_convolution(graph, module.even, x), _convolution(graph, module.odd, graph.add("Pad", [x, pads]))]
    return _norm(graph, module.norm, graph.add("Concat", ends, axis=1))


def _affine(graph: OnnxGraph, x: str, factor: Doubles, summand: Doubles, output: str | None = None) -> str:
    factor_, summand_ = (graph.constant(values.astype(np.float32)) for values in (factor, summand))
    return graph.add("Add", [graph.add("Mul", [x, factor_]), summand_], output)


def _array(tensor: Tensor) -> Floats:
    return tensor.detach().numpy()
