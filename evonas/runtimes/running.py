"""An exported network at work, whatever its format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.compiled import compiled
from evonas.runtimes.onnx_session import onnx_session
from evonas.runtimes.timing import Timing
from evonas.types import Floats, Inputs


class RunningNetwork(Protocol):
    """Takes samples as :func:`evonas.export.data_units.inputs_of` gives them."""

    def run(self, inputs: Inputs) -> Floats:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)``, in the data's own units."""
        ...

    def time(self, inputs: Inputs) -> Timing:
        """CPU time of one sample on one core; the first of ``inputs`` take turns."""
        ...


@contextmanager
def running(
    files: Mapping[str, bytes], format: str, target: ExportTarget, n_outputs: int, *, portable: bool = False
) -> Iterator[RunningNetwork]:
    """What :meth:`evonas.capabilities.export.Program.files` gave, at work as long as the context lasts.

    Args:
        portable: Of C: without what it has for this machine's kind of processor only.

    Raises:
        UserError: What runs this format is not installed, or it refuses the network.
    """
    if format == "c":
        with compiled(files, target.name, n_outputs, stem=target.stem, portable=portable) as program:
            yield program
    else:
        with onnx_session(files) as session:
            yield session
