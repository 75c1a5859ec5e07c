"""Exported ONNX in onnxruntime, on one thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from evonas.runtimes.timing import TIMED_SAMPLES, Timing, time_runs
from evonas.types import Doubles, Floats, Inputs, UserError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def require_onnx() -> None:
    """Check that the optional packages are installed.

    Raises:
        UserError: They are not.
    """
    missing = [name for name in ("onnx", "onnxruntime", "onnxscript") if find_spec(name) is None]
    if missing:
        raise UserError(f"the format onnx needs {' and '.join(missing)}: pip install 'evonas[onnx]'")


@dataclass(frozen=True)
class OnnxNetwork:
    """A network in an open session of onnxruntime.

    Attributes:
        session: The session.
    """

    session: InferenceSession

    def run(self, inputs: Inputs) -> Floats:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)`` in the data's own units."""
        outputs: Floats = self.session.run(["output"], {"input": self._typed(inputs)})[0]
        return outputs

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.session.get_inputs()[0].shape[1:])

    def time(self, inputs: Inputs) -> Timing:
        """CPU time per sample, one sample at a time, pinned to one core if the system supports it."""
        typed = self._typed(inputs[:TIMED_SAMPLES])
        samples = [typed[i : i + 1] for i in range(len(typed))]
        return time_runs(lambda i: self.session.run(["output"], {"input": samples[i]}), len(samples))

    def _typed(self, inputs: Inputs) -> Floats | Doubles:
        """Inputs in the type of the graph's input."""
        takes_doubles = self.session.get_inputs()[0].type == "tensor(double)"
        return inputs.astype(np.float64) if takes_doubles else inputs.astype(np.float32)


@contextmanager
def onnx_session(files: Mapping[str, bytes]) -> Iterator[OnnxNetwork]:
    """The network in exported files, open as long as the context lasts.

    Raises:
        UserError: onnxruntime is not installed.
    """
    require_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    yield OnnxNetwork(onnxruntime.InferenceSession(files[".onnx"], options, providers=["CPUExecutionProvider"]))
