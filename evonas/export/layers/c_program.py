"""Networks of layers as C99: one source and one header, without a heap and without a library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.capabilities.layers import AveragePool, Convolution, LayerGraph, Linear, Shape, Sides
from evonas.export import c_frame, c_text
from evonas.export.c_scope import scoped
from evonas.export.layers.c_functions import SOURCE
from evonas.export.layers.folding import fold_scales, point, scaled
from evonas.export.layers.memory import Memory, allocate
from evonas.export.layers.module import LayerModule
from evonas.export.layers.rounding import Rounded, rounded
from evonas.export.layers.steps import Plan, Step, View, plan, window_of
from evonas.export.quantisation import store
from evonas.types import Doubles, Task

#: Functions by what a step does, where they are not called so.
FUNCTIONS = {"average": "pool", "maximum": "pool"}
#: Numbers of a row of shapes.
SHAPE_SIZE = 17
#: Rounding of a mean in deviations that is not corrected: half a unit of float32's last place.
SMALLEST_CORRECTION = 2.0**-24


@dataclass(frozen=True, eq=False)
class LayerProgram(ExportedModel):
    """A network laid out for a device.

    Attributes:
        task: The task.
        target: Purpose of the program.
        module: The network with its stored weights, in the units of the search.
        numbers: Layers with stored weights, the inversion of the normalisation of targets among them.
        plan: Their steps.
        memory: Places of the buffers.
    """

    task: Task
    target: ExportTarget
    module: nn.Module
    numbers: Rounded
    plan: Plan
    memory: Memory

    @property
    def sizes(self) -> dict[str, int]:
        """``flash``, the constant tables, and ``ram``, the static buffer, in bytes; the code is not counted."""
        return {"flash": sum(table.nbytes for table in self._tables.values()), "ram": 4 * self.memory.size}

    def compile(self) -> nn.Module:
        """The network with its stored weights."""
        return self.module

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """The source and the header."""
        source = scoped(self._source(), self.target.name)
        header = c_frame.header(self.task, self.target, self.sizes, remarks)
        return {".c": source.encode("ascii"), ".h": header.encode("ascii")}

    @cached_property
    def _shapes(self) -> NDArray[np.int64]:
        """The distinct rows of the table of shapes, ``(n, SHAPE_SIZE)``."""
        return np.unique(np.array([_row(step, self.plan) for step in self.plan.steps]), axis=0)

    @cached_property
    def _tables(self) -> dict[str, NDArray[Any]]:
        """Constants by name, in the types that they have on the device."""
        shapes = c_text.narrow(self._shapes.ravel())
        if shapes.dtype.itemsize > 2:
            shapes = shapes.astype(np.int32)  # signed, as all that it is compared with
        tables: dict[str, NDArray[Any]] = {"shapes": shapes}
        if self._enters:
            tables |= self._entry
        for node, layer in enumerate(self.numbers.graph.layers, 1):
            if not isinstance(layer, Convolution | Linear):
                continue
            stored = self.numbers.weights[node]
            order = _stored_order(layer, self.numbers.graph.shapes[layer.source])
            tables[f"weights_{node}"] = stored.values[order]
            if stored.scales is not None:
                tables[f"scales_{node}"] = stored.scales
            tables[f"bias_{node}"] = layer.bias.astype(np.float32)
        return tables

    @property
    def _enters(self) -> bool:
        return self.plan.input.buffer in self.memory.places

    @property
    def _entry(self) -> dict[str, NDArray[Any]]:
        """Tables of the normalisation: one number for each channel, or for each input where they differ."""
        scaling, shape = self.target.scaling, self.task.input_shape
        mean, std = (np.broadcast_to(np.array(v, np.float64), shape) for v in (scaling.mean, scaling.std))
        wide = self.target.input_type == "float64"
        entry = mean if wide else mean.astype(np.float32)
        tables = {"mean": entry, "inverse_std": (1 / std).astype(np.float32)}
        correction = (entry - mean) / std
        if np.abs(correction).max() > SMALLEST_CORRECTION:
            tables["correction"] = correction.astype(np.float32)
        if scaling.fill is not None:
            fill = np.broadcast_to(np.array(scaling.fill, np.float64), shape)
            tables["imputed"] = fill if wide else fill.astype(np.float32)
        flat = {name: values.reshape(shape[0], -1) for name, values in tables.items()}
        if all((values == values[:, :1]).all() for values in flat.values()):
            return {name: np.ascontiguousarray(values[:, 0]) for name, values in flat.items()}
        return {name: values.T.ravel() for name, values in flat.items()}

    @property
    def _entered(self) -> str:
        """The expression of an input as the layers take it."""
        tables, n_channels = self._entry, self.task.input_shape[0]
        each = len(tables["mean"]) > n_channels
        at = f"[place * {n_channels} + c]" if each else "[c]"
        value = "value" if "imputed" not in tables else f"(value == value ? value : imputed{at})"
        doubles = self.target.input_type == "float64"
        centred = f"(float)({value} - mean{at})" if doubles else f"((float){value} - mean{at})"
        return f"{centred} * inverse_std{at}" + (f" + correction{at}" if "correction" in tables else "")

    def _source(self) -> str:
        operations = {FUNCTIONS.get(step.operation, step.operation) for step in self.plan.steps}
        features = c_frame.named(self.target) | operations | ({"enter"} if self._enters else set())
        features |= {"windows"} if operations & {"convolve", "convolve_each", "pool"} else set()
        features |= {"pools"} if "pool" in operations else set()
        features |= {"buffered"} if self.memory.size else set()
        features |= {"classify"} if self.task.kind == "classification" else set()
        features |= {"puts"} if operations - {"clear"} else set()
        int8 = any(stored.scales is not None for stored in self.numbers.weights.values())
        types = {stored.values.dtype for stored in self.numbers.weights.values() if (stored.scales is not None) == int8}
        return c_text.fill(SOURCE + c_frame.ENTRY, features, {
            **c_frame.described(self.task, self.target), **c_frame.FLOAT_OUTPUTS, "shape_size": SHAPE_SIZE,
            "shape_type": c_text.c_type(self._tables["shapes"].dtype),
            "weight_type": c_text.c_type(next(iter(types))) if types else "float",
            "tables": "\n".join(c_text.table(name, values) for name, values in self._tables.items()),
            "n_buffered": self.memory.size, "n_places": math.prod(self.task.input_shape[1:]),
            "n_channels": self.task.input_shape[0], "entered": self._entered if self._enters else "",
            "scale_parameter": "const float *scales, " if int8 else "",
            "scaled_output": " * scales[o]" if int8 else "", "scaled_channel": " * scales[c]" if int8 else "",
            "calls": "\n".join(f"    {call};" for call in self._calls()),
        })

    def _calls(self) -> Iterator[str]:
        if self._enters:
            yield f"enter(x, {self._pointer(self.plan.input)})"
        nodes = {id(layer): node for node, layer in enumerate(self.numbers.graph.layers, 1)}
        rows = {tuple(row): index for index, row in enumerate(self._shapes.tolist())}
        for step in self.plan.steps:
            row = rows[tuple(_row(step, self.plan))]
            shape = f"shapes + {row} * SHAPE" if row else "shapes"
            node, bounds = nodes[id(step.layer)], ", ".join(map(_number, step.bounds))
            ends = f"{self._pointer(step.target)}, {shape}"
            if step.source is None:
                yield f"clear({ends})"
                continue
            between = {
                "convolve": self._parameters(node), "convolve_each": self._parameters(node),
                "scale": self._parameters(node), "maximum": "0, 0, ",
                "average": f"1, {int(isinstance(step.layer, AveragePool) and step.layer.counts_padding)}, ",
            }.get(step.operation, "")
            function = FUNCTIONS.get(step.operation, step.operation)
            yield f"{function}({self._pointer(step.source)}, {ends}, {between}{bounds}, {int(step.adds)})"

    def _parameters(self, node: int) -> str:
        names = [name for name in (f"weights_{node}", f"scales_{node}", f"bias_{node}") if name in self._tables]
        return "".join(f"{name}, " for name in names)

    def _pointer(self, view: View) -> str:
        if view.buffer == self.plan.output.buffer:
            base, place = "outputs", view.first
        elif view.buffer in self.memory.places:
            base, place = "buffer", self.memory.places[view.buffer] + view.first
        else:
            base, place = "x", view.first
        return f"{base} + {place}" if place else base


def layer_program(graph: LayerGraph, module: nn.Module, task: Task, target: ExportTarget) -> LayerProgram:
    """Lay a network out.

    Args:
        graph: Its layers.
        module: The same network in torch, which stands for it in float32.
        task: The task.
        target: Purpose of the program.

    Raises:
        ValueError: The graph is for another task, or a parameter is not finite.
    """
    n_inputs, n_outputs = graph.input.n_units, graph.shapes[-1].channels
    if (n_inputs, n_outputs) != (task.n_inputs, task.n_outputs):
        raise ValueError(f"the layers map {n_inputs} inputs to {n_outputs} outputs, expected {task.n_inputs} to "
                         f"{task.n_outputs}")
    graph, scaling = fold_scales(graph), target.scaling
    numbers = rounded(graph, target.precision)
    if target.precision != "float32":
        module = LayerModule(numbers.graph)
    factor, summand = (np.broadcast_to(np.array(v, np.float64), n_outputs) for v in
                       (scaling.target_std, scaling.target_mean))
    if (factor != 1).any() or (summand != 0).any():
        numbers = _restored(numbers, factor, summand)
    steps = plan(numbers.graph)
    elsewhere = {steps.output.buffer} | ({steps.input.buffer} if _is_direct(task, target) else set())
    return LayerProgram(task, target, module, numbers, steps, allocate(steps, elsewhere))


def _restored(numbers: Rounded, factor: Doubles, summand: Doubles) -> Rounded:
    """Layers with one more, which gives predictions in the units of the data."""
    graph, n = numbers.graph, len(factor)
    last = scaled(len(graph.layers), len(graph.input.sides), factor, summand)
    layers = (*graph.layers, last)
    weights = {**numbers.weights, len(layers): store(factor, np.zeros(n, np.int64), 1, np.float32)}
    return Rounded(LayerGraph(graph.input, layers), weights)


def _is_direct(task: Task, target: ExportTarget) -> bool:
    """Whether the layers can read the inputs as they are given."""
    scaling = target.scaling
    plain = (np.array(scaling.mean) == 0).all() and (np.array(scaling.std) == 1).all() and scaling.fill is None
    one_order = task.input_shape[0] == 1 or math.prod(task.input_shape[1:]) == 1
    return bool(plain and one_order and target.input_type == "float32")


def _row(step: Step, plan: Plan) -> list[int]:
    """The row of the table of shapes."""
    source = step.target if step.source is None else step.source
    row: list[int] = []
    for view in (source, step.target):
        row += [*_two(view.shape.sides, 1), view.shape.channels, plan.channels[view.buffer]]
    reads_windows = step.operation in ("convolve", "convolve_each", "average", "maximum")
    window = window_of(step.layer, source.shape) if reads_windows else point(len(source.shape.sides))
    before = tuple(padding[0] for padding in window.padding)
    for values, missing in ((window.kernel, 1), (window.stride, 1), (window.dilation, 1), (before, 0)):
        row += _two(values, missing)
    return [*row, step.layer.groups if step.operation == "convolve" and isinstance(step.layer, Convolution) else 1]


def _two(values: Sides, missing: int) -> list[int]:
    """Numbers for rows and columns; signals have one row, features one place."""
    return [*[missing] * (2 - len(values)), *values]


def _stored_order(layer: Convolution | Linear, source: Shape) -> NDArray[np.int64]:
    """Places of the weights in the layer's own order, in the order in which C reads them."""
    shape = layer.weights.shape if isinstance(layer, Convolution) else (len(layer.bias), source.channels, *source.sides)
    places = np.arange(layer.weights.size).reshape(shape)
    if isinstance(layer, Convolution) and layer.groups == source.channels == len(layer.bias):
        return np.moveaxis(places[:, 0], 0, -1).ravel()
    return np.moveaxis(places, 1, -1).ravel()


def _number(value: float) -> str:
    """A bound in C."""
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"{np.float32(value)!s}f"
