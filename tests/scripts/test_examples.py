"""The templates for extensions obey the laws of what they are templates for."""

from __future__ import annotations

import numpy as np
import pytest

from evonas.data import load
from evonas.data.samples import Splits
from evonas.evaluation import Job, TrainedEvaluator, merge
from evonas.individual import Evaluation, Individual, Trial
from evonas.space import Phenotype
from evonas.testing import MetricContract, SearcherContract, SpaceContract
from evonas.testing.toy import OBJECTIVES, ToySpace
from evonas.training import Recipe, Stop
from evonas.types import Task
from scripts.examples.own_metric import WORST, WorstClass
from scripts.examples.own_searcher import MapElites
from scripts.examples.own_space import Widths, WidthSpace, create
from scripts.examples.windows import LENGTH, MOVEMENTS, STEP, record, windows

TASK = Task("classification", (1, 4, 4), 3)


class TestWidthSpace(SpaceContract):
    task = TASK
    space = create(TASK, {"widest": 8})


class TestMapElites(SearcherContract):
    factory = MapElites


class TestWorstClass(MetricContract):
    @pytest.fixture
    def splits(self) -> Splits:
        return load("digits", n_train=100)

    @pytest.fixture
    def space(self, splits: Splits) -> WidthSpace:
        return create(splits.task, {})

    @pytest.fixture
    def metric(self, space: WidthSpace, splits: Splits) -> WorstClass[Widths]:
        return WorstClass(space, splits)


def test_an_option_out_of_range_is_refused_with_its_name() -> None:
    with pytest.raises(ValueError, match="option widest of the widths space"):
        create(Task("classification", (4,), 3), {"widest": 1})


def test_map_elites_keeps_the_better_of_two_in_a_range_of_the_cost() -> None:
    searcher = MapElites(ToySpace(), OBJECTIVES, population=3, children=1, generations=1,
                         rng=np.random.default_rng(0))
    told = [
        Evaluation(*trial.key, "ok", {"val_error": error, "flops": 100.0}, 0.0)
        for trial, error in zip(searcher.ask(), (0.5, 0.2, 0.3), strict=True)
    ]
    searcher.tell(told)
    assert searcher.state()["elites"] == [told[1].key]


def test_the_worst_class_is_at_least_as_bad_as_the_mean_and_needs_weights() -> None:
    splits = load("digits", n_train=100)
    space = create(splits.task, {})
    genotype = space.sample(np.random.default_rng(0))
    trial = Trial(Individual(0, genotype, 0, "sample"), 1)
    job = Job(trial, np.random.SeedSequence(0), None, Stop())
    with pytest.raises(ValueError, match="needs trained weights"):
        WorstClass(space, splits).measure(Phenotype(genotype, {}), Stop())
    evaluation = merge(TrainedEvaluator(space, splits, Recipe()), WorstClass(space, splits))(job)
    assert evaluation.metrics["val_error"] <= evaluation.metrics[WORST] <= 1
    assert evaluation.weights is not None
    again = WorstClass(space, splits).measure(Phenotype(genotype, evaluation.weights), Stop())
    assert again[WORST] == evaluation.metrics[WORST]


def test_windows_of_a_recording_overlap_by_half_and_cover_it() -> None:
    recording = record("walking", np.random.default_rng(0))
    found = windows(recording)
    assert found.shape == ((recording.shape[1] - LENGTH) // STEP + 1, 6, LENGTH)
    np.testing.assert_array_equal(found[1:, :, : LENGTH - STEP], found[:-1, :, STEP:])
    np.testing.assert_array_equal(found[3], recording[:, 3 * STEP : 3 * STEP + LENGTH])


def test_recordings_of_each_movement_are_finite_and_differ_between_persons() -> None:
    rng = np.random.default_rng(0)
    for movement in MOVEMENTS:
        first, second = record(movement, rng), record(movement, rng)
        assert np.isfinite(first).all()
        assert np.abs(first - second).max() > 0.1
