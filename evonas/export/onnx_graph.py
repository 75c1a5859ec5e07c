"""Networks as ONNX graphs, node by node. The optional package onnx is imported only when a graph is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

#: The first versions with LayerNormalization.
OPSET, IR_VERSION = 17, 8


class OnnxGraph:
    """A graph from ``input`` to ``output``, float32 with samples along the first axis; nodes in order of execution."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node, and return the name of its output.

        Args:
            operator: Operator of ONNX.
            inputs: Names of the inputs.
            output: Name of the output; None creates a unique one.
            attributes: Attributes of the node.
        """
        from onnx import helper

        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, values: NDArray[Any], name: str | None = None) -> str:
        """Add a constant, and return its name; None creates a unique one."""
        from onnx import numpy_helper

        name = name or f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def centred(self, x: str, mean: NDArray[Any]) -> str:
        """Subtract a mean of the type of ``x``, and return the name of the result, which is float32."""
        from onnx import TensorProto

        centred = self.add("Sub", [x, self.constant(mean)])
        return centred if mean.dtype == np.float32 else self.add("Cast", [centred], to=TensorProto.FLOAT)

    def imputed(self, x: str, fill: NDArray[Any]) -> str:
        """Replace NaN by values of the type of ``x``, and return the name of the result."""
        return self.add("Where", [self.add("IsNaN", [x]), self.constant(fill), x])

    def serialised(
        self, name: str, input_shape: Sequence[int], output_shape: Sequence[int | str], remarks: Sequence[str] = (), *,
        doubles: bool = False,
    ) -> bytes:
        """The contents of an ``.onnx`` file.

        Args:
            name: Name of the graph.
            input_shape, output_shape: Shapes of one sample; a size that follows from the graph may be a name.
            remarks: Lines of the model's documentation.
            doubles: Whether the input is float64.
        """
        from onnx import TensorProto, checker, helper

        ends = [
            helper.make_tensor_value_info(end, type_, ["n", *shape])
            for end, type_, shape in (
                ("input", TensorProto.DOUBLE if doubles else TensorProto.FLOAT, input_shape),
                ("output", TensorProto.FLOAT, output_shape),
            )
        ]
        model = helper.make_model(
            helper.make_graph(self._nodes, name, ends[:1], ends[1:], self._constants),
            opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="evonas",
            doc_string="\n".join(remarks),
        )
        checker.check_model(model)
        return bytes(model.SerializeToString())
