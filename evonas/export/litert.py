"""Networks as LiteRT, formerly TensorFlow Lite; the optional package litert-torch converts them."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.data.samples import Scaling
from evonas.types import Task, UserError


class InFloats(nn.Module):
    """Normalisation of float32 inputs, the network, and inversion of the normalisation of regression targets.

    Args:
        network: Maps normalised inputs to logits or standardised targets.
        scaling: Scaling whose inputs float32 can hold.
    """

    mean: Tensor
    inverse_std: Tensor
    correction: Tensor
    fill: Tensor | None
    target_mean: Tensor
    target_std: Tensor

    def __init__(self, network: nn.Module, scaling: Scaling) -> None:
        super().__init__()
        self.network = network
        mean, std = (np.array(value, np.float64) for value in (scaling.mean, scaling.std))
        entry = mean.astype(np.float32)
        values = {
            "mean": entry, "inverse_std": 1 / std, "correction": (entry - mean) / std,
            "target_mean": scaling.target_mean, "target_std": scaling.target_std,
        }
        for name, value in values.items():
            self.register_buffer(name, torch.tensor(np.array(value), dtype=torch.float32))
        self.register_buffer("fill", None if scaling.fill is None else torch.tensor(scaling.fill, dtype=torch.float32))
        self._restores = (scaling.target_mean, scaling.target_std) != (0.0, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)``, float32."""
        if self.fill is not None:
            x = torch.where(x != x, self.fill, x)  # only a missing value differs from itself
        outputs: Tensor = self.network((x - self.mean) * self.inverse_std + self.correction)
        return outputs * self.target_std + self.target_mean if self._restores else outputs


@dataclass(frozen=True, eq=False)
class LiteRtProgram(ExportedModel):
    """A network in the format of LiteRT.

    Attributes:
        module: The network.
        converted: The same network, as it is converted.
        task: The task.
        target: Purpose of the program.
    """

    module: nn.Module
    converted: nn.Module
    task: Task
    target: ExportTarget

    def compile(self) -> nn.Module:
        """The network."""
        return self.module

    def files(self, remarks: Sequence[str]) -> dict[str, bytes]:
        """The contents of the file ``.tflite``, for one sample at a time; it has no room for remarks.

        Raises:
            UserError: The converter does not know an operation of the network.
        """
        module, sample = InFloats(self.converted, self.target.scaling).eval(), torch.zeros(1, *self.task.input_shape)
        with tempfile.TemporaryDirectory(prefix="evonas-") as folder, _quiet():
            import litert_torch

            path = Path(folder) / "network.tflite"
            try:
                litert_torch.convert(module, (sample,)).export(str(path))
            except Exception as error:
                said = (str(error).strip() or "no message").splitlines()[0]
                raise UserError(f"this network cannot be exported as tflite: litert-torch says "
                                f"{type(error).__name__}: {said[:300]}; export it as onnx") from error
            return {".tflite": path.read_bytes()}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the progress and the warnings of the converter."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
