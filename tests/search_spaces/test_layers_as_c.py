"""Networks of every space of layers as C compute what torch does, whole, with float32 and int8 weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.evaluation.deployment import deployment_names, timed_format
from evonas.export.formats import make_program, program_formats
from evonas.export.layers.c_program import LayerProgram
from evonas.runtimes.compiled import find_compiler
from evonas.types import Task, Weights
from search_spaces.block import space as block
from search_spaces.cell import space as cell
from search_spaces.cnn import space as cnn
from search_spaces.nasbench201 import space as nasbench201
from search_spaces.neuron import space as neuron
from tests.evonas.export.layers.programs import check

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
RANGES = {"running_mean": (-1.0, 1.0), "running_var": (0.5, 2.0), "weight": (0.5, 1.0), "bias": (-1.0, 1.0)}
SPACES: dict[str, tuple[Any, dict[str, Any], tuple[int, int, int]]] = {
    "cell": (cell.create, {"channels": 2, "nodes": 2, "stem": 1}, (3, 9, 11)),
    "cell of its own": (cell.create, {"channels": 2, "nodes": 2, "stem": 1, "per_cell": True, "cells": 3}, (1, 8, 8)),
    "cell of darts": (cell.create, {"operations": "darts", "channels": 2, "nodes": 3, "stem": 2}, (1, 9, 8)),
    "cell of firsov": (cell.create, {"operations": "firsov", "channels": 2}, (1, 8, 8)),
    "tiny cell": (cell.create, {"operations": "tiny", "channels": 4, "stem_stride": 2}, (1, 28, 28)),
    "nasbench201": (nasbench201.create, {"cells": 3, "channels": 2}, (3, 9, 10)),
    "resnet": (block.create, {"width": 2}, (1, 8, 11)),
    "mbconv": (block.create, {"width": 2, "operations": "mbconv", "stem_pool": True}, (3, 17, 16)),
    "cnn": (cnn.create, {}, (1, 13, 12)), "cnn of colours": (cnn.create, {}, (3, 12, 17)),
}


def space_of(name: str) -> Any:
    create, options, shape = SPACES[name]
    return create(Task("classification", shape, 4), options)


def weights_of(space: Any, genotype: Any, seed: int) -> Weights:
    """Fresh ones, with gains, shifts and statistics of BatchNorm that matter."""
    rng = np.random.default_rng(seed)
    state = {name: value.numpy().copy(order="C") for name, value in space.compile(genotype).state_dict().items()}
    return {
        name: value if value.ndim > 1 else rng.uniform(*RANGES[name.rsplit(".", 1)[-1]], value.shape).astype(np.float32)
        for name, value in state.items()
    }


@needs_compiler
@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("name", ["cell", "mbconv", "cnn"])
def test_optimisation_changes_nothing(name: str) -> None:
    assert_compiles(name, range(1))


@needs_compiler
@pytest.mark.parametrize("name", SPACES)
def test_networks_compile_to_what_torch_computes(name: str) -> None:
    assert_compiles(name, range(3))


def assert_compiles(name: str, seeds: range) -> None:
    """Networks of a space, drawn with some seeds, compute as C what torch computes."""
    space = space_of(name)
    target = ExportTarget("net", Scaling(73.0, 90.0), True)
    for seed in seeds:
        genotype = space.sample(np.random.default_rng(seed))
        weights = weights_of(space, genotype, seed)
        floats, bytes_ = (
            make_program(space, space.task, genotype, weights, "c", replace(target, precision=precision))
            for precision in ("float32", "int8-weights")
        )
        assert isinstance(floats, LayerProgram)
        assert isinstance(bytes_, LayerProgram)
        check(floats, n=3)
        check(bytes_, n=3)
        assert bytes_.sizes["flash"] < floats.sizes["flash"]
        assert bytes_.sizes["ram"] == floats.sizes["ram"]


@pytest.mark.parametrize("name", SPACES)
def test_networks_have_sizes_and_are_timed_as_before(name: str) -> None:
    space = space_of(name)
    assert program_formats(space)["c"] == ("float32", "int8-weights")
    assert {"flash", "ram", "int8_flash", "int8_error"} <= set(deployment_names(space, space.task))
    assert timed_format(space) == "onnx"


def test_neurons_have_their_own_c() -> None:
    space = neuron.create(Task("classification", (1, 8, 8), 3), {})
    assert timed_format(space) == "c"
    assert program_formats(space)["c"] == space.formats["c"]


@pytest.mark.parametrize("name", ["cell of darts", "nasbench201", "resnet", "cnn"])
def test_memory_is_less_than_all_layers_take(name: str) -> None:
    space = space_of(name)
    genotype = space.sample(np.random.default_rng(1))
    target = ExportTarget("net", Scaling(73.0, 90.0), True)
    program = make_program(space, space.task, genotype, weights_of(space, genotype, 1), "c", target)
    assert isinstance(program, LayerProgram)
    assert program.sizes["ram"] <= 4 * sum(program.plan.sizes) / 1.5


def test_pools_of_cells_are_named_after_their_operation_and_cell() -> None:
    space = space_of("cell of firsov")
    names = set()
    for seed in range(5):
        genotype = space.sample(np.random.default_rng(seed))
        names |= set(space.layers(genotype, weights_of(space, genotype, seed)).max_pools)
    assert names
    assert all(name.startswith("max_pool_3x3 of cell ") and name[-1].isdigit() for name in names)
