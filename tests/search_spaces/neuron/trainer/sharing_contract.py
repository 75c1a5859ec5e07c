"""The laws of weights, biases and gains that are shared, of their release in training, and of each activation.

They are part of what every trainer obeys: subclass :class:`SharingContract` and define its fixture ``trainer``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evonas.training import Pruning, Recipe, Regrowth
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.trainer.base import Network, Norm, Trainer
from search_spaces.neuron.trainer.sample_order import sample_order
from search_spaces.neuron.trainer.schedule import learning_rates
from tests.search_spaces.neuron.reference import forward, parameters, random_network
from tests.search_spaces.neuron.trainer.measuring_contract import few_examples
from tests.search_spaces.neuron.trainer.reference_training import mean_loss
from tests.search_spaces.neuron.trainer.torch_convolutions import Case, ConvolutionalModule, Layer, Written
from tests.search_spaces.neuron.trainer.trainer_contract import TrainerContract
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    PLAIN,
    WIDE,
    assert_close,
    random_samples,
    random_splits,
)

NORMS: list[Norm] = ["layer", "layer-affine", "none"]


def shared_network(seed: int, norm: Norm = "layer-affine", *, release_at: float = 1.0, mixed: bool = True) -> Network:
    """A random network with groups of edges, channels across layers and, where ``mixed``, all activations."""
    rng = np.random.default_rng(seed)
    network = random_network(rng, norm, **WIDE)
    genotype = network.genotype
    activations = rng.integers(0, 3 if mixed else 1, genotype.n_hidden).astype(np.int8)
    genotype = replace(
        genotype, ties=rng.integers(-1, 8, genotype.n_edges).astype(np.int32) * 1000,
        channels=rng.integers(-1, 5, genotype.n_hidden).astype(np.int32), activations=activations,
        release_at=release_at,
    )
    # -1000 is no group either, but only -1 is the gene's default
    genotype = replace(genotype, ties=np.where(genotype.ties < 0, np.int32(-1), genotype.ties))
    return replace(network, genotype=genotype)


@st.composite
def convolutional_cases(draw: st.DrawFn) -> Case:
    """One or two convolutions of an image or a signal, with any stride, padding, channels and activation."""
    is_signal = draw(st.booleans())
    kinds = st.sampled_from(Activation)
    norm = draw(st.sampled_from(["layer-affine", "none"]))
    size = draw(st.integers(2, 6)), draw(st.integers(2, 6))
    size = (1, size[1]) if is_signal else size
    input_shape = (draw(st.integers(1, 3)), *size[is_signal:])
    layers = []
    for _ in range(draw(st.integers(1, 2))):
        kernel = [draw(st.integers(1, min(n, 3))) for n in size]
        padding = [0 if is_signal and not axis else draw(st.integers(0, k - 1)) for axis, k in enumerate(kernel)]
        stride = [1 if is_signal and not axis else draw(st.integers(1, 2)) for axis in range(2)]
        pairs = [(one[0], one[1]) for one in (kernel, stride, padding)]
        layer = Layer(draw(st.integers(1, 3)), *pairs, draw(kinds))
        size = layer.size(size)
        if layer.channels * size[0] * size[1] == 1:  # torch refuses to norm a single value
            layer = replace(layer, activation=Activation.LINEAR)
        layers.append(layer)
    return Case(input_shape, tuple(layers), norm)


class SharingContract(TrainerContract):
    """Laws of a trainer of networks that share parameters."""

    @few_examples
    @given(case=convolutional_cases(), seed=st.integers(0, 2**20), n=st.sampled_from([1, 20, 65]))
    def test_a_convolution_in_tied_neurons_equals_torch_in_outputs_and_gradients(
        self, trainer: Trainer, case: Case, seed: int, n: int
    ) -> None:
        torch.manual_seed(seed)
        module = ConvolutionalModule(case)
        written = Written(case, module)
        samples = random_samples(np.random.default_rng(seed), n, case.task)
        outputs = module(torch.from_numpy(samples.x))
        assert_close(trainer.predict(written.network, samples), outputs.detach(), atol=1e-4)
        torch.nn.functional.cross_entropy(outputs, torch.from_numpy(samples.y)).backward()  # type: ignore[no-untyped-call]
        _, *gradients = trainer.gradients(written.network, samples, case.task, PLAIN)
        edge, bias, gain = written.gathered(lambda parameter: parameter.grad)
        actual = written.sums(*gradients)
        assert_close(actual[0], edge, rtol=1e-3, atol=1e-4)
        assert_close(actual[1], bias, rtol=1e-3, atol=1e-4)
        for row in np.flatnonzero(written.has_gain):
            assert_close(actual[2][row], gain[row], rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("input_shape", [(2, 7, 6), (2, 11)])
    def test_training_a_convolution_in_tied_neurons_equals_training_it_in_torch(
        self, trainer: Trainer, input_shape: tuple[int, ...]
    ) -> None:
        torch.manual_seed(0)
        height = 1 if len(input_shape) == 2 else 3
        first = Layer(3, (height, 3), (min(2, height), 2), (height // 2, 1), Activation.NORM)
        second = Layer(2, (min(2, height), 2), (1, 1), (0, 0), Activation.RELU)
        case = Case(input_shape, (first, second), "layer-affine")
        module = ConvolutionalModule(case)
        written = Written(case, module)
        recipe = Recipe(batch_size=16, schedule="constant", warmup=0, clip_norm=0.5)
        splits = random_splits(30, task=case.task)
        trained = self.run(trainer, written.network, splits, recipe).network
        decayed = [p for p in module.parameters() if p.ndim > 1]
        others = [p for p in module.parameters() if p.ndim == 1]
        decay = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        rate = float(learning_rates(recipe, written.network.genotype, 1)[0])
        optimizer = torch.optim.AdamW(decay, lr=rate)
        for epoch in range(5):
            order = sample_order(100, 16, seed=3, epoch=epoch)
            for begin in range(0, 100, 16):
                batch = splits.train.take(order[begin : begin + 16])
                optimizer.zero_grad()
                outputs = module(torch.from_numpy(batch.x))
                torch.nn.functional.cross_entropy(outputs, torch.from_numpy(batch.y)).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
                optimizer.step()
        expected = written.gathered(lambda parameter: parameter)
        for name, values in zip(("edge", "bias", "gain"), expected, strict=True):
            assert_close(getattr(trained, name), values, rtol=1e-3, atol=2e-4)

    @pytest.mark.parametrize("n", [1, 16, 65, 150])
    @pytest.mark.parametrize("norm", NORMS)
    def test_outputs_and_gradients_with_every_activation_equal_autograd(
        self, trainer: Trainer, norm: Norm, n: int
    ) -> None:
        network = random_network(np.random.default_rng(60), norm, **WIDE)
        rng = np.random.default_rng(n)
        layer_of = network.genotype.layers
        activations = np.where(layer_of == 1, rng.integers(0, 3, len(layer_of)), rng.integers(1, 3, len(layer_of)))
        network = replace(network, genotype=replace(network.genotype, activations=activations.astype(np.int8)))
        samples = random_samples(rng, n)
        leaves = parameters(network)
        outputs = forward(network, torch.from_numpy(samples.flat.astype(np.float64)), *leaves)
        assert_close(trainer.predict(network, samples), outputs.detach())
        expected = torch.autograd.grad(mean_loss(outputs, samples, CLASSES, PLAIN), leaves, allow_unused=True)
        actual = trainer.gradients(network, samples, CLASSES, PLAIN)
        for name, gradient in zip(("edge", "bias", "gain"), expected, strict=True):
            zeros = np.zeros_like(getattr(network, name))
            assert_close(getattr(actual, name), zeros if gradient is None else gradient, rtol=1e-3, atol=2e-5)

    @pytest.mark.parametrize("optimizer", ["adam", "adamw"])
    @pytest.mark.parametrize("norm", NORMS)
    def test_groups_are_trained_as_one_parameter_that_clipping_counts_once(
        self, trainer: Trainer, norm: Norm, optimizer: Any
    ) -> None:
        recipe = Recipe(batch_size=16, optimizer=optimizer, clip_norm=0.5)
        network = shared_network(61, norm)
        self.assert_equals_reference(trainer, network, random_splits(31), recipe)
        trained = self.run(trainer, network, random_splits(31), recipe).network
        for name, groups in (("edge", network.genotype.ties), ("bias", network.genotype.channels)):
            for group in range(int(groups.max()) + 1):
                members = getattr(trained, name)[: len(groups)][groups == group]
                assert (members == members[:1]).all()

    def test_groups_whose_values_differ_begin_with_their_mean(self, trainer: Trainer) -> None:
        network = shared_network(62)
        genotype = network.genotype
        trained = self.run(trainer, network, random_splits(32), PLAIN, epochs=0).network
        for name, groups in (("edge", genotype.ties), ("bias", genotype.channels), ("gain", genotype.channels)):
            before, after = (getattr(n, name)[: len(groups)] for n in (network, trained))
            for group in np.unique(groups[groups >= 0]):
                assert_close(after[groups == group], np.full((groups == group).sum(), before[groups == group].mean()))
            np.testing.assert_array_equal(after[groups < 0], before[groups < 0])

    def test_a_frozen_edge_stays_and_the_others_of_its_tie_go_on(self, trainer: Trainer) -> None:
        network = shared_network(63)
        frozen = np.arange(network.genotype.n_edges) % 5 == 0
        recipe = Recipe(batch_size=16, clip_norm=0.3)
        self.assert_equals_reference(trainer, network, random_splits(33), recipe, frozen=frozen)
        trained = self.run(trainer, network, random_splits(33), recipe, frozen=frozen).network
        np.testing.assert_array_equal(trained.edge[frozen], network.edge[frozen])

    @pytest.mark.parametrize("norm", NORMS)
    def test_pruning_and_regrowth_leave_what_is_shared_shared(self, trainer: Trainer, norm: Norm) -> None:
        network = shared_network(64, norm)
        recipe = Recipe(
            batch_size=16, pruning=Pruning(edges=130, every=4, end=0.5), regrowth=Regrowth(fraction=0.1, every=3)
        )
        self.assert_equals_reference(trainer, network, random_splits(34), recipe)
        trained = self.run(trainer, network, random_splits(34), recipe).network.genotype
        assert (trained.ties >= 0).any()
        assert (trained.ties < 0).any()

    @pytest.mark.parametrize("release_at", [0.0, 0.01, 0.4, 0.43, 0.6, 0.999])
    @pytest.mark.parametrize("norm", NORMS)
    def test_release_goes_on_with_the_state_of_the_group(
        self, trainer: Trainer, norm: Norm, release_at: float
    ) -> None:
        network = shared_network(65, norm, release_at=release_at)
        recipe = Recipe(batch_size=16, clip_norm=0.5)
        self.assert_equals_reference(trainer, network, random_splits(35), recipe)
        trained = self.run(trainer, network, random_splits(35), recipe).network.genotype
        assert not trained.is_shared
        assert trained.release_at == 1

    @pytest.mark.parametrize("batch_size", [64, 16, 10])
    @pytest.mark.parametrize("release_at", [0.0, 0.3, 0.7])
    def test_pruning_and_regrowth_follow_the_release(
        self, trainer: Trainer, release_at: float, batch_size: int
    ) -> None:
        network = shared_network(66, release_at=release_at)
        recipe = Recipe(
            batch_size=batch_size, pruning=Pruning(edges=120, every=2, begin=0.1, end=0.4),
            regrowth=Regrowth(fraction=0.1, every=2, end=1.0),
        )
        self.assert_equals_reference(trainer, network, random_splits(36), recipe)
        history = self.run(trainer, network, random_splits(36), recipe).history
        n_epochs_tied = math.floor(5 * release_at)
        assert {row.n_edges for row in history[:n_epochs_tied]} <= {network.genotype.n_edges}
        assert history[-1].n_edges <= 120

    def test_frozen_edges_stay_through_the_release_and_the_pruning(self, trainer: Trainer) -> None:
        network = shared_network(67, release_at=0.4)
        frozen = np.arange(network.genotype.n_edges) % 7 == 0
        recipe = Recipe(batch_size=16, pruning=Pruning(edges=100, every=3))
        self.assert_equals_reference(trainer, network, random_splits(37), recipe, frozen=frozen)

    def test_no_epoch_releases_all_the_same(self, trainer: Trainer) -> None:
        network = shared_network(68, release_at=0.5)
        trained = self.run(trainer, network, random_splits(38), PLAIN, epochs=0).network
        assert trained.genotype == network.genotype.released
        assert not trained.genotype.is_shared

    def test_patience_returns_no_epoch_before_the_release(self, trainer: Trainer) -> None:
        network = shared_network(69, release_at=0.4)
        splits = random_splits(39)  # labels are noise: the validation loss soon rises
        recipe = Recipe(batch_size=16, patience=3, learning_rate=0.02)
        trained = self.run(trainer, network, splits, recipe, epochs=40)
        val_losses = [math.inf] * 15 + [row.val_loss for row in trained.history[15:]]
        assert len(val_losses) == int(np.argmin(val_losses)) + 1 + 3 < 40
        assert not trained.network.genotype.is_shared
        outputs = torch.from_numpy(trainer.predict(trained.network, splits.validation).astype(np.float64))
        assert_close(torch.nn.functional.cross_entropy(outputs, torch.from_numpy(splits.validation.y)), min(val_losses))
