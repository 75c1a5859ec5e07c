"""Paths through a supernet."""

from __future__ import annotations

import numpy as np

from evonas.relaxed.sharing import fair_paths, one_hot, uniform_path


def test_uniform_paths_have_every_operation_of_every_row_equally_often() -> None:
    rng = np.random.default_rng(0)
    paths = np.stack([uniform_path(4, 3, rng) for _ in range(6000)])
    assert paths.shape == (6000, 4)
    for row in range(4):
        np.testing.assert_allclose(np.bincount(paths[:, row], minlength=3) / 6000, 1 / 3, atol=0.025)
    assert abs(np.corrcoef(paths[:, 0], paths[:, 1])[0, 1]) < 0.05


def test_fair_paths_have_every_operation_of_every_row_once_and_rows_are_independent() -> None:
    rng = np.random.default_rng(0)
    steps = np.stack([fair_paths(4, 3, rng) for _ in range(2000)])
    assert steps.shape == (2000, 3, 4)
    assert (np.sort(steps, axis=1) == np.arange(3)[None, :, None]).all()
    np.testing.assert_allclose((steps[:, 0] == 0).mean(axis=0), 1 / 3, atol=0.04)
    np.testing.assert_allclose((steps[:, 0, 0] == steps[:, 0, 1]).mean(), 1 / 3, atol=0.04)


def test_one_hot_rows_run_the_path() -> None:
    np.testing.assert_array_equal(one_hot(np.array([2, 0]), 3), [[0, 0, 1], [1, 0, 0]])
