"""Paths through a supernet."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from evonas.relaxed.sharing import fair_paths, one_hot, recalibrate, uniform_path


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


class Scaled(nn.Module):
    """A BatchNorm after a sum that the architecture scales."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dropout = nn.BatchNorm1d(2), nn.Dropout(0.9)

    def forward(self, x: torch.Tensor, arch: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(self.dropout(x) * arch.sum())
        return normed


def test_recalibrated_statistics_are_those_of_the_architecture_over_all_batches() -> None:
    supernet = Scaled().train()
    batches = [torch.randn(64, 2) + shift for shift in (0.0, 2.0)]
    supernet.norm(torch.randn(64, 2) * 9)  # what other paths left behind
    recalibrate(supernet, torch.tensor([[0.0, 3.0]]), batches)
    torch.testing.assert_close(supernet.norm.running_mean, 3 * torch.cat(batches).mean(0))
    torch.testing.assert_close(supernet.norm.running_var, sum(9 * b.var(0) for b in batches) / 2)
    assert supernet.training
    assert supernet.norm.momentum == 0.1
