"""Networks of cells as ONNX compute what torch does, whole and in parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.export.module import InDataUnits
from evonas.runtimes.onnx_session import onnx_session
from evonas.types import Floats, Task
from search_spaces.cell.space import CellSpace, create

SCALING = Scaling([[[100.0]]], [[[60.0]]])
TARGET = ExportTarget("network", SCALING, True)


def space_of(shape: tuple[int, int, int] = (1, 8, 8), **options: Any) -> CellSpace:
    return create(Task("classification", shape, 3), {"channels": 2, "nodes": 2, **options})


def weights_of(space: CellSpace, genotype: Any) -> dict[str, Floats]:
    """Fresh ones, but with statistics of BatchNorm that matter."""
    rng = np.random.default_rng(1)
    state = {name: value.numpy().copy(order="C") for name, value in space.compile(genotype).state_dict().items()}
    changes = {"running_mean": (-1.0, 1.0), "running_var": (0.5, 2.0)}
    return {
        name: rng.uniform(*changes[kind], value.shape).astype(np.float32)
        if (kind := name.rsplit(".", 1)[-1]) in changes else value
        for name, value in state.items()
    }


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 11)])
@pytest.mark.parametrize("operations", ["firsov", "darts", "nasbench201", "tiny"])
def test_the_graph_computes_what_torch_does(operations: str, shape: tuple[int, int, int]) -> None:
    space = space_of(shape, operations=operations)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (4, *shape)).astype(np.uint8)
    for genotype in [space.sample(rng) for _ in range(3)]:
        program = space.export(genotype, weights_of(space, genotype), "onnx", TARGET)
        with torch.no_grad():
            expected = InDataUnits(program.compile(), SCALING).eval()(torch.from_numpy(x)).numpy()
        with onnx_session(program.files(["a remark"])) as network:
            np.testing.assert_allclose(network.run(x), expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


def test_a_node_that_nothing_leads_to_is_zero() -> None:
    space = space_of(operations="nasbench201")
    none = space.choices.none
    assert none is not None
    arch = np.eye(5, dtype=np.float32)[np.full(space.choices.n_choices, none)]
    genotype = space.discretize(arch)
    assert space.cost(genotype)["edges"] == 0
    program = space.export(genotype, weights_of(space, genotype), "onnx", TARGET)
    with onnx_session(program.files(())) as network:
        outputs = network.run(np.random.default_rng(0).integers(0, 256, (2, 1, 8, 8)).astype(np.uint8))
    np.testing.assert_array_equal(outputs[0], outputs[1])


@pytest.mark.parametrize("operations", ["firsov", "darts", "nasbench201", "tiny"])
def test_every_edge_of_a_network_is_one_part(operations: str) -> None:
    space = space_of(operations=operations, cells=5)
    for seed in range(5):
        genotype = space.sample(np.random.default_rng(seed))
        counts = np.einsum("ij,ijk->k", space.arch_of(genotype), space.timed_parts.counts)
        assert counts.sum() == space.cost(genotype)["edges"]


@pytest.mark.parametrize("operations", ["firsov", "darts"])
def test_copies_of_a_part_are_all_run(operations: str) -> None:
    space = space_of(operations=operations)
    for name in space.timed_parts.names:
        with onnx_session(space.probe(name, 1)) as one, onnx_session(space.probe(name, 3)) as three:
            x = np.random.default_rng(0).normal(size=(1, *one.input_shape)).astype(np.float32)
            once, thrice = one.run(x), three.run(x)
        assert once.shape == thrice.shape
        assert not np.allclose(once, thrice)
