"""ONNX of any network, traced by torch from the compiled module."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.export.module import InDataUnits
from evonas.types import Task

OPSET = 18


@dataclass(frozen=True, eq=False)
class TracedProgram(ExportedModel):
    """A module as a graph for spaces without their own format.

    Attributes:
        module: The module.
        task: The task.
        target: Target of the export.
    """

    module: nn.Module
    task: Task
    target: ExportTarget

    def compile(self) -> nn.Module:
        """The module."""
        return self.module

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """The contents of the file ``.onnx``."""
        module = InDataUnits(self.module, self.target.scaling).eval()
        sample = torch.zeros(
            2, *self.task.input_shape, dtype=torch.float64 if self.target.takes_doubles else torch.float32
        )
        with warnings.catch_warnings(), _silent(logging.getLogger("torch.onnx")):
            warnings.simplefilter("ignore")  # torch warns about its own internals
            program = torch.onnx.export(
                module, (sample,), input_names=["input"], output_names=["output"], opset_version=OPSET, dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("n")},), verbose=False,
            )
        assert program is not None
        model = program.model_proto
        _forget_traces(model)
        model.producer_name, model.doc_string = "evonas", "\n".join(remarks)
        return {".onnx": model.SerializeToString()}


def _forget_traces(part: Any) -> None:
    """Remove what torch notes of the making of a model and all its parts: files of this machine, line by line.

    Args:
        part: A message of ONNX's protocol.
    """
    for field, value in part.ListFields():
        if field.name in ("metadata_props", "doc_string"):
            part.ClearField(field.name)
        elif field.message_type is not None:
            for inner in [value] if hasattr(value, "ListFields") else value:
                _forget_traces(inner)


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
