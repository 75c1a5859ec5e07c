"""Mutations: functions ``(columns, layout, rng) -> columns`` that change one block; and crossover."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from search_spaces.block.genotype import Columns
from search_spaces.block.layout import Layout
from search_spaces.block.operations import KERNELS

Operator: TypeAlias = Callable[[Columns, Layout, np.random.Generator], Columns]


def change_kernel(columns: Columns, layout: Layout, rng: np.random.Generator) -> Columns:
    """Another kernel in one block, of the same inner width.

    Args:
        columns: Columns of the parent.
        layout: Layout of the blocks.
        rng: Generator of the change.
    """
    block, n_factors = int(rng.integers(len(columns))), len(layout.set.factors)
    kernel, factor = divmod(columns[block], n_factors)
    kernel = (kernel + int(rng.integers(1, len(KERNELS)))) % len(KERNELS)
    return (*columns[:block], kernel * n_factors + factor, *columns[block + 1 :])


def change_width(columns: Columns, layout: Layout, rng: np.random.Generator) -> Columns:
    """Another inner width in one block, of the same kernel.

    Args:
        columns: Columns of the parent.
        layout: Layout of the blocks.
        rng: Generator of the change.
    """
    block, n_factors = int(rng.integers(len(columns))), len(layout.set.factors)
    kernel, factor = divmod(columns[block], n_factors)
    factor = (factor + int(rng.integers(1, n_factors))) % n_factors
    return (*columns[:block], kernel * n_factors + factor, *columns[block + 1 :])


#: Every operator by name.
OPERATORS: Mapping[str, Operator] = MappingProxyType({"change_kernel": change_kernel, "change_width": change_width})


def exchange_blocks(first: Columns, second: Columns, rng: np.random.Generator) -> Columns:
    """Blocks from either parent, each with probability one half.

    Args:
        first: Columns of the first parent.
        second: Columns of the second parent.
        rng: Generator of the choice.
    """
    taken = rng.random(len(first)) < 0.5
    return tuple(b if take else a for a, b, take in zip(first, second, taken, strict=True))
