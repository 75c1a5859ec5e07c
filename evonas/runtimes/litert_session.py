"""Exported LiteRT in its interpreter, on one thread, one sample at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from evonas.runtimes.timing import BLOCK_SECONDS, N_BLOCKS, TIMED_SAMPLES, Timing, summary, timed_core
from evonas.types import Floats, Inputs, UserError


def require_litert() -> None:
    """Check that the optional packages are installed.

    Raises:
        UserError: They are not.
    """
    missing = [name for name in ("litert_torch", "ai_edge_litert") if find_spec(name) is None]
    if missing:
        names = " and ".join(name.replace("_", "-") for name in missing)
        raise UserError(f"the format tflite needs {names}: pip install 'evonas[litert]'")


@dataclass(frozen=True)
class LiteRtNetwork:
    """A network in an interpreter.

    Attributes:
        interpreter: The interpreter, with its tensors allocated.
    """

    interpreter: Any

    def run(self, inputs: Inputs) -> Floats:
        """Outputs ``(n, n_outputs)`` of samples ``(n, *input_shape)`` in the data's own units."""
        return np.concatenate([self._one(inputs[i : i + 1].astype(np.float32)) for i in range(len(inputs))])

    def time(self, inputs: Inputs) -> Timing:
        """CPU time per sample, pinned to one core if the system supports it."""
        samples = [inputs[i : i + 1].astype(np.float32) for i in range(min(len(inputs), TIMED_SAMPLES))]
        with ThreadPoolExecutor(1) as pool:  # a separate thread, so that the affinity ends with it
            return pool.submit(self._time, samples).result()

    def _one(self, sample: Floats) -> Floats:
        (input_,), (output,) = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        self.interpreter.set_tensor(input_["index"], sample)
        self.interpreter.invoke()
        values: Floats = self.interpreter.get_tensor(output["index"])
        return values

    def _time(self, samples: list[Floats]) -> Timing:
        core = timed_core()
        if core is not None:
            os.sched_setaffinity(0, {core})

        def block(n_runs: int) -> float:
            begin = time.thread_time()
            for i in range(n_runs):
                self._one(samples[i % len(samples)])
            return (time.thread_time() - begin) / n_runs

        rough = [block(20) for _ in range(5)]  # also the warm-up
        n_runs = max(1, round(BLOCK_SECONDS / max(float(np.median(rough)), 1e-9)))
        return summary([block(n_runs) for _ in range(N_BLOCKS)])


@contextmanager
def litert_session(files: Mapping[str, bytes]) -> Iterator[LiteRtNetwork]:
    """The network in exported files, open as long as the context lasts.

    Raises:
        UserError: The interpreter is not installed.
    """
    require_litert()
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=files[".tflite"], num_threads=1)
    interpreter.allocate_tensors()
    yield LiteRtNetwork(interpreter)
