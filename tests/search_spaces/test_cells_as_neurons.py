"""Cells lowered to single neurons compute what the cells do: all operation sets, with BatchNorm that matters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evonas.capabilities.layers import ConstantNetwork
from evonas.data.samples import Samples
from evonas.testing.layer_reference import outputs_of
from evonas.types import Floats, Task, Weights
from search_spaces.cell import space as cell
from search_spaces.neuron import space as neuron
from search_spaces.neuron.genotype import Activation

RANGES = {"running_mean": (-1.0, 1.0), "running_var": (0.5, 2.0), "weight": (-1.0, 1.0), "bias": (-1.0, 1.0)}
OPTIONS: dict[str, dict[str, Any]] = {
    "firsov": {"nodes": 2, "stem": 1}, "darts": {"nodes": 2, "stem": 1}, "nasbench201": {}, "tiny": {},
}


def weights_of(space: cell.CellSpace, genotype: Any, rng: np.random.Generator) -> Weights:
    """Weights, gains, shifts and statistics of BatchNorm at random; convolutions as they are when fresh."""
    state = {name: value.numpy().copy(order="C") for name, value in space.compile(genotype).state_dict().items()}
    return {
        name: value if value.ndim > 1 else rng.uniform(*RANGES[name.rsplit(".", 1)[-1]], value.shape).astype(np.float32)
        for name, value in state.items()
    }


@pytest.mark.parametrize("operations", list(OPTIONS))
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), shape=st.sampled_from([(1, 8, 8), (3, 9, 11), (1, 17, 16)]), own=st.booleans())
def test_a_lowered_cell_computes_what_the_cell_does(
    operations: str, seed: int, shape: tuple[int, int, int], own: bool
) -> None:
    task, rng = Task("classification", shape, 3), np.random.default_rng(seed)
    stride = 2 if min(shape[1:]) >= 16 else 1
    options = {"operations": operations, "channels": 2, "stem_stride": stride, "per_cell": own, **OPTIONS[operations]}
    cells, neurons = cell.create(task, options), neuron.create(task, {})
    found = cells.sample(rng)
    weights = weights_of(cells, found, rng)
    graph = cells.layers(found, weights)
    assert bool(graph.max_pools) == any("max" in name for c in found.cells for node in c for name, _ in node)
    graph = graph.with_average_pools()
    x: Floats = rng.normal(size=(4, *shape)).astype(np.float32)
    try:
        genotype, lowered = neurons.lower(graph, rng)
    except ConstantNetwork:
        outputs = outputs_of(graph, x)
        np.testing.assert_allclose(outputs, outputs[[0] * 4])
        return
    expected = _averaging(cells.compile(found, weights), x)
    tolerance = 1e-5 * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(neurons.predict(genotype, lowered, Samples(x, np.zeros(4, np.int64))), expected,
                               atol=tolerance)
    assert not (genotype.activations == Activation.NORM).any()
    assert neurons.cost(genotype)["params"] < neurons.cost(genotype)["edges"]
    neurons.validate(neurons.mutate(genotype, rng).genotype)


def _averaging(network: torch.nn.Module, x: Floats) -> Floats:
    """Outputs of a network in evaluation mode, whose max-pooling takes averages."""
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.MaxPool2d):
                setattr(module, name, torch.nn.AvgPool2d(3, child.stride, 1, count_include_pad=False))
    with torch.no_grad():
        outputs: Floats = network.eval()(torch.from_numpy(x)).numpy()
    return outputs


def test_small_cells_of_fashion_have_the_edges_of_small_devices() -> None:
    task = Task("classification", (1, 28, 28), 10)
    neurons = neuron.create(task, {})
    for channels, low, high in ((2, 5_000, 60_000), (8, 60_000, 600_000)):
        cells = cell.create(task, {"operations": "tiny", "channels": channels, "stem_stride": 2})
        for seed in range(4):
            rng = np.random.default_rng(seed)
            found = cells.sample(rng)
            genotype, _ = neurons.lower(cells.layers(found, weights_of(cells, found, rng)), rng)
            assert low < genotype.n_edges < high
