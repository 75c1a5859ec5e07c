"""The laws that every trainer obeys: subclass :class:`TrainerContract` and define its fixture ``trainer``.

What base.py leaves open is fixed here by :mod:`reference_training`. The validation loss is plain (no smoothing, no
teacher, no dropout, images as they are). Regrowth scores absent edges with the weights after the step's update, before
anything is dropped, with the targets of training and without dropout, shift or flip, and moves at most as many edges as
there are absent ones. Pruning counts frozen edges among those it keeps. The norm that is clipped is that of edges,
biases and gains together, and the factor is ``clip / (norm + 1e-6)`` as in torch.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from evonas.capabilities.export import INTEGER_TYPES
from evonas.data.samples import Splits
from evonas.training import Cancelled, Pruning, Recipe, Regrowth, Stop, TrialTimeout
from evonas.types import IntegerType, Task
from search_spaces.neuron.layering import pair_counts
from search_spaces.neuron.trainer.base import Assignment, Network, Norm, Trainer
from search_spaces.neuron.trainer.rounding import rounding_for
from tests.search_spaces.neuron.reference import loss, random_network
from tests.search_spaces.neuron.trainer.measuring_contract import MeasuringContract
from tests.search_spaces.neuron.trainer.reference_training import ReferenceTrainer, genotype_with
from tests.search_spaces.neuron.trainer.training_cases import (
    AUGMENTED_CASES,
    CLASSES,
    IMAGES,
    PLAIN,
    TARGETS,
    TRAINING_CASES,
    WIDE,
    assert_close,
    random_splits,
    teacher_of,
    weighted_splits,
)


class TrainerContract(MeasuringContract):
    """Laws of a trainer of neuron networks."""

    def run(
        self, trainer: Trainer, network: Network, splits: Splits, recipe: Recipe, *, teacher: Any = None, **options: Any
    ) -> Any:
        assignment = Assignment(network, recipe, **{"epochs": 5, "seed": 3, "stop": Stop(), **options})
        return trainer.train(assignment, splits, teacher)

    def assert_equals_reference(
        self, trainer: Trainer, network: Network, splits: Splits, recipe: Recipe, **options: Any
    ) -> None:
        actual = self.run(trainer, network, splits, recipe, **options)
        expected = ReferenceTrainer(network, splits, recipe, **{"epochs": 5, "seed": 3, **options}).run()
        assert actual.network.genotype == expected.network.genotype
        assert actual.network.norm == network.norm
        assert_close([row.train_loss for row in actual.history], expected.train_losses)
        assert [row.n_edges for row in actual.history] == expected.n_edges
        assert actual.edge_updates == expected.edge_updates
        for name in ("edge", "bias", "gain"):
            assert_close(getattr(actual.network, name), getattr(expected.network, name), rtol=1e-3, atol=2e-4)

    @pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
    @pytest.mark.parametrize("case", TRAINING_CASES)
    def test_training_equals_torch_optim(self, trainer: Trainer, case: str, norm: Norm) -> None:
        recipe = Recipe(**{"batch_size": 16, **TRAINING_CASES[case]})
        network = random_network(np.random.default_rng(5), norm, **WIDE)
        self.assert_equals_reference(trainer, network, random_splits(1), recipe)

    @pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
    @pytest.mark.parametrize("integers", INTEGER_TYPES)
    def test_training_with_rounding_equals_autograd(self, trainer: Trainer, integers: IntegerType, norm: Norm) -> None:
        network, splits = random_network(np.random.default_rng(36), norm, **WIDE), random_splits(26)
        self.check_rounding(trainer, network, splits, Recipe(batch_size=16, quantisation=integers, hidden_dropout=0.2))

    def test_what_is_shared_and_linear_is_rounded_alike(self, trainer: Trainer) -> None:
        network, splits = random_network(np.random.default_rng(37), **WIDE), random_splits(27, task=TARGETS)
        genes = np.random.default_rng(0).integers(0, 3, network.genotype.n_hidden).astype(np.int8)
        ties = np.full(network.genotype.n_edges, -1, np.int32)
        ties[::3], ties[1::30] = 4, 5
        genotype = replace(genotype_with(network.genotype, ties), activations=genes)
        edge = self.check_rounding(
            trainer, replace(network, genotype=genotype), splits, Recipe(batch_size=64, quantisation="int4")
        )
        assert len(np.unique(edge[::3])) == len(np.unique(edge[1::30])) == 1

    def check_rounding(self, trainer: Trainer, network: Network, splits: Splits, recipe: Recipe) -> Any:
        actual, patient = (self.run(trainer, network, splits, r) for r in (recipe, replace(recipe, patience=9)))
        expected = ReferenceTrainer(network, splits, recipe, epochs=5, seed=3).run()
        rounding = rounding_for(network, splits, recipe.quantisation)
        assert rounding is not None
        edge = actual.network.edge
        integers = np.rint(edge / rounding.edge)
        np.testing.assert_allclose(edge, integers * rounding.edge, rtol=1e-6)
        assert np.abs(integers).max() == rounding.largest
        assert (integers != np.rint(np.clip(network.edge / rounding.edge, -rounding.largest, rounding.largest))).any()
        # Where float32 falls on the other side of a half than float64, one integer is another.
        assert_close([row.train_loss for row in actual.history], expected.train_losses, rtol=1e-3)
        assert_close([row.val_loss for row in patient.history], expected.val_losses, rtol=1e-3)
        assert (np.abs(edge - expected.network.edge) < rounding.edge / 2).mean() > 0.98
        for name in ("bias", "gain"):
            assert_close(getattr(actual.network, name), getattr(expected.network, name), rtol=2e-3, atol=1e-3)
        return edge

    @pytest.mark.parametrize("case", AUGMENTED_CASES)
    def test_training_on_moved_and_mirrored_images_equals_torch_optim(self, trainer: Trainer, case: str) -> None:
        network = random_network(np.random.default_rng(5), **WIDE)
        splits = random_splits(1, n=300, task=IMAGES)
        plain, augmented = Recipe(batch_size=AUGMENTED_CASES[case]["batch_size"]), Recipe(**AUGMENTED_CASES[case])
        self.assert_equals_reference(trainer, network, splits, augmented)
        first = [self.run(trainer, network, splits, recipe).history[0].train_loss for recipe in (plain, augmented)]
        assert abs(first[0] - first[1]) > 1e-4

    def test_only_images_can_be_moved(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(5), **WIDE)
        with pytest.raises(ValueError, match="shift and flip need images"):
            self.run(trainer, network, random_splits(1), Recipe(shift=1))

    def test_training_of_squared_error_equals_torch_optim(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(6), **WIDE)
        self.assert_equals_reference(trainer, network, random_splits(2, task=TARGETS), Recipe(batch_size=32))

    def test_training_without_hidden_neurons_equals_torch_optim(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(7), layers=())
        self.assert_equals_reference(trainer, network, random_splits(3), Recipe(batch_size=16))

    def test_training_on_a_single_sample_equals_torch_optim(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(8), "none", **WIDE)
        self.assert_equals_reference(trainer, network, random_splits(4, n=1), Recipe(batch_size=16, learning_rate=1e-3))

    @pytest.mark.parametrize("batch_size", [64, 16, 10])
    def test_a_teacher_is_mixed_into_the_targets(self, trainer: Trainer, batch_size: int) -> None:
        recipe = Recipe(batch_size=batch_size, label_smoothing=0.1, teacher_weight=0.7)
        network = random_network(np.random.default_rng(9), **WIDE)
        splits = random_splits(5)
        self.assert_equals_reference(trainer, network, splits, recipe, teacher=teacher_of(splits.train))

    def test_a_teacher_is_mixed_into_the_targets_of_regression(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(31), **WIDE)
        recipe = Recipe(batch_size=32, teacher_weight=0.7)
        splits = random_splits(21, task=TARGETS)
        self.assert_equals_reference(trainer, network, splits, recipe, teacher=teacher_of(splits.train, TARGETS))

    @pytest.mark.parametrize("batch_size", [64, 16, 10])
    @pytest.mark.parametrize("task", [CLASSES, TARGETS], ids=lambda task: task.kind)
    def test_the_loss_of_a_sample_is_multiplied_with_its_weight(
        self, trainer: Trainer, task: Task, batch_size: int
    ) -> None:
        network, splits = random_network(np.random.default_rng(34), **WIDE), weighted_splits(24, task)
        recipe = Recipe(batch_size=batch_size)
        self.assert_equals_reference(trainer, network, splits, recipe)
        alike = replace(splits, train=replace(splits.train, weight=None))
        counted, plain = (self.run(trainer, network, s, recipe).network.edge for s in (splits, alike))
        assert np.abs(counted - plain).max() > 1e-3
        expected = ReferenceTrainer(network, splits, recipe, epochs=5, seed=3).run().val_losses
        patient = self.run(trainer, network, splits, replace(recipe, patience=5)).history
        assert_close([row.val_loss for row in patient], expected)

    def test_weights_of_one_change_nothing_but_rounding(self, trainer: Trainer) -> None:
        network, splits = random_network(np.random.default_rng(35), **WIDE), random_splits(25)
        ones = replace(splits, train=replace(splits.train, weight=np.ones(100, np.float32)))
        weighted, plain = (self.run(trainer, network, s, PLAIN) for s in (ones, splits))
        np.testing.assert_array_equal(weighted.network.edge, plain.network.edge)
        assert weighted.history[-1].train_loss == pytest.approx(plain.history[-1].train_loss, rel=1e-6)

    def test_absent_edges_are_scored_with_what_the_teacher_says(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(32), layers=(16, 12), density=0.2)
        recipe = Recipe(batch_size=16, regrowth=Regrowth(fraction=0.2, every=6), teacher_weight=0.7)
        splits = random_splits(22)
        self.assert_equals_reference(trainer, network, splits, recipe, epochs=3, teacher=teacher_of(splits.train))

    def test_a_teacher_without_weight_changes_no_bit_and_one_with_all_of_it_hides_the_labels(
        self, trainer: Trainer
    ) -> None:
        network, splits = random_network(np.random.default_rng(33), **WIDE), random_splits(23)
        said = teacher_of(splits.train)
        without, weightless = (
            self.run(trainer, network, splits, Recipe(teacher_weight=0.0), teacher=teacher) for teacher in (None, said)
        )
        np.testing.assert_array_equal(weightless.network.edge, without.network.edge)
        relabelled = replace(splits, train=replace(splits.train, y=(splits.train.y + 1) % 3))
        one, other = (
            self.run(trainer, network, s, Recipe(teacher_weight=1.0), teacher=said) for s in (splits, relabelled)
        )
        np.testing.assert_array_equal(one.network.edge, other.network.edge)

    @pytest.mark.parametrize("optimizer", ["adam", "adamw"])
    def test_frozen_edges_keep_their_weight(self, trainer: Trainer, optimizer: Any) -> None:
        network = random_network(np.random.default_rng(10), **WIDE)
        frozen = np.random.default_rng(10).random(network.genotype.n_edges) < 0.5
        recipe = Recipe(batch_size=16, optimizer=optimizer, clip_norm=0.5)
        self.assert_equals_reference(trainer, network, random_splits(6), recipe, frozen=frozen)
        trained = self.run(trainer, network, random_splits(6), recipe, frozen=frozen).network
        np.testing.assert_array_equal(trained.edge[frozen], network.edge[frozen])

    @pytest.mark.parametrize("optimizer", ["adam", "adamw"])
    def test_tied_edges_share_one_weight_that_clipping_counts_once(self, trainer: Trainer, optimizer: Any) -> None:
        rng = np.random.default_rng(11)
        network = random_network(rng, **WIDE)
        ties = rng.integers(-1, 6, network.genotype.n_edges).astype(np.int32)
        edge = np.where(ties < 0, network.edge, np.linspace(-1, 1, 7, dtype=np.float32)[ties])
        network = replace(network, genotype=genotype_with(network.genotype, ties), edge=edge)
        recipe = Recipe(batch_size=16, optimizer=optimizer, clip_norm=0.5)
        self.assert_equals_reference(trainer, network, random_splits(7), recipe)

    @pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
    def test_pruning_follows_the_cubic_schedule_and_drops_dead_neurons(self, trainer: Trainer, norm: Norm) -> None:
        network = random_network(np.random.default_rng(12), norm, **WIDE)
        recipe = Recipe(batch_size=16, pruning=Pruning(edges=60, every=4))
        self.assert_equals_reference(trainer, network, random_splits(8), recipe)

    def test_pruning_spares_frozen_edges(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(13), **WIDE)
        frozen = np.random.default_rng(13).random(network.genotype.n_edges) < 0.2
        recipe = Recipe(batch_size=16, pruning=Pruning(edges=80, begin=0.2, every=5))
        self.assert_equals_reference(trainer, network, random_splits(9), recipe, frozen=frozen)

    @pytest.mark.parametrize("scope", ["layer-pair", "network"])
    @pytest.mark.parametrize("batch_size", [64, 16, 10])
    def test_regrowth_moves_edges_to_the_largest_gradients(
        self, trainer: Trainer, batch_size: int, scope: Any
    ) -> None:
        network = random_network(np.random.default_rng(14), layers=(16, 12), density=0.2)
        regrowth = Regrowth(fraction=0.2, every=6, scope=scope)
        recipe = Recipe(batch_size=batch_size, regrowth=regrowth, label_smoothing=0.1)
        self.assert_equals_reference(trainer, network, random_splits(10, n=90), recipe, epochs=4)

    def test_between_two_layers_as_many_edges_grow_as_are_dropped_and_dropped_ones_may_return(
        self, trainer: Trainer
    ) -> None:
        # nine tenths of the edges are there: more are dropped than are absent, so that most of them return
        network = random_network(np.random.default_rng(41), layers=(9, 7), density=0.9)
        regrowth = Regrowth(fraction=0.5, every=3, end=1.0, decay="none")
        recipe = Recipe(batch_size=16, regrowth=regrowth)
        self.assert_equals_reference(trainer, network, random_splits(31, n=90), recipe, epochs=2)
        trained = self.run(trainer, network, random_splits(31, n=90), recipe).network.genotype
        before, after = pair_counts(network.genotype), pair_counts(trained)
        np.testing.assert_array_equal(before, after)
        assert trained != network.genotype

    def test_regrowth_spares_frozen_edges_between_two_layers(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(42), layers=(16, 12), density=0.3)
        frozen = np.random.default_rng(42).random(network.genotype.n_edges) < 0.9
        recipe = Recipe(batch_size=16, regrowth=Regrowth(fraction=0.6, every=5))
        self.assert_equals_reference(trainer, network, random_splits(32, n=90), recipe, frozen=frozen)

    @pytest.mark.parametrize("scope", ["layer-pair", "network"])
    def test_regrowth_after_every_epoch_moves_always_the_same_share(self, trainer: Trainer, scope: Any) -> None:
        network = random_network(np.random.default_rng(43), layers=(16, 12), density=0.2)
        regrowth = Regrowth(fraction=0.3, every=0, end=1.0, decay="none", grow="random", scope=scope)
        recipe = Recipe(batch_size=16, regrowth=regrowth)
        self.assert_equals_reference(trainer, network, random_splits(33, n=90), recipe, epochs=3)

    @pytest.mark.parametrize("scope", ["layer-pair", "network"])
    def test_regrowth_at_random_moves_edges_to_where_the_hash_says(self, trainer: Trainer, scope: Any) -> None:
        network = random_network(np.random.default_rng(30), layers=(16, 12), density=0.2)
        recipe = Recipe(
            batch_size=16, pruning=Pruning(edges=network.genotype.n_edges - 8, every=4, end=0.3), input_dropout=0.1,
            regrowth=Regrowth(fraction=0.3, every=4, grow="random", scope=scope),
        )
        self.assert_equals_reference(trainer, network, random_splits(20, n=90), recipe)

    def test_regrowth_begins_when_pruning_has_ended(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(15), **WIDE)
        recipe = Recipe(
            batch_size=16, pruning=Pruning(edges=100, every=3, end=0.4),
            regrowth=Regrowth(fraction=0.3, every=4, end=1.0),
        )
        self.assert_equals_reference(trainer, network, random_splits(11), recipe)

    def test_surviving_edges_keep_their_ties(self, trainer: Trainer) -> None:
        rng = np.random.default_rng(16)
        network = random_network(rng, **WIDE)
        ties = np.where(rng.random(network.genotype.n_edges) < 0.5, 2, -1).astype(np.int32)
        edge = np.where(ties < 0, network.edge, np.float32(0.7))
        network = replace(network, genotype=genotype_with(network.genotype, ties), edge=edge)
        recipe = Recipe(batch_size=16, pruning=Pruning(edges=120, every=5))
        trained = self.run(trainer, network, random_splits(12), recipe).network
        assert trained.genotype.n_edges <= 120
        tied = trained.edge[trained.genotype.ties == 2]
        assert len(tied) > 1
        assert (tied == tied[0]).all()

    @pytest.mark.parametrize("task", [CLASSES, TARGETS])
    @pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
    def test_every_epoch_is_validated_where_patience_needs_it(self, trainer: Trainer, norm: Norm, task: Task) -> None:
        network = random_network(np.random.default_rng(22), norm, **WIDE)
        splits = random_splits(16, task=task)
        plain = Recipe(batch_size=16, pruning=Pruning(edges=200, every=5))
        patient = replace(plain, patience=5)
        expected = ReferenceTrainer(network, splits, replace(patient, patience=None), epochs=5, seed=3).run()
        assert_close([row.val_loss for row in self.run(trainer, network, splits, patient).history], expected.val_losses)
        assert [row.val_loss for row in self.run(trainer, network, splits, plain).history] == [None] * 5

    @pytest.mark.parametrize("end", [0.05, 0.4])
    def test_patience_returns_the_best_epoch_since_pruning_has_ended(self, trainer: Trainer, end: float) -> None:
        network = random_network(np.random.default_rng(17), **WIDE)
        splits = random_splits(13)  # labels are noise: the validation loss soon rises
        pruning = Pruning(edges=100, every=10, end=end)
        recipe = Recipe(batch_size=16, patience=3, learning_rate=0.02, pruning=pruning)
        trained = self.run(trainer, network, splits, recipe, epochs=60)
        pruned = round(60 * end) - 1  # the epoch at whose end all are gone
        val_losses = [math.inf] * pruned + [row.val_loss for row in trained.history[pruned:]]
        assert len(val_losses) == int(np.argmin(val_losses)) + 1 + 3 < 60
        assert trained.network.genotype.n_edges <= 100
        outputs = torch.from_numpy(trainer.predict(trained.network, splits.validation).astype(np.float64))
        assert_close(loss(outputs, torch.from_numpy(splits.validation.y), CLASSES), min(val_losses))
        assert trained.network.genotype.n_edges == trained.history[int(np.argmin(val_losses))].n_edges

    def test_training_twice_gives_the_same_bits_and_changes_no_argument(self, trainer: Trainer) -> None:
        network, splits = random_network(np.random.default_rng(20), **WIDE), random_splits(14)
        before = (network.edge.copy(), network.bias.copy(), network.gain.copy())
        pruning, regrowth = Pruning(edges=120, every=3), Regrowth(every=5)
        recipe = Recipe(batch_size=16, input_dropout=0.1, pruning=pruning, regrowth=regrowth)
        first, second = (self.run(trainer, network, splits, recipe) for _ in range(2))
        assert first.network.genotype == second.network.genotype
        assert first.history == second.history
        for name, original in zip(("edge", "bias", "gain"), before, strict=True):
            np.testing.assert_array_equal(getattr(first.network, name), getattr(second.network, name))
            np.testing.assert_array_equal(getattr(network, name), original)

    def test_no_epoch_returns_the_network_as_it_is(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(21))
        trained = self.run(trainer, network, random_splits(15), PLAIN, epochs=0)
        assert trained.history == ()
        assert trained.edge_updates == 0
        assert trained.network.genotype == network.genotype
        np.testing.assert_array_equal(trained.network.edge, network.edge)

    def test_a_request_to_stop_raises_cancelled(self, trainer: Trainer) -> None:
        stop = Stop()
        stop.request()
        with pytest.raises(Cancelled):
            self.run(trainer, random_network(np.random.default_rng(22)), random_splits(16), PLAIN, stop=stop)

    def test_a_passed_deadline_raises_trial_timeout(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(23))
        with pytest.raises(TrialTimeout):
            self.run(trainer, network, random_splits(17), PLAIN, stop=Stop().within(0.02), epochs=10**6)

    def test_divergence_raises_floating_point_error(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(24), "none")
        network = replace(network, edge=np.full_like(network.edge, 1e30))
        with pytest.raises(FloatingPointError, match="loss"):
            self.run(trainer, network, random_splits(18), PLAIN)

    def test_a_teacher_a_mask_or_weights_that_do_not_fit_are_refused(self, trainer: Trainer) -> None:
        network, splits = random_network(np.random.default_rng(27)), random_splits(19)
        with pytest.raises(ValueError, match="teacher"):
            self.run(trainer, network, splits, PLAIN, teacher=np.full((100, 2), 0.5, np.float32))
        for weight in (np.ones(99, np.float32), np.full(100, -1, np.float32), np.full(100, np.nan, np.float32)):
            with pytest.raises(ValueError, match="weight"):
                self.run(trainer, network, replace(splits, train=replace(splits.train, weight=weight)), PLAIN)
        with pytest.raises(ValueError, match="frozen"):
            self.run(trainer, network, splits, PLAIN, frozen=np.zeros(3, bool))
