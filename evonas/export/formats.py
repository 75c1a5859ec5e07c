"""Export of a trained genotype as a program, for any search space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evonas.capabilities.export import Exportable, ExportedModel, ExportTarget, Precision
from evonas.capabilities.layers import Lowerable
from evonas.runtimes.litert_session import require_litert
from evonas.runtimes.onnx_session import require_onnx
from evonas.space import G, SearchSpace
from evonas.types import Task, UserError, Weights

if TYPE_CHECKING:
    from torch import nn


def program_formats(space: SearchSpace[Any]) -> dict[str, Sequence[Precision]]:
    """The precisions by format: the space's own, ``onnx`` and ``tflite`` for all, ``c`` for layers."""
    own = space.formats if isinstance(space, Exportable) else {}
    layers: dict[str, Sequence[Precision]] = {"c": ("float32", "int8-weights")} if isinstance(space, Lowerable) else {}
    return {"onnx": ("float32",), "tflite": ("float32",), **layers, **own}


def make_program(
    space: SearchSpace[G], task: Task, genotype: G, weights: Weights, format: str, target: ExportTarget
) -> ExportedModel:
    """A network in one of :func:`program_formats`.

    Args:
        space: Search space of the genotype.
        task: The task.
        genotype: The genotype.
        weights: Its weights.
        format: Name of the format.
        target: Target of the export.

    Raises:
        UserError: A package that the format needs is not installed, or this network cannot be written.
    """
    if format == "onnx":
        require_onnx()
    elif format == "tflite":
        require_litert()
    try:
        if isinstance(space, Exportable) and format in space.formats:
            return space.export(genotype, weights, format, target)
        module = space.compile(genotype, weights)
        if format == "c":
            from evonas.export.layers.c_program import layer_program  # imports torch

            assert isinstance(space, Lowerable)
            return layer_program(space.layers(genotype, weights), module, task, target)
        if format == "tflite":
            return _as_litert(space, task, genotype, weights, module, target)
        from evonas.export.traced import TracedProgram  # imports torch

        return TracedProgram(module, task, target)
    except ValueError as error:
        raise UserError(f"this network cannot be exported: {error}") from error


def _as_litert(
    space: SearchSpace[G], task: Task, genotype: G, weights: Weights, module: nn.Module, target: ExportTarget
) -> ExportedModel:
    """A network for LiteRT, from its layers where the space says them: the converter knows all that these call.

    Args:
        space: Search space of the genotype.
        task: The task.
        genotype: The genotype.
        weights: Its weights.
        module: Its network.
        target: Target of the export.

    Raises:
        ValueError: The inputs need float64.
    """
    from evonas.export.layers.module import LayerModule  # imports torch
    from evonas.export.litert import LiteRtProgram

    if target.takes_doubles:
        raise ValueError("its inputs are too far from 0 for float32, which is all that LiteRT takes: export it as onnx")
    converted = LayerModule(space.layers(genotype, weights)) if isinstance(space, Lowerable) else module
    return LiteRtProgram(module, converted, task, target)
