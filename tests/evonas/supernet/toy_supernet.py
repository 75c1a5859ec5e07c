"""A space of tiny networks with a supernet: three edges of four operations on vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from evonas.capabilities.choices import Choices
from evonas.data.samples import Samples, Splits
from evonas.space import Encoded, Offspring
from evonas.types import Floats, Metrics, Task, Weights

WIDTH, N_CLASSES, OPERATIONS = 6, 3, ("none", "skip", "linear", "deep")
PARAMS = np.array([0, 0, 36, 144], np.float32)
TASK = Task("classification", (WIDTH,), N_CLASSES)


@dataclass(frozen=True)
class Path:
    """A genotype: the column of every edge."""

    columns: tuple[int, ...]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(bytes(self.columns), digest_size=8).hexdigest()


class Operation(nn.Module):
    """Linear maps before a norm."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes))
        self.norm = nn.BatchNorm1d(WIDTH, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        for linear in self.maps:
            x = linear(x.relu())
        normed: Tensor = self.norm(x)
        return normed


class ToySupernet(nn.Module):
    """``node 1 = edge 0 (x)``, ``node 2 = edge 1 (x) + edge 2 (node 1)``; counts how often operations are run."""

    def __init__(self) -> None:
        super().__init__()
        self.edges = nn.ModuleList(
            nn.ModuleList([nn.Identity(), nn.Identity(), Operation(WIDTH, WIDTH), Operation(WIDTH, 12, WIDTH)])
            for _ in range(3)
        )
        self.head = nn.Linear(WIDTH, N_CLASSES)
        self.runs = np.zeros((3, 4), np.int64)
        self.arches: list[Tensor] = []

    def forward(self, x: Tensor, arch: Tensor) -> Tensor:
        self.arches.append(arch.detach())
        first = self._edge(0, x, arch)
        logits: Tensor = self.head(self._edge(1, x, arch) + self._edge(2, first, arch))
        return logits

    def _edge(self, row: int, x: Tensor, arch: Tensor) -> Tensor:
        total = torch.zeros_like(x)
        for column in range(1, 4):
            if float(arch[row, column].detach()) != 0:
                self.runs[row, column] += 1
                total = total + arch[row, column] * self.edges[row][column](x)  # type: ignore[index]
        return total


class ToyRelaxable:
    """The space; see :class:`evonas.capabilities.choices.Relaxable`."""

    operators: ClassVar[Mapping[str, float]] = {"change": 1.0}
    choices = Choices(
        OPERATIONS, 3, {"params": np.tile(PARAMS, (3, 1)), "flops": np.tile(2 * PARAMS, (3, 1))}, none=0, skip=1
    )

    def sample(self, rng: np.random.Generator) -> Path:
        return Path(tuple(rng.integers(4, size=3).tolist()))

    def mutate(self, parent: Path, rng: np.random.Generator, operator: str | None = None) -> Offspring[Path]:
        columns = list(parent.columns)
        place = int(rng.integers(3))
        columns[place] = (columns[place] + 1 + int(rng.integers(3))) % 4
        return Offspring(Path(tuple(columns)), "change")

    def crossover(self, first: Path, second: Path, rng: np.random.Generator) -> Offspring[Path]:
        return self.mutate(first, rng)

    def validate(self, genotype: Path) -> None:
        assert len(genotype.columns) == 3

    def encode(self, genotype: Path) -> Encoded:
        return Encoded({}, {"columns": np.array(genotype.columns, np.uint8)})

    def decode(self, data: Encoded) -> Path:
        return Path(tuple(data.arrays["columns"].tolist()))

    def cost(self, genotype: Path) -> Metrics:
        params = float(sum(PARAMS[c] for c in genotype.columns)) + (WIDTH + 1) * N_CLASSES
        return {"params": params, "flops": 2 * params}

    def compile(self, genotype: Path, weights: Weights | None = None) -> nn.Module:
        network = Discrete(torch.from_numpy(self.arch_of(genotype)))
        if weights is not None:
            network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        return network

    def supernet(self, rng_seed: int) -> ToySupernet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(rng_seed)
            return ToySupernet()

    def discretize(self, arch: Floats, rule: str = "argmax") -> Path:
        columns = arch[:, 1:].argmax(axis=1) + 1 if rule == "darts" else arch.argmax(axis=1)
        return Path(tuple(columns.tolist()))

    def arch_of(self, genotype: Path) -> Floats:
        return np.eye(4, dtype=np.float32)[list(genotype.columns)]

    def extract(self, supernet: nn.Module, genotype: Path) -> Weights:
        return {name: value.detach().numpy().copy() for name, value in supernet.state_dict().items()}


class Discrete(ToySupernet):
    """One path."""

    def __init__(self, path: Tensor) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(x, self.path)


def splits(n: int = 240) -> Splits:
    """Classes that a linear map cannot tell apart."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n + 60, WIDTH)).astype(np.float32)
    y = np.abs(x[:, :N_CLASSES]).argmax(1)
    return Splits("toy", TASK, Samples(x[:n], y[:n]), Samples(x[n:], y[n:]), "none")
