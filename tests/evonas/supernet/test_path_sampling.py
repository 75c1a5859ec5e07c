"""Paths through a supernet."""

from __future__ import annotations

import numpy as np

from evonas.supernet.path_sampling import fair_paths, perturbed, uniform_path
from tests.evonas.supernet.toy_supernet import ToyRelaxable


def test_uniform_paths_have_every_operation_of_every_row_equally_often() -> None:
    rng = np.random.default_rng(0)
    paths = np.stack([uniform_path(ToyRelaxable(), (3, 4), "argmax", rng) for _ in range(6000)])
    assert paths.shape == (6000, 3, 4)
    np.testing.assert_array_equal(paths.sum(axis=2), 1)
    np.testing.assert_allclose(paths.mean(axis=0), 1 / 4, atol=0.025)
    assert abs(np.corrcoef(paths[:, 0, 0], paths[:, 1, 0])[0, 1]) < 0.05


def test_fair_paths_have_every_operation_of_every_row_once_and_rows_are_independent() -> None:
    rng = np.random.default_rng(0)
    steps = np.stack([fair_paths((4, 3), rng) for _ in range(2000)])
    assert steps.shape == (2000, 3, 4, 3)
    np.testing.assert_array_equal(steps.sum(axis=3), 1)
    np.testing.assert_array_equal(steps.sum(axis=1), 1)
    first = steps[:, 0].argmax(axis=2)
    np.testing.assert_allclose((first == 0).mean(axis=0), 1 / 3, atol=0.04)
    np.testing.assert_allclose((first[:, 0] == first[:, 1]).mean(), 1 / 3, atol=0.04)


def test_perturbed_logits_are_largest_at_an_operation_with_its_probability() -> None:
    shares, rng = np.array([0.6, 0.3, 0.1]), np.random.default_rng(0)
    best = perturbed(np.tile(np.log(shares), (6000, 1)), rng).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(best) / 6000, shares, atol=0.025)
