"""What holds for a run of every searcher by its name, so that a new one cannot be left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evonas.front import front
from evonas.run import loop
from evonas.search import SEARCHERS, traits_of
from evonas.store import RunStore, create
from evonas.testing.toy import OBJECTIVES, ToyEvaluator, ToySpace


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_metric_that_is_not_finite_is_a_failure_and_the_search_goes_on(name: str, tmp_path: Path) -> None:
    """Digits whose sum is divisible by 5 have an error that is not a number."""
    create(tmp_path / "run", config={}, task={}, fingerprint="", normalisation={})
    rungs = (1, 3) if traits_of(SEARCHERS[name]).rungs == "several" else (1,)
    searcher = SEARCHERS[name](
        ToySpace(), OBJECTIVES, population=10, children=6, generations=6, rungs=rungs, rng=np.random.default_rng(0)
    )
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        loop.run(searcher, ToyEvaluator("nan"), store, seed=0)
        records = store.records()
        failed = {r.id for r in records if r.status == "failed"}
        assert failed == {r.id for r in records if sum(store.individual(r.id).genotype.values) % 5 == 0}
        assert failed
        assert all("not finite" in (r.error or "") and not r.metrics for r in records if r.status == "failed")
        assert max(r.generation for r in records) > min(r.generation for r in records if r.id in failed)
        assert not failed & {r.id for r in front(records, OBJECTIVES)}
        assert all(np.isfinite(list(r.metrics.values())).all() for r in records if r.status == "ok")
