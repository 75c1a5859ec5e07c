"""Training many networks at once gives each what training it alone gives, and what the CPU gives to rounding."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evonas.training import Cancelled, Pruning, Recipe, Regrowth, Stop, TrialTimeout
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Assignment, Network, Norm, TrainedNetwork
from search_spaces.neuron.trainer.cuda import trainer as cuda_trainer
from search_spaces.neuron.trainer.cuda.training import PopulationTraining
from search_spaces.neuron.trainer.population import PopulationTrainer
from tests.search_spaces.neuron.trainer.cuda.interpreter import (
    NORMS,
    TRAINER,
    assert_same,
    small_network,
    small_splits,
    together,
    trained,
)
from tests.search_spaces.neuron.trainer.training_cases import IMAGES, TARGETS, assert_close, teacher_of, weighted

PLAIN = Recipe(batch_size=8)
CPU = choose_trainer("auto")

CASES: dict[str, dict[str, Any]] = {
    "adam-with-decay": {"optimizer": "adam", "weight_decay": 0.01, "clip_norm": 0.1},
    "one-cycle": {"schedule": "one-cycle", "label_smoothing": 0.2},
    "dropout-of-singles": {"batch_size": 7, "input_dropout": 0.3, "hidden_dropout": 0.3},
    "batch-of-groups": {"batch_size": 32}, "batch-beyond-the-data": {"batch_size": 64},
    "integers": {"quantisation": "int8"},
}


def assert_equals_cpu(network: Network, splits: Any, recipe: Recipe, **options: Any) -> TrainedNetwork:
    """The structure and the history of the CPU's training, the parameters to rounding."""
    actual, expected = (trained(trainer, network, splits, recipe, **options) for trainer in (TRAINER, CPU))
    assert actual.network.genotype == expected.network.genotype
    assert_close([row.train_loss for row in actual.history], [row.train_loss for row in expected.history])
    assert [row.n_edges for row in actual.history] == [row.n_edges for row in expected.history]
    assert [row.val_loss is None for row in actual.history] == [row.val_loss is None for row in expected.history]
    assert actual.edge_updates == expected.edge_updates
    for name in ("edge", "bias", "gain"):
        assert_close(getattr(actual.network, name), getattr(expected.network, name), rtol=1e-3, atol=5e-4)
    return actual


def test_thirty_steps_equal_those_of_the_cpu() -> None:
    recipe = replace(PLAIN, clip_norm=0.5, input_dropout=0.1, hidden_dropout=0.1, label_smoothing=0.1)
    assert_equals_cpu(small_network(1), small_splits(1), recipe, epochs=6)


@pytest.mark.parametrize("case", CASES)
def test_every_part_of_the_recipe_is_that_of_the_cpu(case: str) -> None:
    assert_equals_cpu(small_network(1), small_splits(1), replace(PLAIN, **CASES[case]))


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_and_activation_is_trained_as_on_the_cpu(norm: Norm) -> None:
    network = small_network(2, norm)
    activations = np.random.default_rng(2).integers(0, 3, network.genotype.n_hidden).astype(np.int8)
    network = replace(network, genotype=replace(network.genotype, activations=activations))
    assert_equals_cpu(network, small_splits(2), PLAIN)


def test_regression_with_a_teacher_and_weights_equals_the_cpu() -> None:
    splits = small_splits(3, task=TARGETS)
    splits = replace(splits, train=weighted(splits.train))
    assert_equals_cpu(small_network(3), splits, PLAIN, teacher=teacher_of(splits.train, TARGETS))


def test_images_are_moved_and_mirrored_as_on_the_cpu() -> None:
    recipe = replace(PLAIN, shift=1, flip=True, input_dropout=0.2)
    assert_equals_cpu(small_network(4), small_splits(4, task=IMAGES), recipe)


@pytest.mark.parametrize(("grow", "scope"), [("gradient", "layer-pair"), ("random", "network")])
def test_pruning_and_regrowth_leave_the_edges_that_they_leave_on_the_cpu(grow: Any, scope: Any) -> None:
    recipe = replace(
        PLAIN, pruning=Pruning(edges=35, every=4, end=0.5), regrowth=Regrowth(fraction=0.2, every=4, grow=grow,
                                                                              scope=scope, end=0.9),
    )
    actual = assert_equals_cpu(small_network(5, density=0.5), small_splits(5), recipe, epochs=3)
    assert actual.network.genotype.n_edges <= 35


def shared_network(seed: int, *, release_at: float = 1.0) -> Network:
    """A network with ties and channels."""
    network = small_network(seed, density=0.5)
    rng, genotype = np.random.default_rng(seed), network.genotype
    ties, channels = rng.integers(-1, 9, genotype.n_edges), rng.integers(-1, 4, genotype.n_hidden)
    genotype = replace(
        genotype, ties=ties.astype(np.int32), channels=channels.astype(np.int32), release_at=release_at
    )
    return replace(network, genotype=genotype)


@pytest.mark.parametrize("release_at", [0.0, 0.4, 1.0])
def test_what_is_shared_stays_so_until_its_release_as_on_the_cpu(release_at: float) -> None:
    recipe = replace(PLAIN, clip_norm=0.5, pruning=Pruning(edges=50, every=3, end=0.6))
    actual = assert_equals_cpu(shared_network(6, release_at=release_at), small_splits(6), recipe, epochs=3)
    assert actual.network.genotype.is_shared == (release_at == 1)


def test_frozen_edges_stay_and_the_others_of_their_ties_go_on() -> None:
    network = shared_network(7)
    frozen = np.arange(network.genotype.n_edges) % 5 == 0
    actual = assert_equals_cpu(network, small_splits(7), replace(PLAIN, clip_norm=0.3), frozen=frozen)
    np.testing.assert_array_equal(actual.network.edge[frozen], network.edge[frozen])


def test_patience_gives_the_best_epoch_and_its_losses_as_on_the_cpu() -> None:
    recipe, splits = replace(PLAIN, patience=1, learning_rate=0.05), small_splits(8, n=16)
    actual, expected = (trained(t, small_network(8), splits, recipe, epochs=12) for t in (TRAINER, CPU))
    assert len(actual.history) == len(expected.history) < 12
    val_losses = [row.val_loss for row in actual.history]
    assert_close(val_losses, [row.val_loss for row in expected.history], rtol=1e-3)
    outputs = torch.from_numpy(TRAINER.predict(actual.network, splits.validation))
    lowest = torch.nn.functional.cross_entropy(outputs, torch.from_numpy(splits.validation.y))
    assert_close(lowest, min(loss for loss in val_losses if loss is not None))


def test_no_epoch_leaves_the_means_of_what_is_shared() -> None:
    network = shared_network(9)
    actual, expected = (trained(t, network, small_splits(9), PLAIN, epochs=0) for t in (TRAINER, CPU))
    assert_same(actual, expected)


def test_the_result_for_a_network_does_not_depend_on_those_beside_it() -> None:
    splits = small_splits(10, n=16, task=IMAGES)
    networks = [
        small_network(11), small_network(12, layers=(3,)), shared_network(13, release_at=0.5),
        small_network(14, layers=(2, 3, 2)), small_network(15),
    ]
    recipes = [
        PLAIN, replace(PLAIN, shift=1, learning_rate=0.01), replace(PLAIN, label_smoothing=0.1, flip=True),
        replace(PLAIN, pruning=Pruning(edges=20, every=2)), replace(PLAIN, regrowth=Regrowth(fraction=0.2, every=1)),
    ]
    epochs, seeds = [2, 1, 2, 3, 2], [1, 2, 1, 3, 4]
    results = together(networks, splits, recipes, epochs=epochs, seeds=seeds)
    for arguments, result in zip(zip(networks, recipes, epochs, seeds, strict=True), results, strict=True):
        network, recipe, n_epochs, seed = arguments
        assert_same(result, trained(TRAINER, network, splits, recipe, epochs=n_epochs, seed=seed))


def test_a_network_that_diverges_or_does_not_fit_fails_alone() -> None:
    networks = [small_network(seed, "none") for seed in (16, 17, 18)]
    networks[1] = replace(networks[1], edge=np.full_like(networks[1].edge, 1e30))
    networks.append(replace(networks[0], edge=networks[0].edge[1:]))
    recipes, splits = [PLAIN] * 4, small_splits(16, n=16)
    with np.errstate(all="ignore"):
        results = together(networks, splits, recipes, epochs=[2] * 4, seeds=[0] * 4)
    assert isinstance(results[1], FloatingPointError)
    assert isinstance(results[3], ValueError)
    for place in (0, 2):
        assert_same(results[place], trained(TRAINER, networks[place], splits, PLAIN, epochs=2, seed=0))


def test_only_images_can_be_moved() -> None:
    with pytest.raises(ValueError, match="shift and flip need images"):
        trained(TRAINER, small_network(1), small_splits(1), replace(PLAIN, shift=1))


def test_a_stop_ends_the_training_of_all_and_a_deadline_that_of_its_own() -> None:
    splits, network = small_splits(19, n=16), small_network(19)
    stopped = Stop()
    stopped.request()
    with pytest.raises(Cancelled):
        trained(TRAINER, network, splits, PLAIN, stop=stopped)
    assignments = [
        Assignment(network, PLAIN, 2, 0, Stop()), Assignment(network, PLAIN, 2, 0, Stop().within(-1)),
    ]
    [group] = TRAINER.train_many(assignments, splits)
    assert isinstance(dict(group)[1], TrialTimeout)
    assert_same(dict(group)[0], trained(TRAINER, network, splits, PLAIN, epochs=2, seed=0))


def test_networks_of_very_different_size_are_trained_one_group_after_another() -> None:
    networks = [small_network(20, density=1.0), small_network(21, layers=(2,), density=0.2), small_network(22)]
    assignments = [Assignment(network, PLAIN, 1, 0, Stop()) for network in networks]
    groups = [[index for index, _ in group] for group in TRAINER.train_many(assignments, small_splits(20, n=8))]
    assert sorted(index for group in groups for index in group) == [0, 1, 2]
    assert groups[0] == [1]


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A device that has memory for two networks of less than 100 edges; yields sizes of groups that were tried."""
    tried: list[int] = []
    real = PopulationTraining

    def training(assignments: list[Assignment], *others: Any) -> Any:
        tried.append(len(assignments))
        if len(assignments) > 2 or any(a.network.genotype.n_edges >= 100 for a in assignments):
            raise cuda_trainer.OutOfMemory("CUDA out of memory")
        return real(assignments, *others)

    monkeypatch.setattr(cuda_trainer, "PopulationTraining", training)
    cuda_trainer._announce_halving.cache_clear()
    yield tried
    cuda_trainer._announce_halving.cache_clear()


def test_out_of_memory_halves_the_group_and_says_so_once(
    small_memory: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    networks = [*(small_network(seed) for seed in range(23, 26)), small_network(28, density=1.0)]
    assert networks[-1].genotype.n_edges >= 100
    splits = small_splits(23, n=8)
    results = together(networks, splits, [PLAIN] * 4, epochs=[1] * 4, seeds=[0] * 4)
    assert max(small_memory) > 2
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert isinstance(results[-1], MemoryError)
    assert "make batches smaller" in str(results[-1])
    for network, result in zip(networks[:-1], results, strict=False):
        assert_same(result, trained(TRAINER, network, splits, PLAIN, epochs=1, seed=0))


def test_it_is_a_population_trainer_and_the_others_are_not() -> None:
    assert isinstance(TRAINER, PopulationTrainer)
    assert not isinstance(choose_trainer("torch"), PopulationTrainer)
    assert not isinstance(CPU, PopulationTrainer)
