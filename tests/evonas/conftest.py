"""Toy runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_runs import Play

from evonas.run import loop
from evonas.search import NSGA2
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, Digits, ToyEvaluator, ToySpace


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """Make or resume a toy run in ``tmp_path / name``; returns its open store."""
    stores: list[RunStore[Digits]] = []

    def start(
        name: str = "run", *, evaluator: ToyEvaluator | None = None, space: ToySpace | None = None, seed: int = 0,
        generations: int = 4, rungs: tuple[int, ...] = (1,), **options: Any,
    ) -> RunStore[Digits]:
        space, directory = space or ToySpace(), tmp_path / name
        if not directory.exists():
            create(directory, config={}, task={}, fingerprint="", normalisation={})
        searcher = NSGA2(
            space, OBJECTIVES, population=8, children=6, generations=generations, rungs=rungs,
            rng=np.random.default_rng(seed),
        )
        store = RunStore(directory, space, writing=True)
        stores.append(store)
        loop.run(searcher, evaluator or ToyEvaluator(), store, seed=seed, **options)
        return store

    yield start
    for store in stores:
        store.close()
