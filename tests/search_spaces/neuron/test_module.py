"""The phenotype equals the float64 reference, with every product, and gives its weights back."""

from __future__ import annotations

import copy
import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.neuron.layer_products import BagLayerProduct, DenseLayerProduct, LayerProductName
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.trainer.base import Network, Norm
from tests.search_spaces.neuron.reference import forward, parameters, random_network

PRODUCTS: list[LayerProductName | None] = [None, "dense", "embedding_bag", "csr"]
if importlib.util.find_spec("torch_sparse"):
    PRODUCTS.append("torch_sparse")
#: No hidden neurons, single neurons, skip edges over several layers.
SHAPES: list[tuple[int, ...]] = [(), (1,), (6, 5), (1, 7, 1), (8, 1, 4)]


def seeded_network(seed: int = 0, norm: Norm = "layer-affine", **shape: object) -> Network:
    return random_network(np.random.default_rng(seed), norm, **shape)


def tied(network: Network, edges: list[int]) -> Network:
    """The network with some edges tied, and of equal weight."""
    ties = np.full(network.genotype.n_edges, -1, np.int32)
    ties[edges] = 4
    edge = network.edge.copy()
    edge[edges] = edge[edges[0]]
    return replace(network, genotype=replace(network.genotype, ties=ties), edge=edge)


@pytest.mark.parametrize("product", PRODUCTS)
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**20), layers=st.sampled_from(SHAPES), norm=st.sampled_from(["layer", "layer-affine", "none"]),
    n=st.sampled_from([1, 5, 33]), density=st.sampled_from([0.05, 0.2, 1.0]),
)
def test_outputs_and_gradients_equal_the_float64_reference(
    product: LayerProductName | None, seed: int, layers: tuple[int, ...], norm: Norm, n: int, density: float
) -> None:
    network = seeded_network(seed, norm, layers=layers, density=density)  # thin ones have isolated inputs
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 12))).requires_grad_()
    leaves = parameters(network)
    expected = forward(network, x, *leaves)
    seen = torch.from_numpy(np.random.default_rng(seed + 1).normal(size=expected.shape))
    expected_gradients = torch.autograd.grad(expected, (x, *leaves), seen, allow_unused=True)
    module = NeuronModule(network, product=product).double()
    actual = module(x)
    torch.testing.assert_close(actual, expected)
    trained = {"x": x, "edge": module.edge, "bias": module.bias, "gain": module.gain}
    wanted = [tensor for tensor in trained.values() if tensor.requires_grad]
    gradients = iter(torch.autograd.grad(actual, wanted, seen, allow_unused=True))
    for (name, tensor), reference in zip(trained.items(), expected_gradients, strict=True):
        if reference is not None and tensor.requires_grad:
            torch.testing.assert_close(next(gradients), reference, msg=name)


@pytest.mark.parametrize("product", PRODUCTS)
def test_single_precision_stays_close_to_the_reference(product: LayerProductName | None) -> None:
    network = seeded_network(1, layers=(30, 20), density=0.3)
    x = np.random.default_rng(1).normal(size=(64, 12)).astype(np.float32)
    expected = forward(network, torch.from_numpy(x).double(), *parameters(network)).detach().float()
    torch.testing.assert_close(NeuronModule(network, product=product)(torch.from_numpy(x)).detach(), expected)


def test_images_and_flat_inputs_give_the_same_outputs() -> None:
    module = NeuronModule(seeded_network())
    images = torch.randn(5, 1, 3, 4)
    torch.testing.assert_close(module(images), module(images.reshape(5, 12)))


def test_inputs_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 12 inputs a sample, got 11"):
        NeuronModule(seeded_network())(torch.zeros(2, 11))


def test_its_state_is_the_network_and_nothing_else() -> None:
    module = NeuronModule(seeded_network())
    assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == {
        name: getattr(seeded_network(), name).shape for name in ("edge", "bias", "gain")
    }


@pytest.mark.parametrize("norm", ["layer", "layer-affine", "none"])
def test_training_it_changes_the_network_it_gives_back(norm: Norm) -> None:
    network = seeded_network(norm=norm)
    module = NeuronModule(network)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module(torch.randn(20, 12)).square().sum().backward()
    optimizer.step()
    trained = module.network()
    assert trained.genotype == network.genotype
    assert trained.norm == norm
    assert not np.array_equal(trained.edge, network.edge)
    assert not np.array_equal(trained.bias, network.bias)
    assert np.array_equal(trained.gain, network.gain) == (norm != "layer-affine")
    x = torch.randn(3, 12)
    torch.testing.assert_close(NeuronModule(trained)(x), module(x))


def test_the_network_it_gives_back_does_not_change_when_training_goes_on() -> None:
    module = NeuronModule(seeded_network())
    before = module.network()
    with torch.no_grad():
        module.edge.fill_(7)
    assert not (before.edge == 7).any()


def test_tied_edges_stay_equal_and_get_the_sum_of_their_gradients() -> None:
    network = tied(seeded_network(), [1, 4, 9])
    x = torch.randn(16, 12)
    untied = NeuronModule(replace(network, genotype=seeded_network().genotype))
    untied(x).square().sum().backward()
    module = NeuronModule(network)
    module(x).square().sum().backward()
    gradient, expected = module.edge.grad, untied.edge.grad
    assert gradient is not None
    assert expected is not None
    torch.testing.assert_close(gradient[1], expected[[1, 4, 9]].sum())
    assert not gradient[[4, 9]].any()
    torch.optim.SGD(module.parameters(), lr=0.01).step()
    trained = module.network().edge
    assert trained[1] != network.edge[1]
    assert (trained[[4, 9]] == trained[1]).all()


def test_dense_layers_get_a_dense_product_and_sparse_ones_embedding_bag() -> None:
    dense = NeuronModule(seeded_network(layers=(6, 5), density=1.0))
    sparse = NeuronModule(seeded_network(n_inputs=200, layers=(20,), n_outputs=20, density=0.02))
    assert all(isinstance(product, DenseLayerProduct) for product in dense._products)
    assert all(isinstance(product, BagLayerProduct) for product in sparse._products)


def test_an_unknown_product_is_refused() -> None:
    with pytest.raises(ValueError, match=r"product must be one of dense, .*, got 'magic'"):
        NeuronModule(seeded_network(), product="magic")  # type: ignore[arg-type]


@pytest.mark.skipif("torch_sparse" in PRODUCTS, reason="torch-sparse is installed")
def test_a_missing_torch_sparse_is_named_with_its_remedy() -> None:
    with pytest.raises(ValueError, match=r"pip install evonas\[torch-sparse\]"):
        NeuronModule(seeded_network(), product="torch_sparse")


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_copy_is_independent(product: LayerProductName | None) -> None:
    module = NeuronModule(seeded_network(), product=product)
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.edge.zero_()
    x = torch.randn(4, 12)
    assert not torch.allclose(twin(x), module(x))


def test_moving_it_to_another_device_moves_everything() -> None:
    module = NeuronModule(seeded_network(density=0.1)).to("meta")
    assert {tensor.device.type for tensor in (*module.parameters(), *module.buffers())} == {"meta"}
