"""Networks for other runtimes: the parts that make the space an :class:`evonas.capabilities.export.Exportable`.

- ``arithmetic``: numbers as a device uses them
- ``ordering``: the order of neurons; ``layout``: the places of weights and activations; ``maps``: shared weights, each
  stored once
- ``integers``, with ``fixed_point``: networks of integers alone; ``integer_rounding``, with ``integer_norms``: how
  trained networks become such
- ``integer_program``, with ``integer_layout``, ``integer_edges`` and ``c_integer``: their C; ``integer_module``: the
  same in torch
- ``c_program``, with ``c_source``, ``c_activation``, ``c_maps`` and ``c_tiles``: C99; ``onnx_program``: ONNX
"""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from evonas.capabilities.export import ExportedModel, ExportTarget, Precision
from evonas.types import Task
from search_spaces.neuron.export.c_program import c_program
from search_spaces.neuron.export.integer_program import integer_program
from search_spaces.neuron.export.onnx_program import onnx_program
from search_spaces.neuron.trainer.base import Network

Writer: TypeAlias = Callable[[Network, Task, ExportTarget], ExportedModel]


class Format(NamedTuple):
    """Format of exported networks.

    Attributes:
        write: Makes the program.
        precisions: What its programs can compute with.
    """

    write: Writer
    precisions: Sequence[Precision]


def _c(network: Network, task: Task, target: ExportTarget) -> ExportedModel:
    """Return a program of floats or of integers.

    Args:
        network: The network.
        task: The task.
        target: Purpose of the program.
    """
    write: Writer = c_program if target.integers is None else integer_program
    return write(network, task, target)


FORMATS: MappingProxyType[str, Format] = MappingProxyType({
    "c": Format(_c, ("float32", "int8", "int4", "ternary", "int8-weights")), "onnx": Format(onnx_program, ("float32",))
})

__all__ = ["FORMATS", "Format"]
