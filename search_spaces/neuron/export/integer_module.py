"""Network of integers as a module: what its program computes, in the units of the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evonas.capabilities.export import LARGEST_WORD, WORDS_A_DEVIATION

if TYPE_CHECKING:
    from search_spaces.neuron.export.integer_program import IntegerProgram

#: Samples that are computed at once.
CHUNK = 1024


class IntegerModule(nn.Module):
    """Module that runs the integers of a program on the CPU; it has no parameters and no gradient.

    Args:
        program: The program.
    """

    def __init__(self, program: IntegerProgram) -> None:
        super().__init__()
        self._program = program

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``(n, n_outputs)`` for normalised inputs ``(n, *input_shape)``."""
        shape = self._program.task.input_shape
        normalised = x.detach().cpu().numpy().reshape(len(x), *shape)
        found = [self._run(normalised[begin : begin + CHUNK]) for begin in range(0, len(x), CHUNK)]
        outputs = np.concatenate([np.zeros((0, self._program.task.n_outputs)), *found])
        return torch.from_numpy((outputs * self._program.network.output_unit).astype(np.float32)).to(x.device)

    def _run(self, x: NDArray[np.float32]) -> NDArray[np.int64]:
        scaling = self._program.target.scaling
        if self._program.network.takes_bytes:
            return self._program.run(np.clip(np.rint(scaling.restore(x)), 0, 255).astype(np.uint8))
        words = np.clip(np.rint(x.astype(np.float64) * WORDS_A_DEVIATION), -LARGEST_WORD, LARGEST_WORD)
        return self._program.run(words.astype(np.int16))
