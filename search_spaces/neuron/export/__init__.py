"""Networks for other runtimes: the parts that make the space an :class:`evonas.capabilities.export.Exportable`.

- ``arithmetic``: numbers as a device uses them
- ``ordering``: the order of neurons; ``layout``: the places of weights and activations; ``maps``: shared weights, each
  stored once
- ``c_program``, with ``c_source``, ``c_activation``, ``c_maps`` and ``c_tiles``: C99; ``onnx_program``: ONNX
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from evonas.capabilities.export import ExportedModel, ExportTarget, Precision
from evonas.types import Task
from search_spaces.neuron.export.c_program import c_program
from search_spaces.neuron.export.onnx_program import onnx_program
from search_spaces.neuron.trainer.base import Network

Writer: TypeAlias = Callable[[Network, Task, ExportTarget], ExportedModel]


class Format(NamedTuple):
    """Format of exported networks.

    Attributes:
        write: Makes the program.
        precisions: Precisions in which it can store weights.
    """

    write: Writer
    precisions: Sequence[Precision]


FORMATS: MappingProxyType[str, Format] = MappingProxyType({
    "c": Format(c_program, ("float32", "int8")), "onnx": Format(onnx_program, ("float32",))
})

__all__ = ["FORMATS", "Format"]
