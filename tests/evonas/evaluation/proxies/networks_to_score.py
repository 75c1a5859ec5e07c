"""Networks of every kind that proxies score, small and with fresh weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from evonas.evaluation.proxies.networks import Batch
from evonas.run.plugins import create_space
from evonas.space import SearchSpace
from evonas.types import Task

IMAGES = Task("classification", (1, 8, 8), 4)
NASBENCH = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"


def batch_for(task: Task, n: int = 24) -> Batch:
    rng = np.random.default_rng(5)
    x = torch.from_numpy(rng.normal(size=(n, *task.input_shape)).astype(np.float32))
    if task.kind == "classification":
        return Batch(x, torch.from_numpy(rng.permutation(n) % task.n_outputs), task, seed=3)
    return Batch(x, torch.from_numpy(rng.normal(size=(n, task.n_outputs)).astype(np.float32)), task, seed=3)


def sampled(name: str, task: Task = IMAGES, seed: int = 1, **options: Any) -> tuple[SearchSpace[Any], Any]:
    """A space and a founder of it."""
    space = create_space(name, task, options)
    return space, space.sample(np.random.default_rng(seed))


def spaces() -> dict[str, tuple[SearchSpace[Any], Any]]:
    """A genotype for each space: cells of both skeletons, blocks of both sets, convolutions, neurons of every norm."""
    from search_spaces.cell.genotype import parse

    cells, _ = sampled("nasbench201", channels=4, cells=3)
    neurons = {"founders": "log-uniform", "founder_edges": [900, 900]}
    return {
        "nasbench201": (cells, parse(NASBENCH)),
        "darts": sampled("cell", channels=4, cells=3, nodes=2),
        "block": sampled("block", width=4),
        "mbconv": sampled("block", width=4, operations="mbconv"),
        "cnn": sampled("cnn"),
        "neuron": sampled("neuron", **neurons),
        "neuron-norm": sampled("neuron", norm="layer", **neurons),
        "neuron-plain": sampled("neuron", norm="none", **neurons),
    }


class Plain(nn.Module):
    """Modules in a row, for calculations by hand."""

    def __init__(self, *modules: nn.Module, features: tuple[nn.Module, ...] = ()) -> None:
        super().__init__()
        self.body = nn.Sequential(*modules)
        if features:
            self.feature_modules = list(features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.body(x)
        return outputs


def linear(weight: list[list[float]]) -> nn.Linear:
    """A layer of these weights, without biases."""
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
    return layer
