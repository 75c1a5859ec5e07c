"""Launching the same kernels again and again."""

from __future__ import annotations

from collections.abc import Callable

import torch

#: Fewest steps of one structure for which a CUDA graph is recorded: to record one takes about as long as they do.
RECORDED = 8


class Launch:
    """Launches a step many times; on a GPU from a CUDA graph, once it is clear that it will be used.

    Args:
        step: Launches a step. What it reads and writes keeps its place.
        device: The device.
    """

    def __init__(self, step: Callable[[], None], device: torch.device) -> None:
        self._step, self._device = step, device
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, n: int, *, remaining: int) -> None:
        """Take ``n`` steps of the ``remaining`` ones of this structure, and wait for them."""
        if self._device.type != "cuda":
            for _ in range(n):
                self._step()
            return
        if self._graph is None and remaining >= RECORDED:
            self._step()  # compiles the kernels, which cannot be done while a graph is recorded
            n -= 1
            torch.cuda.synchronize(self._device)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._step()
        for _ in range(n):
            if self._graph is None:
                self._step()
            else:
                self._graph.replay()
        torch.cuda.synchronize(self._device)
