"""Exported networks compute what torch computes, in the memory that they claim."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from evonas.capabilities.export import ExportTarget, Precision
from evonas.data.samples import InputType, Scaling
from evonas.runtimes.compiled import STRICT, compiled, find_compiler
from evonas.runtimes.running import running
from evonas.types import Task
from search_spaces.neuron.export.c_program import CProgram, c_program
from search_spaces.neuron.export.c_tiles import AVX2, AVX512, tiles, whole_windows
from search_spaces.neuron.export.layout import place_layers, slot_of, to_rows
from search_spaces.neuron.export.onnx_program import OnnxProgram, onnx_program
from search_spaces.neuron.export.ordering import kinds_together, neighbours_together
from search_spaces.neuron.genotype import Activation, connected
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.space import create
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.weights import fresh
from tests.search_spaces.neuron.reference import random_genotype, random_network

PIXELS = Scaling([[[40.0]], [[90.0]]], [[[30.0]], [[70.0]]])
TASK = Task("classification", (2, 2, 3), 3)
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def check(program: CProgram | OnnxProgram, tolerance: float = 1e-5) -> None:
    """On random samples the program at work gives what torch gives, relative to the largest output."""
    task, scaling = program.task, program.target.scaling
    mean, std = (np.broadcast_to(np.array(v, float), task.input_shape) for v in (scaling.mean, scaling.std))
    raw = mean + std * np.random.default_rng(9).normal(size=(20, *task.input_shape))
    inputs = np.clip(np.rint(raw), 0, 255).astype(np.uint8) if program.target.byte_inputs else raw.astype(np.float32)
    with torch.no_grad():
        outputs = program.compile()(torch.tensor((inputs - mean) / std, dtype=torch.float32)).numpy()
    expected = outputs * scaling.target_std + np.array(scaling.target_mean)
    format = "c" if isinstance(program, CProgram) else "onnx"
    for portable in (True, False) if format == "c" else (False,):
        with running(program.files([]), format, program.target, task.n_outputs, portable=portable) as network:
            found = network.run(inputs)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


def without_hidden(rng: np.random.Generator) -> Network:
    genotype = random_genotype(rng, layers=())
    weights = fresh(genotype, rng)
    return Network(genotype, weights["edge"], weights["bias"] + 1, weights["gain"], "layer-affine")


def tied(rng: np.random.Generator) -> Network:
    network = random_network(rng)
    ties, edge = network.genotype.ties.copy(), network.edge.copy()
    ties[[0, 5, -1]], edge[[0, 5, -1]] = 3, 0.7
    return replace(network, genotype=replace(network.genotype, ties=ties), edge=edge)


def mixed(rng: np.random.Generator, norm: Norm = "layer-affine") -> Network:
    """Layers with all activations, without the norm, and of linear neurons alone; some share gain and bias."""
    network = random_network(rng, norm, layers=(19, 5, 4, 6), density=0.5)
    genotype = network.genotype
    activations = rng.integers(0, 3, genotype.n_hidden).astype(np.int8)
    activations[genotype.layers == 2] = Activation.LINEAR
    activations[genotype.layers == 3] = rng.integers(1, 3, (genotype.layers == 3).sum())
    channels = np.full(genotype.n_hidden, -1, np.int32)
    channels[np.flatnonzero(activations == Activation.NORM)[::2]] = 7
    channels[np.flatnonzero(activations == Activation.RELU)[:2]] = 2
    for values in (network.bias, network.gain):
        for channel in (7, 2):
            values[: genotype.n_hidden][channels == channel] = 0.3 * channel
    return replace(network, genotype=replace(genotype, activations=activations, channels=channels))


@needs_compiler
@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
@pytest.mark.parametrize("norm", ["layer-affine", "layer", "none"])
def test_mixed_activations_compile_to_what_torch_computes(norm: Norm, precision: Precision) -> None:
    program = c_program(mixed(np.random.default_rng(3), norm), TASK, ExportTarget("net", PIXELS, True, precision))
    assert ("sqrtf" in program.files([])[".c"].decode()) == (norm != "none")
    check(program)


@pytest.mark.parametrize("norm", ["layer-affine", "layer", "none"])
def test_graphs_have_mixed_activations(norm: Norm) -> None:
    check(onnx_program(mixed(np.random.default_rng(3), norm), TASK, ExportTarget("net", PIXELS, True)))


@needs_compiler
@pytest.mark.parametrize("activation", [Activation.RELU, Activation.LINEAR])
def test_networks_without_any_norm_compile(activation: Activation) -> None:
    network = random_network(np.random.default_rng(4))
    genes = np.full(network.genotype.n_hidden, activation, np.int8)
    program = c_program(
        replace(network, genotype=replace(network.genotype, activations=genes)), TASK, ExportTarget("net", PIXELS, True)
    )
    assert program.sizes["flash"] < c_program(network, TASK, program.target).sizes["flash"]  # it has no gains
    check(program)


@needs_compiler
@pytest.mark.parametrize(
    ("norm", "precision"),
    [("layer-affine", "float32"), ("layer-affine", "int8-weights"), ("layer", "float32"), ("none", "float32")],
)
def test_the_compiled_program_computes_what_torch_computes(norm: Norm, precision: Precision) -> None:
    network = random_network(np.random.default_rng(0), norm, layers=(19, 5, 4), density=0.3)
    check(c_program(network, TASK, ExportTarget("net", PIXELS, norm == "layer-affine", precision)))


@pytest.mark.parametrize("norm", ["layer-affine", "layer", "none"])
def test_the_graph_computes_what_torch_computes(norm: Norm) -> None:
    network = random_network(np.random.default_rng(0), norm, layers=(9, 5, 4), density=0.3)
    check(onnx_program(network, TASK, ExportTarget("net", PIXELS, True)))


def test_graphs_of_features_and_of_networks_without_hidden_neurons_compute_what_torch_computes() -> None:
    network = without_hidden(np.random.default_rng(0))
    std = np.geomspace(1e-3, 1e4, 12)
    scaling = Scaling((std * np.linspace(-50, 50, 12)).tolist(), std.tolist(), [5.0, 6.0, 7.0], 20.0)
    check(onnx_program(network, Task("regression", (12,), 3), ExportTarget("net", scaling, False)), 3e-5)


@needs_compiler
@pytest.mark.parametrize(("make", "precision"), [(without_hidden, "float32"), (tied, "int8-weights")])
def test_networks_without_hidden_neurons_and_with_tied_weights_compile(
    make: Callable[[np.random.Generator], Network], precision: Precision
) -> None:
    check(c_program(make(np.random.default_rng(2)), TASK, ExportTarget("net", PIXELS, True, precision)))


@needs_compiler
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
def test_features_of_any_scale_are_normalised_and_predictions_are_in_the_units_of_the_data(
    precision: Precision,
) -> None:
    std = np.geomspace(1e-3, 1e4, 12)
    scaling = Scaling((std * np.linspace(-50, 50, 12)).tolist(), std.tolist(), [5.0, 6.0, 7.0], 20.0)
    network = random_network(np.random.default_rng(1))
    program = c_program(network, Task("regression", (12,), 3), ExportTarget("features", scaling, False, precision))
    check(program, 3e-5)  # means of 50 deviations cost float32 inputs two digits
    assert program.sizes["ram"] == 4 * (12 + program.slots.size)


@needs_compiler
def test_a_layer_in_the_place_of_another_computes_what_it_should() -> None:
    network = random_network(np.random.default_rng(5), layers=(4, 6, 3, 5), density=0.9)
    layer = network.genotype.layer_of[network.genotype.edges]
    part = connected(network.genotype, network.genotype.edges[layer[:, 1] - layer[:, 0] == 1])
    assert part.genotype.n_hidden == network.genotype.n_hidden
    chain = replace(network, genotype=part.genotype, edge=network.edge[layer[:, 1] - layer[:, 0] == 1][part.edges])
    program = c_program(chain, TASK, ExportTarget("net", PIXELS, True))
    assert program.slots.size == 6 + 4
    check(program)


@needs_compiler
def test_no_remark_can_leave_its_comment() -> None:
    rng = np.random.default_rng(3)
    remarks = ['*/ #error "left"', "*??/\n/ #error", "/* /* //", "\\", "ünïcödé */", "a" * 300, "*\r/ int x = ;"]
    program = c_program(random_network(rng), TASK, ExportTarget("net", PIXELS, True))
    header = program.files(remarks)[".h"].decode("ascii")
    assert header.count("*/") == program.files([])[".h"].decode("ascii").count("*/")
    with compiled(program.files(remarks), "net", 3):
        pass


@needs_compiler
def test_names_beyond_ascii_come_back_from_a_header_of_ascii(tmp_path: Path) -> None:
    names = ("größe", "特徴 1", "*/ int x;", "what??/", "back\\", 'a "quote"', "\U0001f600\u202e", "weight [g]#$@`{}")
    target = ExportTarget("net", PIXELS, True, classes=("ä", "ö", "ü"), inputs=names)
    program = c_program(random_network(np.random.default_rng(3)), TASK, target)
    files = program.files([f"inputs, in this order: {', '.join(names)}"])
    header = files[".h"].decode("ascii")
    assert "gr\\u00f6\\u00dfe" in header, "C99 names characters so"
    assert "weight [g]#$@`{}" in header
    assert "?" not in header, "no trigraph"
    with compiled(files, "net", 3):  # with -Wall -Wextra -Werror -pedantic
        pass
    for suffix, text in files.items():
        (tmp_path / f"net{suffix}").write_bytes(text)
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void) { const char *const names[] = NET_INPUT_NAMES; '
        "const char *const classes[] = NET_CLASS_NAMES; unsigned i; "
        "for (i = 0; i < sizeof names / sizeof *names; i++) puts(names[i]); "
        "for (i = 0; i < NET_OUTPUTS; i++) puts(classes[i]); return 0; }\n"
    )
    subprocess.run([*(find_compiler() or ()), *STRICT, "main.c", "-o", "main"], check=True, cwd=tmp_path)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, check=True).stdout.decode()
    assert printed.splitlines() == [*names, "ä", "ö", "ü"]


def test_names_that_a_line_of_c_may_have_no_room_for_stand_in_the_comment_only() -> None:
    target = ExportTarget("net", PIXELS, True, inputs=tuple(f"column {i}" for i in range(500)))
    header = c_program(random_network(np.random.default_rng(3)), TASK, target).files([])[".h"].decode("ascii")
    assert "INPUT_NAMES" not in header
    assert max(map(len, header.splitlines())) < 4095


def test_int8_weights_are_the_nearest_multiples_of_their_layers_scale() -> None:
    network = neighbours_together(random_network(np.random.default_rng(4)))
    program = c_program(network, TASK, ExportTarget("net", Scaling(), False, "int8-weights"))
    stored = program.numbers.weights
    assert stored.values.dtype == np.int8
    assert stored.scales is not None
    error = np.abs(program.numbers.network.edge - network.edge)
    assert 0 < error.max() <= np.abs(network.edge).max() / 127 * 0.501
    for part in (program.inputs, program.hidden):
        assert np.abs(part.weights.astype(int)).max() == 127


def test_a_real_network_takes_at_most_eight_bytes_an_edge_and_four_with_int8_weights() -> None:
    task = Task("classification", (1, 28, 28), 10)
    space = create(task, {})
    for seed in range(8):
        rng = np.random.default_rng(seed)
        genotype = space.sample(rng)
        for precision, limit in (("float32", 8.0), ("int8-weights", 4.0)):
            target = ExportTarget("net", Scaling([[[73.0]]], [[[90.0]]]), True, precision)  # type: ignore[arg-type]
            program = space.export(genotype, fresh(genotype, rng), "c", target)
            assert program.sizes["flash"] <= limit * genotype.n_edges
            assert program.sizes["ram"] <= 4 * genotype.n_hidden


def test_layers_that_are_still_read_never_share_a_slot() -> None:
    shared = False
    for seed in range(10):
        genotype = random_genotype(np.random.default_rng(seed), layers=(4, 6, 3, 5))
        layer = genotype.layer_of[genotype.edges]
        genotype = connected(genotype, genotype.edges[layer[:, 1] - layer[:, 0] <= 1 + seed % 3]).genotype
        slots = place_layers(genotype)
        slot = slot_of(genotype, slots)
        for target_layer in range(1, genotype.depth + 1):
            into = genotype.edges[genotype.layer_of[genotype.edges[:, 1]] >= target_layer, 0]
            alive = np.unique(into[(into >= genotype.n_inputs) & (genotype.layer_of[into] < target_layer)])
            own = np.flatnonzero(genotype.layers == target_layer)
            places = slot[np.concatenate([alive - genotype.n_inputs, own]).astype(int)]
            assert len(set(places)) == len(places)
        shared |= slots.size < genotype.n_hidden
        assert slot.max(initial=-1) + 1 == slots.size
    assert shared


def test_steps_lead_to_the_columns_of_the_matrix() -> None:
    rng = np.random.default_rng(6)
    matrix = np.where(rng.random((7, 60)) < 0.1, rng.normal(size=(7, 60)), 0.0)
    matrix[3] = 0
    row, column = np.nonzero(matrix)
    shuffled = rng.permutation(len(row))
    rows = to_rows(row[shuffled], column[shuffled], matrix[row, column][shuffled], 7, 9)
    assert rows.steps.max() == 9
    assert len(rows.steps) > len(row)
    found = np.zeros_like(matrix)
    for i, (first, last) in enumerate(pairwise(np.concatenate([[0], np.cumsum(rows.counts)]))):
        np.add.at(found[i], np.cumsum(rows.steps[first:last]), rows.weights[first:last])
    np.testing.assert_array_equal(found, matrix)


@needs_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the tiles are for x86-64")
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
def test_tiles_for_avx2_give_the_same(precision: Precision, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    assert compiler is not None
    monkeypatch.setenv("CC", " ".join([*compiler, "-mno-avx512f"]))
    space = create(Task("classification", (1, 9, 9), 10), {"founder_edges": (900, 900)})
    genotype = space.sample(np.random.default_rng(3))
    weights = fresh(genotype, np.random.default_rng(4))
    target = ExportTarget("net", Scaling([[[73.0]]], [[[90.0]]]), True, precision)
    check(space.export(genotype, weights, "c", target))  # type: ignore[arg-type]


def test_the_largest_cell_of_a_row_decides_the_steps_of_its_tile() -> None:
    row, place = np.array([0, 0, 0, 15, 15, 16, 17, 17]), np.array([0, 31, 32, 1, 2, 40, 64, 65])
    assert (whole_windows(45), whole_windows(64)) == (64, 64)
    wide, narrow = (tiles(row, place, np.array([17, 3]), 96, shape) for shape in (AVX512, AVX2))
    assert wide.steps.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 2]]
    assert narrow.steps.tolist() == [[1, 1, 1, 0, 0, 0], [2, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 2, 0]]


@pytest.mark.parametrize("make", [tied, mixed, partial(mixed, norm="none")])
def test_neurons_in_another_order_are_the_same_network(make: Callable[[np.random.Generator], Network]) -> None:
    network = make(np.random.default_rng(7))
    x = torch.randn(5, 12, generator=torch.Generator().manual_seed(0))
    for moved in (neighbours_together(network), kinds_together(network)):
        moved.genotype.validate()
        assert torch.allclose(NeuronModule(moved)(x), NeuronModule(network)(x), atol=1e-5)
        rank = moved.genotype.layers * 3 + moved.genotype.activations
        assert (np.diff(rank) >= 0).all()


def test_neurons_stand_beside_those_with_near_sources() -> None:
    network = tied(np.random.default_rng(7))
    moved = neighbours_together(network)
    mean = [moved.genotype.edges[moved.genotype.edges[:, 1] == 12 + i, 0].mean() for i in range(6)]
    assert mean == sorted(mean)
    assert moved.genotype.edges.tolist() != network.genotype.edges.tolist()


def test_weights_that_are_not_finite_are_not_exported() -> None:
    network = random_network(np.random.default_rng(0))
    network.edge[3] = np.nan
    with pytest.raises(ValueError, match="'edge' holds values that are not finite"):
        c_program(network, TASK, ExportTarget("net", PIXELS, True))


@needs_compiler
@pytest.mark.parametrize("precision", ["float32", "int8-weights"])
@pytest.mark.parametrize(
    ("mean", "std", "input_type"), [(1e7, 1.0, "float64"), (2016.0, 0.3, "float32"), (-5e4, 10.0, "float32")]
)
def test_inputs_far_from_0_are_normalised_as_in_float64(
    mean: float, std: float, input_type: InputType, precision: Precision
) -> None:
    scaling = Scaling([[[mean]], [[2 * mean]]], [[[std]], [[3 * std]]], input_type=input_type)
    network = random_network(np.random.default_rng(0), "layer-affine", layers=(19, 5, 4), density=0.3)
    target = ExportTarget("net", scaling, False, precision)
    samples = np.random.default_rng(1).normal(size=(50, *TASK.input_shape)).astype(np.float32)
    inputs = scaling.restore(samples).astype(target.input_type)
    programs = {"c": c_program(network, TASK, target), "onnx": onnx_program(network, TASK, target)}
    for format, program in programs.items():
        if format == "onnx" and precision == "int8-weights":
            continue
        with torch.no_grad():
            expected = program.compile()(torch.from_numpy(scaling.normalise(inputs))).numpy()
        for portable in (True, False) if format == "c" else (False,):
            with running(program.files([]), format, target, 3, portable=portable) as working:
                np.testing.assert_allclose(working.run(inputs), expected, rtol=0, atol=1e-5)
