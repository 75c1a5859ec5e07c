"""Networks as ONNX graphs: one dense product for each layer.

Gathering the sources of each edge would make a file of a fifth to a twentieth the size, and takes 1.4 times as long in
onnxruntime for 800 edges, 3.5 times for 21 000 and 7 times for 95 000: its gathers copy element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.export.onnx_graph import OnnxGraph
from evonas.types import Task
from search_spaces.neuron.export.arithmetic import Arithmetic, arithmetic
from search_spaces.neuron.export.ordering import kinds_together
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.trainer.base import NORM_EPSILON, Network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class OnnxProgram(ExportedModel):
    """Network as a graph.

    Attributes:
        task: The task.
        target: Purpose of the program.
        numbers: Stored numbers.
    """

    task: Task
    target: ExportTarget
    numbers: Arithmetic

    def compile(self) -> nn.Module:
        """Return the same network."""
        from search_spaces.neuron.module import NeuronModule

        return NeuronModule(self.numbers.network)

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """Return the one file of the program."""
        graph = OnnxGraph()
        graph.add("Flatten", ["input"], "values", axis=1)
        self._layers(graph, self._entered(graph))
        return {".onnx": graph.serialised(
            self.target.name, self.task.input_shape, (self.task.n_outputs,), remarks, doubles=self.target.takes_doubles
        )}

    def _entered(self, graph: OnnxGraph) -> str:
        """Return the name of the values that the weights multiply."""
        if self.numbers.mean is None or self.numbers.inverse_std is None:
            return "values"
        values = "values" if self.numbers.imputed is None else graph.imputed("values", self.numbers.imputed)
        centred = graph.centred(values, self.numbers.mean)
        graph.add("Mul", [centred, graph.constant(self.numbers.inverse_std, "inverse_std")], "normalised")
        return "normalised"

    def _layers(self, graph: OnnxGraph, inputs: str) -> None:
        network, offset = self.numbers.network, self.numbers.offset
        genotype, known = network.genotype, [inputs]
        target = genotype.edges[:, 1]
        for layer, (first, last) in enumerate(pairwise(genotype.layer_offsets[1:].tolist()), start=1):
            edges = slice(*np.searchsorted(target, [first, last]).tolist())
            matrix = np.zeros((first, last - first), np.float32)
            matrix[genotype.edges[edges, 0], target[edges] - first] = self.numbers.weights.values[edges]
            rows = slice(first - genotype.n_inputs, last - genotype.n_inputs)
            source = known[0] if len(known) == 1 else graph.add("Concat", known, f"known_{layer}", axis=1)
            graph.add("MatMul", [source, graph.constant(matrix, f"weights_{layer}")], f"product_{layer}")
            end = "output" if layer == genotype.depth else f"sum_{layer}"
            graph.add("Add", [f"product_{layer}", graph.constant(offset[rows], f"offset_{layer}")], end)
            if layer < genotype.depth:
                known.append(self._activated(graph, end, layer, rows))

    def _activated(self, graph: OnnxGraph, sums: str, layer: int, rows: slice) -> str:
        """Add the activations of a layer whose neurons are in the order of their activations: one piece for each.

        Args:
            graph: Gets the nodes.
            sums: Name of the weighted sums.
            layer: The layer.
            rows: Rows of the layer.
        """
        kinds = self.numbers.network.genotype.activations[rows]
        ends = [0, *np.searchsorted(kinds, list(Activation), side="right").tolist()]
        present = [kind for kind in Activation if ends[kind] < ends[kind + 1]]
        if len(present) == 1:
            return self._piece(graph, sums, present[0], f"hidden_{layer}", rows)
        pieces = []
        for kind in present:
            first, last, name = ends[kind], ends[kind + 1], f"hidden_{layer}_{kind.name.lower()}"
            bounds = [graph.constant(np.array([at], np.int64)) for at in (first, last, 1)]
            part = graph.add("Slice", [sums, *bounds], f"{name}_sum")
            pieces.append(self._piece(graph, part, kind, name, slice(rows.start + first, rows.start + last)))
        return graph.add("Concat", pieces, f"hidden_{layer}", axis=1)

    def _piece(self, graph: OnnxGraph, sums: str, kind: Activation, name: str, rows: slice) -> str:
        if kind == Activation.LINEAR:
            return sums
        return graph.add("Relu", [self._normed(graph, sums, name, rows) if kind == Activation.NORM else sums], name)

    def _normed(self, graph: OnnxGraph, sums: str, name: str, rows: slice) -> str:
        network = self.numbers.network
        affine = network.norm == "layer-affine"
        gain = network.gain[rows] if affine else np.ones(rows.stop - rows.start, np.float32)
        inputs = [sums, graph.constant(gain, f"{name}_gain")]
        if affine:
            inputs.append(graph.constant(network.bias[rows], f"{name}_bias"))
        return graph.add("LayerNormalization", inputs, f"{name}_normed", axis=-1, epsilon=NORM_EPSILON)


def onnx_program(network: Network, task: Task, target: ExportTarget) -> OnnxProgram:
    """Fold the normalisation into the parameters.

    Args:
        network: The network.
        task: The task.
        target: Precision and input type.

    Raises:
        ValueError: A parameter is not finite.
    """
    network = kinds_together(network)
    return OnnxProgram(task, target, arithmetic(network, target.scaling, task.input_shape, target.precision))
