"""Networks as ONNX graphs, node by node. The package onnx is imported when a graph is written: it is optional."""

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
    """From ``input`` to ``output``, float32 with samples along the first axis; nodes in order of execution."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """A node; returns the name of what it gives, by default one that nothing else has."""
        from onnx import helper

        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, values: NDArray[Any], name: str | None = None) -> str:
        """Returns its name, by default one that nothing else has."""
        from onnx import numpy_helper

        name = name or f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def centred(self, x: str, mean: NDArray[Any]) -> str:
        """Without a mean of the type of ``x``, as float32; returns its name."""
        from onnx import TensorProto

        centred = self.add("Sub", [x, self.constant(mean)])
        return centred if mean.dtype == np.float32 else self.add("Cast", [centred], to=TensorProto.FLOAT)

    def imputed(self, x: str, fill: NDArray[Any]) -> str:
        """With values of the type of ``x`` in the place of NaN; returns its name."""
        return self.add("Where", [self.add("IsNaN", [x]), self.constant(fill), x])

    def serialised(
        self, name: str, input_shape: Sequence[int], output_shape: Sequence[int | str], remarks: Sequence[str] = (), *,
        doubles: bool = False,
    ) -> bytes:
        """The contents of an ``.onnx`` file.

        Args:
            input_shape, output_shape: Of one sample; what follows from the graph may be a name.
            remarks: Text for a person to read.
            doubles: The input is float64.
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
