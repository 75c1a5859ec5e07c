"""The toy space with every capability that a contract has laws for, none of which does much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evonas.capabilities.diagram import NetworkDiagram
from evonas.capabilities.layers import LayerGraph, Linear, Shape
from evonas.data.samples import Samples, Splits
from evonas.space import InvalidGenotype, Offspring
from evonas.testing.toy import LENGTH, LEVELS, TASK, Digits, ToySpace
from evonas.training import Recipe, Stop, Trained
from evonas.types import Floats, Weights


class Supernet(nn.Module):
    """A layer whose weights are the digits that rows of ``arch`` choose, and a bias of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(TASK.n_outputs, generator=torch.Generator().manual_seed(seed)))

    def forward(self, x: Tensor, arch: Tensor) -> Tensor:
        digits = arch @ torch.arange(LEVELS, dtype=torch.float32) / LEVELS
        return nn.functional.linear(x, torch.stack([digits, 1 - digits]), self.bias)


class CapableSpace(ToySpace):
    """The toy space; what it adds is in the order of the laws."""

    shares_memory = True
    backend = "numpy"

    def inherit(self, child: Digits, parent: Digits, weights: Weights, rng: np.random.Generator) -> Weights:
        return {name: value + rng.normal(size=value.shape).astype(np.float32) for name, value in weights.items()}

    def founder(self, index: int, rng: np.random.Generator) -> Digits:
        return Digits((index % LEVELS, *self.sample(rng).values[1:]))

    def neighbours(self, genotype: Digits) -> list[Digits]:
        values = genotype.values
        return [
            Digits((*values[:place], other, *values[place + 1 :]))
            for place, value in enumerate(values) for other in range(LEVELS) if other != value
        ]

    def features(self, genotype: Digits) -> Floats:
        return np.array(genotype.values, np.float32)

    def mutate_towards(
        self, parent: Digits, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[Digits]:
        return min((self.mutate(parent, rng, operator) for _ in range(4)), key=lambda child: abs(
            self.cost(child.genotype)["flops"] - costs["flops"]
        ))

    def parse(self, text: str) -> Digits:
        try:
            genotype = Digits(tuple(int(part) for part in text.split(",")))
        except ValueError:
            raise InvalidGenotype(f"expected {LENGTH} digits below {LEVELS}, got {text!r}") from None
        self.validate(genotype)
        return genotype

    def describe(self, genotype: Digits) -> list[tuple[str, list[str], list[list[str]]]]:
        return [("digits", ["place", "value"], [[str(i), str(v)] for i, v in enumerate(genotype.values)])]

    def diagram(self, genotype: Digits, weights: Weights | None = None) -> NetworkDiagram:
        layer = np.repeat([0, 1], [LENGTH, TASK.n_outputs])
        heights = [*np.linspace(0, 1, LENGTH), *np.linspace(0, 1, TASK.n_outputs)]
        positions = np.stack([layer, heights], axis=1).astype(np.float32)
        edges = np.array([(i, LENGTH + o) for i in range(LENGTH) for o in range(TASK.n_outputs)])
        return NetworkDiagram(1.0, positions, ("inputs", "outputs"), layer, ("input", "output"), layer, edges)

    def layers(self, genotype: Digits, weights: Weights) -> LayerGraph:
        arrays = (weights[name].astype(np.float64) for name in ("weight", "bias"))
        return LayerGraph(Shape(LENGTH, (1,)), (Linear(0, *arrays),))

    def supernet(self, rng_seed: int) -> nn.Module:
        return Supernet(rng_seed)

    def extract(self, supernet: Any, genotype: Digits) -> Weights:
        state = self.compile(genotype).state_dict()
        return {"weight": state["weight"].numpy(), "bias": supernet.bias.detach().numpy()}

    def train(
        self, genotype: Digits, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
        seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
    ) -> Trained[Digits]:
        stop.check()
        start = weights or {name: value.numpy() for name, value in self.compile(genotype).state_dict().items()}
        rng = np.random.default_rng(seed)
        found = {
            name: value + epochs * rng.normal(size=value.shape).astype(np.float32) for name, value in start.items()
        }
        return Trained(genotype, found, (), float(epochs))

    def predict(self, genotype: Digits, weights: Weights, samples: Samples) -> Floats:
        outputs: Floats = samples.flat @ weights["weight"].T + weights["bias"]
        return outputs
