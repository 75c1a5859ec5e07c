"""Exported ONNX in onnxruntime, on one thread."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from evonas.runtimes.timing import BLOCK_SECONDS, N_BLOCKS, TIMED_SAMPLES, Timing, summary, timed_core
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
        with ThreadPoolExecutor(1) as pool:  # a separate thread, so that the affinity ends with it
            return pool.submit(self._time, self._typed(inputs[:TIMED_SAMPLES])).result()

    def _typed(self, inputs: Inputs) -> Floats | Doubles:
        """Inputs in the type of the graph's input."""
        takes_doubles = self.session.get_inputs()[0].type == "tensor(double)"
        return inputs.astype(np.float64) if takes_doubles else inputs.astype(np.float32)

    def _time(self, inputs: Floats | Doubles) -> Timing:
        core = timed_core()
        if core is not None:
            os.sched_setaffinity(0, {core})
        samples = [inputs[i : i + 1] for i in range(len(inputs))]

        def block(n_runs: int) -> float:
            begin = time.thread_time()
            for i in range(n_runs):
                self.session.run(["output"], {"input": samples[i % len(samples)]})
            return (time.thread_time() - begin) / n_runs

        rough = [block(20) for _ in range(5)]  # also the warm-up
        n_runs = max(1, round(BLOCK_SECONDS / max(float(np.median(rough)), 1e-9)))
        return summary([block(n_runs) for _ in range(N_BLOCKS)])


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
