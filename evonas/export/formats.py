"""Export of a trained genotype as a program, for any search space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evonas.capabilities.export import Exportable, ExportedModel, ExportTarget, Precision
from evonas.runtimes.onnx_session import require_onnx
from evonas.space import G, SearchSpace
from evonas.types import Task, UserError, Weights


def program_formats(space: SearchSpace[Any]) -> dict[str, Sequence[Precision]]:
    """The precisions by format: the space's own formats, and ``onnx`` for any network."""
    own = space.formats if isinstance(space, Exportable) else {}
    return {"onnx": ("float32",), **own}


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
    try:
        if isinstance(space, Exportable) and format in space.formats:
            return space.export(genotype, weights, format, target)
        from evonas.export.traced import TracedProgram  # imports torch

        return TracedProgram(space.compile(genotype, weights), task, target)
    except ValueError as error:
        raise UserError(f"this network cannot be exported: {error}") from error
