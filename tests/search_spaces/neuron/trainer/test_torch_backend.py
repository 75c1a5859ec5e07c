"""The torch trainer obeys the trainer contract with either product; what is its own."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evonas.data.samples import Samples
from evonas.training import Recipe
from evonas.types import Floats
from search_spaces.neuron.trainer.base import Network, Trainer
from search_spaces.neuron.trainer.torch_backend import TorchTrainer
from search_spaces.neuron.trainer.torch_backend.batches import CHUNK
from search_spaces.neuron.trainer.torch_backend.products import PRODUCTS, BagProduct, DenseProduct, density
from search_spaces.neuron.trainer.torch_backend.rewiring import largest, pruned, regrown
from tests.search_spaces.neuron.reference import forward, loss, parameters, random_genotype, random_network
from tests.search_spaces.neuron.trainer.sharing_contract import SharingContract
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    PLAIN,
    WIDE,
    assert_close,
    random_samples,
    random_splits,
)


class TorchContract(SharingContract):
    """The contract, and batches that are passed in pieces."""

    def test_gradients_of_a_batch_in_pieces_equal_autograd(self, trainer: Trainer) -> None:
        rng = np.random.default_rng(30)
        network, samples = random_network(rng), random_samples(rng, 2 * CHUNK + 7)
        leaves = parameters(network)
        outputs = forward(network, torch.from_numpy(samples.flat).double(), *leaves)
        expected = torch.autograd.grad(loss(outputs, torch.from_numpy(samples.y), CLASSES), leaves)
        actual = trainer.gradients(network, samples, CLASSES, PLAIN)
        for name, gradient in zip(("edge", "bias", "gain"), expected, strict=True):
            assert_close(getattr(actual, name), gradient)

    def test_training_with_batches_in_pieces_equals_torch_optim(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(31), **WIDE)
        recipe = Recipe(batch_size=CHUNK + 64, input_dropout=0.1)
        self.assert_equals_reference(trainer, network, random_splits(20, n=700), recipe)

    def test_frozen_edges_of_a_tied_group_stay_and_the_others_share(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(32), **WIDE)
        n_edges = network.genotype.n_edges
        ties = np.where(np.arange(n_edges) < 12, np.int32(0), np.int32(-1))
        edge = np.where(ties == 0, np.float32(0.3), network.edge)
        network = replace(network, genotype=replace(network.genotype, ties=ties), edge=edge)
        frozen = np.arange(n_edges) < 4
        self.assert_equals_reference(
            trainer, network, random_splits(21), Recipe(batch_size=16, clip_norm=0.3), frozen=frozen
        )

    def test_tied_weights_that_differ_are_averaged_at_entry(self, trainer: Trainer) -> None:
        network = random_network(np.random.default_rng(33), **WIDE)
        ties = np.where(np.arange(network.genotype.n_edges) < 3, np.int32(0), np.int32(-1))
        network = replace(network, genotype=replace(network.genotype, ties=ties))
        trained = self.run(trainer, network, random_splits(22), PLAIN, epochs=0).network
        assert_close(trained.edge[:3], np.full(3, network.edge[:3].mean()))

    def test_arrays_that_cannot_be_written_are_read(self, trainer: Trainer) -> None:
        splits, network = random_splits(23), random_network(np.random.default_rng(34))
        for samples in (splits.train, splits.validation):
            samples.x.setflags(write=False)
            samples.y.setflags(write=False)
        for array in (network.edge, network.bias, network.gain):
            array.setflags(write=False)
        assert len(self.run(trainer, network, splits, PLAIN, epochs=1).history) == 1

    def test_no_validation_samples_give_no_validation_loss(self, trainer: Trainer) -> None:
        splits = random_splits(24)
        splits = replace(splits, validation=Samples(splits.train.x[:0], splits.train.y[:0]))
        trained = self.run(trainer, random_network(np.random.default_rng(35)), splits, Recipe(patience=1), epochs=3)
        assert [row.val_loss for row in trained.history] == [None, None, None]

    def test_a_pickled_copy_trains_alike(self, trainer: Trainer) -> None:
        network, splits = random_network(np.random.default_rng(36)), random_splits(25)
        first, second = (self.run(t, network, splits, PLAIN) for t in (trainer, pickle.loads(pickle.dumps(trainer))))
        assert first.history == second.history


class TestEmbeddingBag(TorchContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        return TorchTrainer("embedding_bag")


class TestDense(TorchContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        return TorchTrainer("dense")


class Chosen(Exception):
    """A product was compiled."""


@pytest.mark.parametrize(("share", "product"), [(0.02, "embedding_bag"), (0.6, "dense")])
def test_auto_compiles_the_faster_product_for_the_density(
    monkeypatch: pytest.MonkeyPatch, share: float, product: str
) -> None:
    def spy(name: str) -> Any:
        def compile_product(*_: object) -> None:
            raise Chosen(name)

        return compile_product

    monkeypatch.setattr(
        "search_spaces.neuron.trainer.torch_backend.propagation.PRODUCTS", {name: spy(name) for name in PRODUCTS}
    )
    rng = np.random.default_rng(37)
    network = random_network(rng, n_inputs=100, layers=(20,), n_outputs=20, density=share)
    with pytest.raises(Chosen, match=product):
        TorchTrainer().predict(network, Samples(np.zeros((1, 100), np.float32), np.zeros(1, np.int64)))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**20), layers=st.sampled_from([(), (1,), (6, 5), (1, 7, 1)]), n=st.sampled_from([1, 5, 70]))
def test_both_products_are_the_same_matrix(seed: int, layers: tuple[int, ...], n: int) -> None:
    rng = np.random.default_rng(seed)
    genotype = random_genotype(rng, layers=layers, density=0.3)
    cpu = torch.device("cpu")
    bag, dense = BagProduct(genotype, cpu), DenseProduct(genotype, cpu)
    edge = torch.from_numpy(rng.normal(size=genotype.n_edges).astype(np.float32))
    h = torch.from_numpy(rng.normal(size=(genotype.n_neurons, n)).astype(np.float32))
    delta = h[genotype.n_inputs :].flip(0).contiguous()
    bags, matrix = bag.place(edge), dense.place(edge)
    for layer in range(1, genotype.depth + 1):
        torch.testing.assert_close(bag.forward(bags, h, layer), dense.forward(matrix, h, layer))
    for layer in range(1, genotype.depth):
        torch.testing.assert_close(bag.backward(bags, delta, layer), dense.backward(matrix, delta, layer))
    torch.testing.assert_close(bag.edge_gradient(delta, h), dense.edge_gradient(delta, h), rtol=1e-4, atol=1e-4)


def test_density_is_one_when_every_possible_edge_is_there() -> None:
    rng = np.random.default_rng(38)
    assert density(random_genotype(rng, density=1.0)) == 1
    assert density(random_genotype(rng, layers=(), density=1.0)) == 1
    assert density(random_genotype(rng, density=0.3)) < 0.6


@given(
    values=arrays(np.float32, st.integers(0, 12), elements=st.sampled_from([0.0, 1.0, 2.0])), count=st.integers(0, 14)
)
def test_of_equal_values_the_earlier_is_chosen(values: Any, count: int) -> None:
    expected = np.zeros(len(values), bool)
    expected[np.argsort(-values, kind="stable")[:count]] = True
    np.testing.assert_array_equal(largest(values, count), expected)


def equal_scores(network: Network) -> list[Floats]:
    return [np.zeros((last - first, first), np.float32) for first, last in pairwise(network.genotype.layer_offsets[1:])]


def rewirable() -> tuple[Network, np.ndarray[Any, np.dtype[np.bool_]]]:
    network = random_network(np.random.default_rng(39), density=0.5)
    return network, np.zeros(network.genotype.n_edges, bool)


def test_pruning_keeps_frozen_edges_beyond_the_number_asked_for() -> None:
    network, frozen = rewirable()
    frozen[[3, 7, 8]] = True
    assert pruned(network.genotype, network.edge, frozen, 1).origin.tolist() == [3, 7, 8]


def test_regrowth_among_equal_scores_takes_the_first_by_target_then_source() -> None:
    network, frozen = rewirable()
    genotype = network.genotype
    rewired = regrown(genotype, network.edge, frozen, 4 / genotype.n_edges, equal_scores(network))
    present = {tuple(edge) for edge in genotype.edges.tolist()}
    absent = [
        (source, target) for target in range(genotype.n_inputs, genotype.n_neurons) for source in range(target)
        if genotype.layer_of[source] < genotype.layer_of[target] and (source, target) not in present
    ]
    assert [tuple(edge) for edge in rewired.edges[rewired.origin < 0].tolist()] == absent[:4]
    assert len(rewired.edges) == genotype.n_edges


def test_regrowth_of_a_full_network_moves_nothing() -> None:
    network = random_network(np.random.default_rng(40), density=1.0)
    genotype = network.genotype
    rewired = regrown(genotype, network.edge, np.zeros(genotype.n_edges, bool), 0.5, equal_scores(network))
    np.testing.assert_array_equal(rewired.origin, np.arange(genotype.n_edges))
