"""ONNX of any network, traced by torch from the compiled module."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from evonas.capabilities.export import ExportTarget
from evonas.export.module import InDataUnits
from evonas.types import Doubles, Floats, Task

OPSET = 18


@dataclass(frozen=True, eq=False)
class TracedProgram:
    """A module as a graph: an :class:`evonas.capabilities.export.ExportedModel` for spaces without their own format.

    Attributes:
        module: The module.
        task: The task.
        target: Target of the export.
    """

    module: nn.Module
    task: Task
    target: ExportTarget

    @property
    def sizes(self) -> Mapping[str, int]:
        """Sizes in memory; empty, because they depend on the runtime."""
        return {}

    def compile(self) -> nn.Module:
        """The module."""
        return self.module

    def in_data_units(self, outputs: Floats) -> Doubles:
        """Return the outputs, ``(n, n_outputs)``, as they are."""
        return outputs.astype(np.float64)

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
        model.producer_name, model.doc_string = "evonas", "\n".join(remarks)
        return {".onnx": model.SerializeToString()}


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
