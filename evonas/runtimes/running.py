"""An exported network in execution, independent of its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.compiled import compiled
from evonas.runtimes.litert_session import litert_session
from evonas.runtimes.onnx_session import onnx_session
from evonas.runtimes.timing import Timing
from evonas.types import Floats, Inputs


class RunningNetwork(Protocol):
    """A network that takes samples as :func:`evonas.export.data_units.inputs_of` gives them."""

    def run(self, inputs: Inputs) -> Floats:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)``, in the data's own units."""
        ...

    def time(self, inputs: Inputs) -> Timing:
        """CPU time per sample on one core, over the first of ``inputs`` in turn."""
        ...


@contextmanager
def running(
    files: Mapping[str, bytes], format: str, target: ExportTarget, n_outputs: int, *, portable: bool = False
) -> Iterator[RunningNetwork]:
    """The program in files of :meth:`evonas.capabilities.export.ExportedModel.files`, running in the context.

    Args:
        files: Contents by suffix.
        format: Name of the format.
        target: Target of the export.
        n_outputs: Number of outputs per sample.
        portable: Whether to leave out code for this machine's type of processor; for C only.

    Raises:
        UserError: The runtime of this format is not installed, or it refuses the network.
    """
    if format == "c":
        with compiled(files, target.name, n_outputs, stem=target.stem, portable=portable) as program:
            yield program
    elif format == "tflite":
        with litert_session(files) as interpreter:
            yield interpreter
    else:
        with onnx_session(files) as session:
            yield session
