"""Exported LiteRT in its interpreter, on one thread, one sample at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from evonas.runtimes.timing import TIMED_SAMPLES, Timing, time_runs
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
        return time_runs(lambda i: self._one(samples[i]), len(samples))

    def _one(self, sample: Floats) -> Floats:
        (input_,), (output,) = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        self.interpreter.set_tensor(input_["index"], sample)
        self.interpreter.invoke()
        values: Floats = self.interpreter.get_tensor(output["index"])
        return values


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
