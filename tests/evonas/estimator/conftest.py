"""Small samples, and as little searching as can learn them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

#: Also learns the blobs of scikit-learn's checks.
TINY: dict[str, Any] = {"generations": 0, "population": 2, "epochs": 100}


@pytest.fixture(scope="session")
def images() -> tuple[np.ndarray, np.ndarray]:
    """Grey images with a bright left or right half, and their names."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 60, (60, 6, 8), dtype=np.uint8)
    right = np.arange(60) % 2
    x[right == 0, :, :4] += 150
    x[right == 1, :, 4:] += 150
    return x, np.array(["left", "right"])[right]


@pytest.fixture(scope="session")
def line() -> tuple[np.ndarray, np.ndarray]:
    """Rows of three features, and a target that is linear in them, far from 0."""
    x = np.random.default_rng(1).normal(size=(80, 3))
    return x, 1000 + x @ [30.0, -20.0, 5.0]
