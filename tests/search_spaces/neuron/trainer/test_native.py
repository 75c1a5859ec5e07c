"""The native trainer obeys the contract; so does every instruction set of the machine, on fewer cases."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evonas.data.samples import Samples, Splits
from evonas.space import InvalidGenotype
from evonas.training import Cancelled, Pruning, Recipe, Regrowth, Stop
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.trainer import library
from search_spaces.neuron.trainer.base import Assignment, Norm, Trainer
from search_spaces.neuron.trainer.native import (
    NativeTrainer,
    available,
    instruction_set,
    supported_instruction_sets,
)
from search_spaces.neuron.trainer.sample_order import GROUP
from search_spaces.neuron.trainer.torch_backend import TorchTrainer
from tests.search_spaces.neuron.reference import forward, parameters, random_network
from tests.search_spaces.neuron.trainer.reference_training import mean_loss
from tests.search_spaces.neuron.trainer.sharing_contract import SharingContract, shared_network
from tests.search_spaces.neuron.trainer.torch_convolutions import Case, ConvolutionalModule, Layer, Written
from tests.search_spaces.neuron.trainer.training_cases import (
    CLASSES,
    IMAGES,
    PLAIN,
    WIDE,
    assert_close,
    random_samples,
    random_splits,
)

if not available():
    pytest.skip("the native trainer was not built", allow_module_level=True)


class TestNativeTrainer(SharingContract):
    @pytest.fixture(scope="class")
    @classmethod
    def trainer(cls) -> Trainer:
        return NativeTrainer()


@pytest.fixture(params=supported_instruction_sets())
def each_instruction_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EVONAS_ISA", request.param)
    return str(request.param)


@pytest.mark.parametrize("rate", [0.01, 1e30])
def test_epochs_that_one_call_trains_are_those_that_are_trained_one_by_one(
    monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    splits, network = random_splits(40), random_network(np.random.default_rng(40), "layer", **WIDE)
    recipe = replace(EVERYTHING, shift=0, flip=False, learning_rate=rate)

    def train() -> Any:
        try:
            trained = NativeTrainer().train(Assignment(network, recipe, 7, 3, Stop()), splits)
        except FloatingPointError as error:
            return str(error)
        edges = trained.network.genotype.edges.tolist(), trained.network.edge.tolist()
        return (*edges, trained.history, trained.edge_updates)

    together = train()
    assert isinstance(together, str) == (rate > 1), together
    monkeypatch.setattr("search_spaces.neuron.trainer.native.SAMPLES_AT_ONCE", 1)
    assert train() == together


EVERYTHING = Recipe(
    batch_size=48, input_dropout=0.2, hidden_dropout=0.1, shift=1, flip=True, label_smoothing=0.1, clip_norm=1.0,
    pruning=Pruning(edges=120, every=3, end=0.5), regrowth=Regrowth(fraction=0.2, every=3),
)


@pytest.mark.parametrize(
    ("norm", "batch_size"),
    [("layer", 48), ("none", 25), *(("layer-affine", batch_size) for batch_size in (16, 25, 32, 64, 96, 128))],
)
def test_training_on_each_instruction_set_equals_the_reference(
    each_instruction_set: str, norm: Norm, batch_size: int
) -> None:
    assert instruction_set() == each_instruction_set
    network = random_network(np.random.default_rng(40), norm, **WIDE)
    recipe = replace(EVERYTHING, batch_size=batch_size)
    SharingContract().assert_equals_reference(NativeTrainer(), network, random_splits(40, task=IMAGES), recipe)


@pytest.mark.parametrize(
    ("norm", "batch_size"), [("layer", 48), ("none", 25), ("layer-affine", 16), ("layer-affine", 128)]
)
@pytest.mark.parametrize("release_at", [0.3, 1.0])
def test_training_of_shared_parameters_on_each_instruction_set_equals_the_reference(
    each_instruction_set: str, norm: Norm, batch_size: int, release_at: float
) -> None:
    network = shared_network(50, norm, release_at=release_at)
    recipe = replace(EVERYTHING, batch_size=batch_size)
    SharingContract().assert_equals_reference(NativeTrainer(), network, random_splits(50, task=IMAGES), recipe)


@pytest.mark.parametrize("release_at", [0.0, 0.5, 1.0])
def test_a_convolution_is_trained_released_and_pruned_as_in_torch(each_instruction_set: str, release_at: float) -> None:
    torch.manual_seed(2)  # no gradient is 0 but for rounding, which Adam would blow up to full steps
    layers = (
        Layer(4, (3, 3), (1, 1), (1, 1), Activation.NORM), Layer(3, (3, 2), (2, 1), (1, 0), Activation.LINEAR),
        Layer(3, (2, 2), (1, 2), (0, 0), Activation.RELU),
    )
    case = Case((2, 6, 7), layers, "layer-affine")
    written = Written(case, ConvolutionalModule(case))
    genotype = replace(written.genotype, release_at=release_at)
    network = replace(written.network, genotype=genotype)
    recipe = Recipe(batch_size=20, pruning=Pruning(edges=genotype.n_edges * 3 // 4, every=2, end=0.3))
    native, in_torch = (
        trainer.train(Assignment(network, recipe, 6, 1, Stop()), random_splits(51, task=case.task))
        for trainer in (NativeTrainer(), TorchTrainer())
    )
    assert native.network.genotype == in_torch.network.genotype
    assert native.network.genotype.is_shared == (release_at == 1)
    assert_close([row.train_loss for row in native.history], [row.train_loss for row in in_torch.history])
    for name in ("edge", "bias", "gain"):
        assert_close(getattr(native.network, name), getattr(in_torch.network, name), rtol=1e-3, atol=2e-4)


def train(seed: int, splits: Splits) -> Any:
    network = random_network(np.random.default_rng(seed), **WIDE)
    return NativeTrainer().train(Assignment(network, EVERYTHING, 4, seed, Stop()), splits)


def test_results_do_not_depend_on_how_many_candidates_train_at_once() -> None:
    splits = random_splits(41, task=IMAGES)
    alone = [train(seed, splits) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: train(seed, random_splits(41, task=IMAGES)), range(8)))
    for first, second in zip(alone, together, strict=True):
        assert first.history == second.history
        np.testing.assert_array_equal(first.network.edge, second.network.edge)


def test_inputs_are_packed_once_and_forgotten_with_their_samples() -> None:
    samples = random_samples(np.random.default_rng(42), 37)
    with ThreadPoolExecutor(4) as pool:
        groups = list(pool.map(library.packed, [samples] * 8))
    groups.append(library.packed(replace(samples, y=samples.y.copy())))
    assert all(group is groups[0] for group in groups)
    assert groups[0].ctypes.data % 64 == 0
    unpacked = groups[0].transpose(0, 2, 1).reshape(-1, 12)
    np.testing.assert_array_equal(unpacked[:37], samples.flat)
    assert (unpacked[37:] == 0).all()
    assert len(unpacked) % GROUP == 0
    gc.collect()  # what other tests left behind
    n_packed = len(library._packed)
    del samples, groups
    gc.collect()
    assert len(library._packed) == n_packed - 1


def test_a_stop_from_another_thread_ends_a_long_epoch() -> None:
    stop = Stop()
    samples = random_samples(np.random.default_rng(43), 1 << 14)
    splits = Splits("long", CLASSES, samples, random_samples(np.random.default_rng(43), 8), "none")
    network = random_network(np.random.default_rng(43), **WIDE)
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(NativeTrainer().train, Assignment(network, Recipe(batch_size=1), 100, 0, stop), splits)
        stop.request()
        with pytest.raises(Cancelled):
            training.result()


@pytest.mark.parametrize("edge", [(0, 10**6), (-1, 14), (20, 14)])
def test_an_invalid_genotype_is_refused_and_never_reaches_native_code(edge: tuple[int, int]) -> None:
    network = random_network(np.random.default_rng(44))
    edges = network.genotype.edges.copy()
    edges[3] = edge
    broken = replace(network, genotype=replace(network.genotype, edges=edges))
    with pytest.raises(InvalidGenotype):
        NativeTrainer().predict(broken, random_samples(np.random.default_rng(44), 4))


@pytest.mark.parametrize("batch_size", [64, 16, 10])
def test_a_nan_in_the_data_is_a_failure_not_a_result(batch_size: int) -> None:
    splits = random_splits(45)
    splits.train.x[77, 3] = np.nan
    network = random_network(np.random.default_rng(45), density=1.0)
    with pytest.raises(FloatingPointError):
        NativeTrainer().train(Assignment(network, Recipe(batch_size=batch_size), 1, 0, Stop()), splits)


def test_samples_that_are_not_contiguous_are_read_all_the_same() -> None:
    rng = np.random.default_rng(46)
    network, samples = random_network(rng), random_samples(rng, 50)
    strided = Samples(np.repeat(samples.x, 2, axis=1)[:, ::2], samples.y)
    assert not strided.x.flags.c_contiguous
    expected = NativeTrainer().gradients(network, samples, CLASSES, PLAIN)
    assert_close(NativeTrainer().gradients(network, strided, CLASSES, PLAIN).edge, expected.edge)


def test_an_instruction_set_that_the_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVONAS_ISA", "avx1024")
    with pytest.raises(ValueError, match="EVONAS_ISA"):
        instruction_set()


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("EVONAS_NATIVE_LIBRARY", str(tmp_path / "missing.so"))
    library._library.cache_clear()
    yield
    library._library.cache_clear()


@pytest.mark.usefixtures("no_library")
def test_without_the_library_the_trainer_is_not_available_and_says_what_to_do() -> None:
    assert not available()
    network = random_network(np.random.default_rng(47))
    with pytest.raises(RuntimeError, match="use the torch trainer"):
        NativeTrainer().predict(network, random_samples(np.random.default_rng(47), 4))


@pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
def test_inputs_that_are_visited_in_blocks_give_the_same_gradients(norm: Norm, each_instruction_set: str) -> None:
    rng = np.random.default_rng(48)
    network = random_network(rng, norm, n_inputs=300, layers=(9, 7), density=0.9)  # 270 inputs a row: several blocks
    task = replace(CLASSES, input_shape=(300,))
    samples = random_samples(rng, 70, task)
    leaves = parameters(network)
    outputs = forward(network, torch.from_numpy(samples.flat.astype(np.float64)), *leaves)
    expected = torch.autograd.grad(mean_loss(outputs, samples, task, PLAIN), leaves, allow_unused=True)
    actual = NativeTrainer().gradients(network, samples, task, PLAIN)
    assert_close(actual.edge, expected[0], rtol=1e-3, atol=2e-5)
    assert_close(actual.bias, expected[1], rtol=1e-3, atol=2e-5)


def test_networks_that_are_visited_in_blocks_are_pruned_and_regrown_alike() -> None:
    rng = np.random.default_rng(49)
    network = random_network(rng, n_inputs=300, layers=(9, 7), density=0.9)
    task = replace(CLASSES, input_shape=(300,))
    splits = Splits("wide", task, random_samples(rng, 100, task), random_samples(rng, 30, task), "none")
    recipe = Recipe(
        batch_size=16, pruning=Pruning(edges=3000, every=4, end=0.5), regrowth=Regrowth(fraction=0.05, every=4)
    )
    SharingContract().assert_equals_reference(NativeTrainer(), network, splits, recipe)
