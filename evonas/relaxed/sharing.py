"""Weight sharing without relaxation: paths through a supernet. No torch.

SPOS (Guo 2019, https://arxiv.org/abs/1904.00420) and FairNAS (Chu 2019, https://arxiv.org/abs/1907.01845). A path is
one operation a row: columns of ``arch``, shape ``(n_choices,)``.
"""

from __future__ import annotations

import numpy as np

from evonas.types import Floats, Ints


def uniform_path(n_choices: int, n_operations: int, rng: np.random.Generator) -> Ints:
    """Every operation of every row with equal probability (SPOS)."""
    return rng.integers(n_operations, size=n_choices)


def fair_paths(n_choices: int, n_operations: int, rng: np.random.Generator) -> Ints:
    """Paths of one training step, ``(n_operations, n_choices)``: of every row each operation once (FairNAS)."""
    ordered = np.tile(np.arange(n_operations), (n_choices, 1))
    return rng.permuted(ordered, axis=1).T


def one_hot(path: Ints, n_operations: int) -> Floats:
    """Rows of ``arch`` that run a path, ``(n_choices, n_operations)``."""
    return np.eye(n_operations, dtype=np.float32)[path]
