"""Exported networks store each shared weight once, and compute what torch computes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evonas.capabilities.export import INTEGER_TYPES, ExportTarget, Precision
from evonas.data import load
from evonas.data.samples import Scaling
from evonas.evaluation.deployment import DeploymentEvaluator
from evonas.run.export import write_program
from evonas.run.package import Package
from evonas.runtimes.compiled import compiled, find_compiler
from evonas.space import Phenotype
from evonas.training import Stop
from evonas.types import IntegerType, Task
from search_spaces.neuron.export.c_program import CProgram, c_program
from search_spaces.neuron.export.integer_program import IntegerProgram, integer_program
from search_spaces.neuron.export.maps import LEAST_SHARING, find_maps, segments
from search_spaces.neuron.export.onnx_program import onnx_program
from search_spaces.neuron.export.ordering import channels_together
from search_spaces.neuron.genotype import Activation, connected
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer.base import Network, Norm
from tests.search_spaces.neuron.convolutions import Level, convolutional, with_weights
from tests.search_spaces.neuron.export.test_programs import check, needs_compiler, tied
from tests.search_spaces.neuron.mutants import examples, seeds

Make: TypeAlias = Callable[[], Network]
COLOURS = Scaling([[[40.0]], [[90.0]]], [[[30.0]], [[70.0]]])


def stack(norm: Norm = "layer-affine", *, pooled: bool = True) -> Network:
    """Two convolutions and ten outputs, which are connected to each neuron or have one weight a channel."""
    return convolutional([Level(4, 5, 2), Level(6, 3, 2)], (2, 14, 14), pooled=pooled, norm=norm)


def with_skip() -> Network:
    """The second and third level read the inputs or the first one, too, at other strides; activations differ."""
    levels = [
        Level(4, 3, 1, activation=Activation.LINEAR), Level(4, 3, 2, (1, 0), Activation.RELU), Level(5, 3, 1, (2, 1))
    ]
    return convolutional(levels, (2, 14, 14), pooled=True)


def partly_shared(drop: float = 0.01, grow: int = 60, free: float = 0.02) -> Network:
    """Some edges pruned, some added, some with weights of their own."""
    network, rng = stack(), np.random.default_rng(1)
    genotype = network.genotype
    pairs = rng.integers(0, genotype.n_neurons, (grow, 2))
    pairs = pairs[genotype.layer_of[pairs[:, 0]] < genotype.layer_of[pairs[:, 1]]]
    edges, ties = genotype.edges, np.where(rng.random(genotype.n_edges) < free, np.int32(-1), genotype.ties)
    kept = rng.random(len(edges)) > drop
    joined, first = np.unique(np.concatenate([edges[kept], pairs]), axis=0, return_index=True)
    ties = np.concatenate([ties[kept], np.full(len(pairs), -1, np.int32)])[first]
    return with_weights(connected(genotype, joined, ties).genotype, rng)


def without_channels() -> Network:
    """Neurons have biases and gains of their own; those of ReLUs are added to the sums."""
    network = stack()
    genotype, hidden = network.genotype, np.arange(network.genotype.n_hidden)
    activations = np.where(genotype.layers == 1, Activation.RELU, Activation.NORM).astype(np.int8)
    return with_weights(
        replace(genotype, channels=np.full(len(hidden), -1, np.int32), activations=activations),
        np.random.default_rng(2),
    )


def across_channels() -> Network:
    """Two channels of a level have one kernel, and two levels share a weight."""
    network = stack()
    genotype = network.genotype
    ties = genotype.ties.copy()
    own = np.unique(ties[genotype.layer_of[genotype.edges[:, 1]] == 1])
    n = len(own) // 4  # weights a channel; the names count up channel by channel
    ties[np.isin(ties, own[n : 2 * n])] -= n
    deeper = np.unique(ties[genotype.layer_of[genotype.edges[:, 1]] == 2])
    ties[ties == deeper[0]] = own[0]
    return with_weights(replace(genotype, ties=ties), np.random.default_rng(3))


def signal() -> Network:
    """Receptive fields over time."""
    return convolutional([Level(6, 5, 2), Level(6, 5, 2)], (2, 1, 98), 4, pooled=True, norm="layer")


NETWORKS: dict[str, Make] = {
    "stack": stack, "dense outputs": partial(stack, pooled=False), "no norm": partial(stack, "none"),
    "skip": with_skip, "partly shared": partly_shared, "without channels": without_channels,
    "across channels": across_channels, "signal": signal,
}


def program(network: Network, *, byte_inputs: bool = True, precision: Precision = "float32") -> CProgram:
    genotype = network.genotype
    shape = (2, 1, 98) if genotype.n_inputs == 196 else (2, 14, 14)
    task = Task("classification", shape, genotype.n_outputs)
    return c_program(network, task, ExportTarget("net", COLOURS, byte_inputs, precision))


@needs_compiler
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        *((name, "float32") for name in NETWORKS),
        *((name, "int8-weights") for name in ("stack", "skip", "partly shared")),
    ],
)
def test_shared_weights_compile_to_what_torch_computes(name: str, precision: Precision) -> None:
    found = program(NETWORKS[name](), precision=precision)
    assert "kernel_weights" in found.files([])[".c"].decode()
    check(found)


@needs_compiler
def test_shared_weights_take_floats_and_predict_in_the_units_of_the_data() -> None:
    network = stack("layer", pooled=True)
    scaling = Scaling([[[40.0]], [[900.0]]], [[[30.0]], [[7.0]]], np.arange(10.0).tolist(), 20.0)
    check(c_program(network, Task("regression", (2, 14, 14), 10), ExportTarget("net", scaling, False)), 3e-5)
    check(program(network, byte_inputs=False))


@needs_compiler
@pytest.mark.usefixtures("optimised")
def test_optimisation_changes_neither_what_is_computed_nor_a_bit_of_integers() -> None:
    check(program(with_skip()))
    test_shared_weights_compile_to_the_bits_of_the_reference_in_integers("partly shared", "int8")


@needs_compiler
@pytest.mark.usefixtures("optimised")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the tiles are for x86-64")
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
def test_tiles_for_avx2_have_shared_weights(precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    assert compiler is not None
    monkeypatch.setenv("CC", " ".join([*compiler, "-mno-avx512f"]))
    check(program(partly_shared(), precision=precision))


@needs_compiler
@pytest.mark.parametrize("make", [with_skip, partly_shared, across_channels])
def test_sanitizers_find_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    assert compiler is not None
    monkeypatch.setenv("CC", " ".join([*compiler, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]))
    check(program(make(), precision="int8-weights"))


def test_the_graph_has_shared_weights() -> None:
    check(onnx_program(with_skip(), Task("classification", (2, 14, 14), 10), ExportTarget("net", COLOURS, True)))


@pytest.mark.parametrize("name", ["stack", "skip", "no norm"])
def test_each_weight_and_each_bias_is_stored_once(name: str) -> None:
    network = NETWORKS[name]()
    genotype = network.genotype
    for precision, size in (("float32", 4), ("int8-weights", 1)):
        tables = program(network, precision=precision)._tables  # type: ignore[arg-type]
        assert tables["kernel_weights"].nbytes == size * genotype.n_weights
        assert not any("steps" in table and "segment" not in table for table in tables)
        normed = np.unique(genotype.channels[genotype.activations == Activation.NORM])
        assert len(tables.get("gain", normed)) == len(normed)
    n_rows = genotype.n_hidden + genotype.n_outputs
    assert program(network).sizes["flash"] < 4 * genotype.n_weights + n_rows + 3000


def test_a_network_of_900_weights_takes_6_kilobytes_in_the_place_of_360() -> None:
    network = convolutional([Level(8, 5, 2), Level(8, 3, 2)], (1, 28, 28), pooled=True)
    genotype = network.genotype
    assert (genotype.n_edges, genotype.n_weights) == (65432, 856)
    task, target = Task("classification", (1, 28, 28), 10), ExportTarget("net", Scaling([[[73.0]]], [[[90.0]]]), True)
    untied = replace(genotype, ties=np.full(genotype.n_edges, -1, np.int32))
    assert c_program(replace(network, genotype=untied), task, target).sizes["flash"] > 360_000
    assert c_program(network, task, target).sizes["flash"] < 6000
    assert c_program(network, task, replace(target, precision="int8-weights")).sizes["flash"] < 3000


def test_flash_grows_with_what_is_not_shared() -> None:
    sizes = [program(partly_shared(0.0, 0, free)).sizes["flash"] for free in (0.0, 0.01, 0.05, 1.0)]
    assert sizes == sorted(sizes)
    assert sizes[1] < sizes[-1] / 5


def test_weights_that_share_nothing_regular_stand_in_rows() -> None:
    network = tied(np.random.default_rng(0))
    target, task = ExportTarget("net", COLOURS, True), Task("classification", (2, 2, 3), 3)
    untied = replace(network.genotype, ties=np.full(network.genotype.n_edges, -1, np.int32))
    expected = c_program(replace(network, genotype=untied), task, target).files([])
    assert c_program(network, task, target).files([]) == expected


@pytest.mark.parametrize("name", NETWORKS)
def test_neurons_with_their_channels_together_are_the_same_network(name: str) -> None:
    network = NETWORKS[name]()
    moved = channels_together(network)
    moved.genotype.validate()
    x = torch.randn(5, network.genotype.n_inputs, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(NeuronModule(moved)(x), NeuronModule(network)(x), atol=1e-4)


@examples
@given(seeds, st.floats(0, 0.5), st.integers(0, 40), st.sampled_from([0, *LEAST_SHARING]))
def test_maps_and_rows_are_the_edges_of_the_network(
    seed: int, drop: float, n_names: int, least_sharing: float
) -> None:
    """Whatever is shared: runs, patterns and segments lead to the same columns and weights."""
    rng = np.random.default_rng(seed)
    levels = [Level(2, 3, int(rng.integers(1, 3))), Level(2, 3, 2, (1, 0))]
    network = convolutional(levels, (1, 8, 8), 3, pooled=bool(rng.integers(2)), rng=rng)
    genotype = network.genotype
    kept = rng.random(genotype.n_edges) >= drop
    ties = np.where(rng.random(genotype.n_edges) < 0.1, rng.integers(-1, n_names, genotype.n_edges), genotype.ties)
    part = connected(genotype, genotype.edges[kept], ties[kept].astype(np.int32)).genotype
    ordered = channels_together(with_weights(part, rng)).genotype
    columns, values = ordered.edges[:, 0].astype(np.int64), ordered.ties.astype(np.int64)
    maps = find_maps(ordered, columns, values, least_sharing)
    if maps is None:
        return
    pieces, starts = segments(maps.patterns)
    found = set()
    for map, plan in enumerate(maps.plans):
        row = int(maps.rows[map] + ordered.layer_offsets[maps.layers[map]])
        for run in range(maps.plan_starts[plan], maps.plan_starts[plan + 1]):
            row += int(maps.runs.gaps[run])
            for i in range(int(maps.runs.counts[run])):
                column = int(maps.columns[map] + maps.runs.columns[run] + i * maps.runs.strides[run])
                for s in range(starts[maps.runs.patterns[run]], starts[maps.runs.patterns[run] + 1]):
                    column += int(pieces.steps[s])
                    for k in range(abs(int(pieces.taps[s]))):
                        weight = maps.first_weights[map] + pieces.weights[s] + (k if pieces.taps[s] > 0 else 0)
                        found.add((column, row, int(ordered.ties[maps.weights[weight]])))
                        column += 1
                row += 1
    in_maps = maps.kernels >= 0
    expected = np.stack([columns, ordered.edges[:, 1], ordered.ties], axis=1)[in_maps]
    assert found == {tuple(edge) for edge in expected.tolist()}


@needs_compiler
@pytest.mark.parametrize("format", ["c", "onnx"])
def test_a_network_with_shared_weights_is_written_checked_and_measured(format: str, tmp_path: Path) -> None:
    network, splits = convolutional([Level(4, 3, 1), Level(6, 3, 2)], (1, 8, 8), pooled=True), load("digits")
    space = create(splits.task, {})
    weights = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
    source = {"id": 7, "run": "r", "dataset": "digits", "weights": "weights of the search"}
    genotype, scaling = space.encode(network.genotype), asdict(splits.scaling)
    package = Package("neuron", {}, splits.task, genotype, weights, scaling, {}, source)
    written = write_program(package, splits, tmp_path / f"net.{format}", format)
    assert any("gives what torch gives" in remark for remark in written.remarks)
    if format == "c":
        evaluator = DeploymentEvaluator(space, splits, ("flash", "ram", "int8_flash", "int8_error"))
        found = evaluator.measure(Phenotype(network.genotype, weights), Stop())
        assert found["int8_flash"] < found["flash"] < 4 * network.genotype.n_weights + 2000 < network.genotype.n_edges
        assert f"{found['flash']:,.0f} bytes of flash" in " ".join(written.remarks)


@needs_compiler
@pytest.mark.parametrize("integers", INTEGER_TYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_shared_weights_compile_to_the_bits_of_the_reference_in_integers(name: str, integers: IntegerType) -> None:
    network = NETWORKS[name]()
    exported = whole(network, integers)
    assert exported.layout.maps is not None or (name, integers) == ("partly shared", "ternary"), "rows take less there"
    images = np.random.default_rng(0).integers(0, 256, (20, *exported.task.input_shape)).astype(np.uint8)
    with compiled(exported.files([]), "net", exported.task.n_outputs) as running:
        np.testing.assert_array_equal(running.run(images).astype(np.int64), exported.run(images))


@needs_compiler
@pytest.mark.parametrize("make", [with_skip, partly_shared, without_channels])
def test_sanitizers_find_nothing_in_integers(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    assert compiler is not None
    monkeypatch.setenv("CC", " ".join([*compiler, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]))
    test_shared_weights_compile_to_the_bits_of_the_reference_in_integers(
        next(name for name, other in NETWORKS.items() if other is make), "int8"
    )


def test_shared_weights_are_stored_once_in_integers() -> None:
    network = stack()
    shared = whole(network, "int8").sizes["flash"]
    untied = replace(network.genotype, ties=np.full(network.genotype.n_edges, -1, np.int32))
    assert 4 * shared < whole(replace(network, genotype=untied), "int8").sizes["flash"]
    assert shared < 1.05 * program(network, precision="int8-weights").sizes["flash"]


def whole(network: Network, integers: IntegerType) -> IntegerProgram:
    shape = (2, 1, 98) if network.genotype.n_inputs == 196 else (2, 14, 14)
    scaling = replace(COLOURS, input_type="uint8")
    calibration = np.random.default_rng(1).normal(size=(50, *shape)).astype(np.float32)
    target = ExportTarget("net", scaling, True, integers, calibration=calibration)
    return integer_program(network, Task("classification", shape, network.genotype.n_outputs), target)
