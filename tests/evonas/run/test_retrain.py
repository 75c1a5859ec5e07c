"""The last training of chosen networks, on all samples outside the test set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evonas
from evonas.data import test_split
from evonas.evaluation.metrics import measure
from evonas.evaluation.training import predict, train
from evonas.rng import Stream, stream
from evonas.run.open import open_run
from evonas.run.retrain import StartKind, retrain
from evonas.training import Stop

#: Every network learns more slowly in the search than a fresh one.
SLOW: dict[str, Any] = {"lr_reference_edges": 1.0, "patience": 1}


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "run"
    evonas.evolve("digits", out=directory, n_train=200, population=2, children=1, generations=0, epochs=4,
                  training=SLOW, space_options={"edges": (64, 300)})
    return directory


@pytest.mark.parametrize("start", ["fresh", "inherited"])
def test_networks_train_on_all_samples_at_the_full_rate_without_early_stopping(
    searched: Path, start: StartKind
) -> None:
    with open_run(searched, writing=True) as run:
        (done,) = retrain(run, [1], start=start, epochs=3, n_seeds=1, n_jobs=1, report=lambda *_: None)
        member, weights = run.store.member(1), run.store.retrained_weights(done)
        begun = run.store.weights(*member.evaluation.key) if start == "inherited" else None
        splits = test_split.load_for_retraining(run.config.dataset, **run.config.split)
        recipe = run.config.recipe
        assert (recipe.lr_reference_edges, recipe.patience) == (1.0, 1)
        recipe = replace(recipe, lr_reference_edges=1e9, patience=None, pruning=None, regrowth=None)
        expected = train(
            run.space, member.genotype, begun, splits, recipe, epochs=3, stop=Stop(),
            seed=stream(run.config.seed, Stream.RETRAIN, 1, 0),
        )
        assert len(splits.train) > 200
        for name, values in weights.items():
            np.testing.assert_array_equal(values, expected.weights[name])
        test = test_split.load_test(run.config.dataset, **run.config.split)
        told = measure(predict(run.space, member.genotype, weights, test), test, run.task, "test")
        assert done.metrics == {"train_loss": expected.history[-1].train_loss, **told}
