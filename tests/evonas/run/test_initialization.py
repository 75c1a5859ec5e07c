"""Founders fit the samples, the memory and the time of a run."""

from __future__ import annotations

import numpy as np
import pytest

from evonas import EvoClassifier
from evonas.config import RunConfig
from evonas.run.initialization import founder_options
from evonas.types import Task
from search_spaces.neuron.initialization import METHODS
from search_spaces.neuron.space import create

WIDE = Task("classification", (8000,), 2)


def test_a_wide_table_has_a_model_within_a_minute() -> None:
    rng, y = np.random.default_rng(0), np.arange(100) % 2
    x = rng.normal(size=(100, 8000))
    x[:, :40] += y[:, None]
    classifier = EvoClassifier(generations=0, random_state=0, time_limit=60).fit(x, y)
    assert set(classifier.predict(x)) <= {0, 1}
    assert len(classifier.front_) > 0


@pytest.mark.parametrize("founders", ["pruned", "log-uniform", "source"])
def test_few_samples_ask_for_small_founders(founders: str) -> None:
    space = create(WIDE, {"founders": founders})
    options = founder_options(RunConfig(epochs=6), space, 80)
    bounded = create(WIDE, {"founders": founders, **options})
    rng = np.random.default_rng(0)
    sizes = [bounded.sample(rng).n_edges for _ in range(6)]
    assert max(sizes) <= 2 * 1000 * 80
    assert founder_options(RunConfig(epochs=6), bounded, 80) == {}, "what is bounded stays as it is"


@pytest.mark.parametrize("method", sorted(METHODS.keys() - {"conv"}))
def test_members_of_a_family_begin_small_too(method: str) -> None:
    options = founder_options(RunConfig(epochs=6), create(WIDE, {}), 80)
    family = create(WIDE, options).seeders[method]
    assert max(family(index, np.random.default_rng(index)).n_edges for index in range(4)) <= 2 * 1000 * 80


def test_a_short_time_and_little_memory_bound_founders_and_enough_of_all_leaves_them(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    space = create(Task("classification", (1, 28, 28), 10), {})
    assert founder_options(RunConfig(epochs=6), space, 50_000) == {}
    short = founder_options(RunConfig(epochs=6, time_limit=5.0), space, 50_000)
    assert short["founder_edges"][1] < 5000
    monkeypatch.setattr("evonas.run.initialization.usable_memory", lambda: 10**8)
    assert founder_options(RunConfig(epochs=6), space, 50_000)["starting_edges"] < 10**6


def test_sizes_that_the_user_names_stay() -> None:
    space = create(WIDE, {"founder_edges": (8000, 640_000)})
    assert set(founder_options(RunConfig(epochs=6), space, 80)) == {"starting_edges"}


def test_where_only_dense_founders_begin_with_too_many_edges_the_others_keep_their_sizes() -> None:
    space = create(Task("classification", (1, 28, 28), 10), {})
    options = founder_options(RunConfig(epochs=18, time_limit=120.0), space, 50_000)
    assert set(options) == {"starting_edges"}
    assert 62_720 <= options["starting_edges"] == 100_000
    bounded = create(Task("classification", (1, 28, 28), 10), dict(options))
    sizes = [bounded.sample(np.random.default_rng(seed)).n_edges for seed in range(12)]
    assert 31_000 < max(sizes) < 101_000


def test_objectives_that_count_weights_ask_for_founders_that_share_them() -> None:
    space = create(Task("classification", (1, 28, 28), 10), {})
    assert founder_options(RunConfig(epochs=6, objectives=("val_error", "params")), space, 50_000) == {
        "founders": "shared"
    }
    assert founder_options(RunConfig(epochs=6), space, 50_000) == {}
