"""Random networks of a given cost: all genes but the width are drawn, then the width with the nearest cost is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from evonas.rng import GOLDEN_RATIO
from evonas.space import InvalidGenotype
from evonas.types import Task
from search_spaces.cnn.genotype import CnnGenotype, Convolution, Head
from search_spaces.cnn.layers import cost

#: Values that genes are drawn from; a value that is listed twice is twice as frequent.
CONVOLUTIONS, POOLS, STRIDES = (1, 2, 2, 3, 3), (1, 1, 1, 2, 2, 2, 4), (1, 2, 2)
FIRST_KERNELS, FIRST_STRIDES, KERNELS = (3, 3, 5), (1, 2, 2, 3), (3,)
#: Heads; those that leave maps as they are are the most frequent: on Fashion-MNIST, 6 to 8 epochs, the best of 46
#: random networks under 1 500, 3 300, 10 000 and 28 000 multiply-adds had this head (83.2, 85.6, 86.1, 88.4 % on
#: validation).
HEADS: tuple[Head, ...] = ("flat", "flat", "flat", "max", "quarters", "average")
#: Heads after a single convolution, for which averages leave too little: networks of 24 000 and 6 600 had 80 and 81 %
#: there.
FIRST_HEADS: tuple[Head, ...] = ("flat", "flat", "max")
HIDDEN = (0, 0, 16, 32)
#: Channels of a convolution as multiples of the width; those of later ones are multiplied by all factors before.
GROWTH = (1.0, 1.5, 2.0)
#: Networks of fewer channels than this in the first convolution are drawn if no others are cheap enough.
FEWEST_CHANNELS, MOST_CHANNELS = 2, 32
#: A network is taken when it costs at least this share of what is aimed at, or is the nearest of DRAWS. A share near
#: 1 would leave out networks whose cost grows in large steps: those of few channels on large maps, often the best.
NEAR, DRAWS = 0.8, 200

#: Settings of the recipe for networks that begin with fresh weights. On Fashion-MNIST two networks of 1 000 and 6 600
#: multiply-adds had 79.97 and 84.85 % on validation after 5 epochs, with batches of 128 and half of the rate 79.88 and
#: 84.73, for which torch took 1.6 to 2.1 times the CPU time.
TRAINING: Mapping[str, Any] = MappingProxyType(
    {"batch_size": 256, "schedule": "one-cycle", "learning_rate": 2e-2, "weight_decay": 1e-2}
)


class Drawn(NamedTuple):
    """Network without its width.

    Attributes:
        genotype: The genes that were drawn; its numbers of channels do not count.
        factors: Channels of each convolution as multiples of the width.
    """

    genotype: CnnGenotype
    factors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Family of random networks, spread evenly over the logarithm of their cost. Implements ``Seeder``.

    Attributes:
        task: Gives images and outputs.
        edges: Fewest and most multiply-adds.
    """

    task: Task
    edges: tuple[int, int]

    @property
    def training(self) -> Mapping[str, Any]:
        """Settings of the recipe that suit the family: :data:`TRAINING`."""
        return TRAINING

    def __call__(self, index: int, rng: np.random.Generator) -> CnnGenotype:
        """Return member ``index``: multiples of the golden ratio cover the range evenly for any number of members."""
        return self._near((index + 0.5) * GOLDEN_RATIO % 1, rng)

    def sample(self, rng: np.random.Generator) -> CnnGenotype:
        """Draw a network of a random cost."""
        return self._near(rng.random(), rng)

    def _near(self, share: float, rng: np.random.Generator) -> CnnGenotype:
        low, high = np.log(self.edges)
        return near(float(np.exp(low + (high - low) * share)), self.task, rng)


def near(edges: float, task: Task, rng: np.random.Generator) -> CnnGenotype:
    """Draw a random network of at most, and nearly, this many multiply-adds.

    If all networks have more, the result is one with the fewest.

    Args:
        edges: The number of multiply-adds to aim at.
        task: Gives images and outputs.
        rng: Draws the genes.
    """
    best: tuple[float, CnnGenotype] | None = None
    for _ in range(DRAWS):
        drawn = _draw(task, rng)
        try:
            genotype, got = _widest(drawn, edges, task)
        except InvalidGenotype:
            continue
        distance = 1 - got / edges if got <= edges else got / edges
        if best is None or distance < best[0]:
            best = distance, genotype
        if NEAR * edges <= got <= edges:
            break
    if best is None:
        raise AssertionError("a convolution of one pixel fits every image")
    return best[1]


def _draw(task: Task, rng: np.random.Generator) -> Drawn:
    n, size = int(rng.choice(CONVOLUTIONS)), min(task.input_shape[1:])
    kernels = [int(rng.choice(FIRST_KERNELS if i == 0 else KERNELS)) for i in range(n)]
    strides = [int(rng.choice(FIRST_STRIDES if i == 0 else STRIDES)) for i in range(n)]
    separable = [bool(i > 0 and rng.random() < 0.5) for i in range(n)]
    convolutions = tuple(
        Convolution(1, kernel if size >= 3 else 1, stride, apart)
        for kernel, stride, apart in zip(kernels, strides, separable, strict=True)
    )
    factors = np.cumprod([1.0, *rng.choice(GROWTH, n - 1)]) * rng.uniform(0.8, 1.25, n)
    heads = FIRST_HEADS if n == 1 else HEADS
    genotype = CnnGenotype(
        int(rng.choice(POOLS)), convolutions, heads[rng.integers(len(heads))], int(rng.choice(HIDDEN))
    )
    return Drawn(genotype, tuple(factors.tolist()))


def _widest(drawn: Drawn, edges: float, task: Task) -> tuple[CnnGenotype, float]:
    """Return the widest network within ``edges``, by bisection, or the narrowest there is; and its multiply-adds.

    Args:
        drawn: The network without its width.
        edges: Most multiply-adds.
        task: Gives images and outputs.
    """
    low, high = FEWEST_CHANNELS, MOST_CHANNELS
    while low < high:
        middle = (low + high + 1) // 2
        if cost(_of_width(drawn, middle), task)["edges"] <= edges:
            low = middle
        else:
            high = middle - 1
    genotype = _of_width(drawn, low)
    return genotype, cost(genotype, task)["edges"]


def _of_width(drawn: Drawn, width: int) -> CnnGenotype:
    channels = [max(1, round(width * factor)) for factor in drawn.factors]
    return replace(drawn.genotype, convolutions=tuple(
        replace(convolution, channels=n) for convolution, n in zip(drawn.genotype.convolutions, channels, strict=True)
    ))
