"""Born convolutional: levels of local receptive fields whose taps share weights, released and pruned while they train.

What is learnt at one position of an image or a signal holds at all others: networks that begin tied are 1.5 to 3 points
ahead of the same networks without ties, and untying them gains 1 to 3 more on CIFAR-10 for the same FLOPs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from math import inf, log
from types import MappingProxyType
from typing import Any

import numpy as np

from evonas.types import UserError
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.convolution import (
    ConvolutionPlan,
    Level,
    channels_and_grid,
    convolutional,
    count_edges,
    count_weights,
    maps_of,
)
from search_spaces.neuron.initialization.family import COMMON_TRAINING, Setting
from search_spaces.neuron.mutation.steps import log_uniform

#: Levels of a plan if the grid has room for them, channels of the first one, the factor by which the next have more,
#: and the share of skips. Of 574 networks of ``conv``, released and pruned, those with one level had errors on
#: validation 6.5 % (Fashion-MNIST), 62 % (MNIST) and 7 % (CIFAR-10) higher than those with three and as many edges;
#: with two levels it was 1, 20 and 3 %.
LEVELS, CHANNELS, WIDENING, SKIPS = (2, 3, 3, 3, 3, 4), (3.0, 32.0), (1.0, 2.5), 0.15
#: Kernels and strides of the first level and of the others. Kernels of a signal may be longer: its grid has one axis.
#: Errors of the 64 networks with three levels and 6 000 edges or more, on Fashion-MNIST and MNIST, were the lower the
#: smaller the last map was.
KERNELS, STRIDES = ((3, 5), (3,)), ((2, 2, 2, 3), (1, 2, 2, 2, 2))
SIGNAL_KERNELS = ((3, 5, 7, 9), (3, 5))
#: Strides of the first level over a grid whose shortest side is below SMALL_GRID.
FIRST_STRIDES, SMALL_GRID = (1, 1, 2, 3), 16
#: Fewest positions of the last map along an axis: one would be a dense network behind a convolution.
LEAST_SIDE = 2
#: Plans that are drawn for one that is built: the one whose number of edges is nearest to the wanted, once it is within
#: TOLERANCE of its logarithm. Where the nearest is further away than ENOUGH, plans of one level less are drawn.
DRAWS, TOLERANCE, ENOUGH = 100, 0.15, log(1.6)
#: Probability that the edges into outputs share weights by channel and region, and the regions along an axis.
SHARED_READOUTS, REGIONS = 0.15, (1, 2, 3)
#: Probability of the same if weights are counted.
FEW_READOUTS = 0.9
#: Added to the distance of a plan with too many edges, which is then further away than any other.
BEYOND = 100.0
#: Edges that a member begins with, as multiples of those that training leaves it.
FACTORS = (1.2, 5.0)
#: Most edges that it begins with, as a multiple of the most of the family.
MOST = 2.0

TRAINING: Mapping[str, Any] = MappingProxyType({
    **COMMON_TRAINING, "learning_rate": 4e-3, "pruning": {"end": 0.6, "every": 25},
})
#: Share of a member's training in which it is tied. On Fashion-MNIST, 16 epochs, two plans on validation: .3 to 1.5
#: points more than half of it at 2 650 edges, .1 to .4 at 6 600 and at 20 700.
RELEASE_AT = 0.35


def conv(target: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A convolutional network that training releases at a third of its length, then prunes to ``target`` edges.

    Args:
        target: Edges that training leaves.
        rng: Draws the edges that it begins with, the plan and the ids.
        setting: Setting of the family.

    Raises:
        UserError: As :func:`draw_plan`.
    """
    n_edges = min(target * log_uniform(*FACTORS, rng), max(target, MOST * setting.edges[1]), setting.start)
    genotype = shared(round(n_edges), rng, setting)
    return replace(genotype, release_at=RELEASE_AT, prune_to=target if target < genotype.n_edges else 0)


def shared(
    n_edges: int, rng: np.random.Generator, setting: Setting, *, shared_readouts: float = SHARED_READOUTS
) -> NeuronGenotype:
    """A random convolutional network that stays tied.

    Args:
        n_edges: About as many edges as it has.
        rng: Draws the plan and the ids.
        setting: Setting of the family.
        shared_readouts: Probability that the edges into outputs share weights, too.

    Raises:
        UserError: As :func:`draw_plan`.
    """
    plan = draw_plan(setting.law.input_shape, setting.n_outputs, n_edges, rng, shared_readouts=shared_readouts)
    return convolutional(setting.law.input_shape, setting.n_outputs, plan, rng)


def few_weights(n_weights: int, rng: np.random.Generator, setting: Setting) -> NeuronGenotype:
    """A random convolutional network that stays tied, most often the outputs too, of as many edges as are allowed.

    Args:
        n_weights: About as many weights, biases and gains as it has.
        rng: Draws the plan and the ids.
        setting: Setting of the family; ``edges`` bounds it.

    Raises:
        UserError: As :func:`draw_plan`.
    """
    shape, n_outputs = setting.law.input_shape, setting.n_outputs
    plan = draw_plan(
        shape, n_outputs, n_weights, rng, most=setting.edges[1], count=count_weights, shared_readouts=FEW_READOUTS
    )
    return convolutional(shape, n_outputs, plan, rng)


def draw_plan(
    input_shape: tuple[int, ...], n_outputs: int, wanted: int, rng: np.random.Generator, *, most: float = inf,
    count: Callable[[tuple[int, ...], int, ConvolutionPlan], int] = count_edges,
    shared_readouts: float = SHARED_READOUTS,
) -> ConvolutionPlan:
    """A random plan of about the wanted size: the nearest of many where none is near.

    Args:
        input_shape: ``(channels, height, width)`` or ``(channels, length)``.
        n_outputs: Outputs of the network.
        wanted: Edges, or what ``count`` counts.
        rng: Generator of the plan.
        most: A plan of more edges is given only if all that were drawn have more.
        count: The size of a plan for an input shape and a number of outputs.
        shared_readouts: Probability that the edges into outputs share weights.

    Raises:
        UserError: The inputs have no grid, or it is too small for any plan.
    """
    _, grid = _checked_grid(input_shape)
    nearest, best = inf, None
    for n_levels in range(int(rng.choice(LEVELS)), 0, -1):
        for _ in range(DRAWS):
            plan = _random_plan(grid, n_levels, rng, shared_readouts)
            if not _fits(input_shape, plan):
                continue
            distance = abs(log(count(input_shape, n_outputs, plan) / wanted))
            if count_edges(input_shape, n_outputs, plan) > most:
                distance += BEYOND
            if distance < nearest:
                nearest, best = distance, plan
            if nearest < TOLERANCE:
                break
        if nearest < ENOUGH:
            break
    if best is None:
        raise UserError(_too_small(input_shape))
    return best


def fewest_edges(input_shape: tuple[int, ...], n_outputs: int) -> int:
    """Edges of the smallest plan that :func:`draw_plan` may give.

    Raises:
        UserError: As :func:`draw_plan`.
    """
    _, grid = _checked_grid(input_shape)
    kernels = KERNELS if len(grid) == 2 else SIGNAL_KERNELS
    counts = []
    for kernel, stride in product(kernels[0], _strides(grid)[0]):
        plan = ConvolutionPlan((Level(round(CHANNELS[0]), kernel, stride),))
        if _fits(input_shape, plan):
            counts.append(count_edges(input_shape, n_outputs, plan))
    if not counts:
        raise UserError(_too_small(input_shape))
    return min(counts)


def _checked_grid(input_shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    try:
        return channels_and_grid(input_shape)
    except ValueError as error:
        raise UserError(f"{error}: use other founders or another seeder") from None


def _fits(input_shape: tuple[int, ...], plan: ConvolutionPlan) -> bool:
    """Whether every kernel fits the map that it sees, and the last map is not too small."""
    try:
        sides = maps_of(input_shape, plan)[-1].shape
    except ValueError:
        return False
    return min(sides) >= min(LEAST_SIDE, *input_shape[1:])


def _too_small(input_shape: tuple[int, ...]) -> str:
    return (f"no convolution fits inputs of shape {input_shape}: the smallest kernel has 3 positions along each axis; "
            "use other founders or another seeder")


def _strides(grid: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return STRIDES if min(grid) >= SMALL_GRID else (FIRST_STRIDES, STRIDES[1])


def _random_plan(
    grid: tuple[int, ...], n_levels: int, rng: np.random.Generator, shared_readouts: float
) -> ConvolutionPlan:
    kernels = KERNELS if len(grid) == 2 else SIGNAL_KERNELS
    channels, levels = log_uniform(*CHANNELS, rng), []
    for number in range(n_levels):
        later = int(number > 0)
        levels.append(Level(
            round(channels), int(rng.choice(kernels[later])), int(rng.choice(_strides(grid)[later])),
            skip=number > 0 and rng.random() < SKIPS,
        ))
        channels *= rng.uniform(*WIDENING)
    regions = int(rng.choice(REGIONS)) if rng.random() < shared_readouts else None
    return ConvolutionPlan(tuple(levels), regions)
