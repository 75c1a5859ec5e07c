"""Growing at the start of training: the right edges, the same function, the same for every trainer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe, Stop, Trained
from evonas.types import Floats, Ints, Task
from search_spaces.neuron import growth
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.growth import CANDIDATES, grown
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Network, Trainer
from search_spaces.neuron.trainer.native import available
from search_spaces.neuron.weights import fresh
from tests.search_spaces.neuron.reference import random_network

TASK = Task("classification", (1, 8, 8), 10)
RECIPE = Recipe()


def random_samples(n: int) -> Samples:
    rng = np.random.default_rng(1)
    return Samples(rng.standard_normal((n, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, n))


def sparse_network() -> Network:
    return random_network(np.random.default_rng(0), n_inputs=64, layers=(12, 8), n_outputs=10, density=0.1)


def grow(
    network: Network, n_edges: int, trainer: Trainer, *, n_samples: int = 200, seed: int = 0,
    teacher: Floats | None = None,
) -> Network:
    return grown(
        network, n_edges, train=random_samples(n_samples), task=TASK, recipe=RECIPE, law=DistanceLaw(TASK.input_shape),
        trainer=trainer, rng=np.random.default_rng(seed), teacher=teacher,
    )


def new_edges(before: Network, after: Network) -> set[tuple[int, int]]:
    return set(map(tuple, after.genotype.edges.tolist())) - set(map(tuple, before.genotype.edges.tolist()))


class Recorder:
    """Passes scoring on to a trainer, and keeps what was asked and answered."""

    def __init__(self) -> None:
        self.trainer = choose_trainer("torch")

    def edge_scores(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints,
        teacher: Floats | None = None,
    ) -> Floats:
        self.candidates, self.samples, self.n_samples, self.teacher = candidates, samples, len(samples), teacher
        self.scores = self.trainer.edge_scores(network, samples, task, recipe, candidates, teacher)
        return self.scores


def test_the_best_of_eight_times_as_many_candidates_become_edges_of_weight_zero() -> None:
    network, recorder = sparse_network(), Recorder()
    result = grow(network, network.genotype.n_edges + 40, recorder)  # type: ignore[arg-type]
    result.genotype.validate()
    added = new_edges(network, result)
    assert len(added) == 40
    assert len(recorder.candidates) == 40 * CANDIDATES
    size = np.abs(recorder.scores)
    is_added = np.array([tuple(edge) in added for edge in recorder.candidates.tolist()])
    assert size[is_added].min() >= size[~is_added].max()
    x = random_samples(20)
    np.testing.assert_allclose(
        recorder.trainer.predict(result, x), recorder.trainer.predict(network, x), rtol=1e-5, atol=1e-5
    )


def test_candidates_are_scored_with_what_the_teacher_says_of_the_samples_that_were_drawn() -> None:
    network, recorder = sparse_network(), Recorder()
    n_samples = 2 * growth.SCORE_SAMPLES
    labels = random_samples(n_samples).y
    grow(network, network.genotype.n_edges + 5, recorder, n_samples=n_samples,  # type: ignore[arg-type]
         teacher=np.eye(10, dtype=np.float32)[labels])
    assert recorder.n_samples == growth.SCORE_SAMPLES
    assert recorder.teacher is not None
    np.testing.assert_array_equal(recorder.teacher.argmax(axis=1), recorder.samples.y)


def test_growing_leaves_what_is_shared_and_when_that_ends() -> None:
    network = sparse_network()
    ties = np.where(np.arange(network.genotype.n_edges) < 9, np.int32(2), np.int32(-1))
    channels = np.full(network.genotype.n_hidden, 3, np.int32)
    shared = replace(network, genotype=replace(network.genotype, ties=ties, channels=channels, release_at=0.25))
    result = grow(shared, network.genotype.n_edges + 5, choose_trainer("torch")).genotype
    assert (result.ties == 2).sum() == 9
    assert (result.channels == 3).all()
    assert result.release_at == 0.25


def test_a_few_thousand_samples_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SCORE_SAMPLES", 64)
    network, recorder = sparse_network(), Recorder()
    grow(network, network.genotype.n_edges + 5, recorder, n_samples=200)  # type: ignore[arg-type]
    assert recorder.n_samples == 64


def test_a_network_can_grow_until_it_is_full() -> None:
    network = sparse_network()
    full = grow(network, network.genotype.n_possible_edges, choose_trainer("torch"))
    assert full.genotype.n_edges == network.genotype.n_possible_edges


@pytest.mark.skipif(not available(), reason="the native trainer was not built")
def test_all_trainers_choose_the_same_edges_but_for_rounding() -> None:
    network = sparse_network()
    results = [grow(network, network.genotype.n_edges + 60, choose_trainer(name)) for name in ("native", "torch")]
    first, second = (new_edges(network, result) for result in results)
    assert len(first & second) >= 59


@pytest.mark.parametrize("trainer", ["torch", "auto"])
def test_training_fulfils_the_request_deterministically_and_prunes_back(trainer: str) -> None:
    space = create(TASK, {
        "founders": "log-uniform", "trainer": trainer, "operators": {"grow_and_prune_gradient": 1},
        "founder_edges": (64, 64),
    })
    parent = space.sample(np.random.default_rng(0))
    child = space.mutate(parent, np.random.default_rng(0)).genotype
    weights = space.inherit(child, parent, fresh(parent, np.random.default_rng(0)), np.random.default_rng(0))
    splits = Splits("random", TASK, random_samples(640), random_samples(64), "")

    def train(genotype: NeuronGenotype, epochs: int, seed: int = 0) -> Trained[NeuronGenotype]:
        return space.train(
            genotype, weights, splits, RECIPE, epochs=epochs, seed=np.random.SeedSequence(seed), stop=Stop()
        )

    begun, other = (train(replace(child, prune_to=0), 1, seed) for seed in (0, 1))
    assert begun.genotype.n_edges == other.genotype.n_edges == child.grow_to
    assert begun.genotype != other.genotype
    assert begun.genotype.grow_to == 0
    trained, again = train(child, 5), train(child, 5)
    assert (trained.genotype.grow_to, trained.genotype.prune_to) == (0, 0)
    assert 0.8 * child.prune_to < trained.genotype.n_edges <= child.prune_to
    assert trained.genotype == again.genotype
    np.testing.assert_array_equal(trained.weights["edge"], again.weights["edge"])
