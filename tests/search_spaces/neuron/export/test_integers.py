"""Programs of integers compute bit for bit what their reference in numpy computes, without any float."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from evonas.capabilities.export import INTEGER_TYPES, LARGEST_WORD, ExportTarget
from evonas.data.samples import Samples, Scaling, Splits
from evonas.export.data_units import export_target, inputs_of, outputs_of, samples_of
from evonas.runtimes.compiled import compiled, find_compiler
from evonas.types import IntegerType, Task
from search_spaces.neuron.export.fixed_point import factor, inverse_roots, mean, scaled
from search_spaces.neuron.export.integer_program import IntegerProgram, integer_program
from search_spaces.neuron.genotype import Activation
from search_spaces.neuron.module import NeuronModule
from search_spaces.neuron.trainer.base import Network, Norm
from search_spaces.neuron.trainer.rounding import weight_steps
from tests.search_spaces.neuron.reference import random_network

PIXELS = Scaling([[[40.0]], [[90.0]]], [[[30.0]], [[70.0]]], input_type="uint8")
TASK = Task("classification", (2, 2, 3), 3)
NORMS: tuple[Norm, ...] = ("layer-affine", "layer", "none")
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


def bytes_of(n: int, seed: int = 1, shape: tuple[int, ...] = TASK.input_shape) -> NDArray[np.uint8]:
    """Random images, and the extreme ones: black, white, and of one bright pixel each."""
    images = np.random.default_rng(seed).integers(0, 256, (n, int(np.prod(shape)))).astype(np.uint8)
    images[0], images[1], images[2:14] = 0, 255, 255 * np.eye(12, images.shape[1], dtype=np.uint8)[: len(images[2:14])]
    return images.reshape(n, *shape)


def target(integers: IntegerType, scaling: Scaling = PIXELS, shape: tuple[int, ...] = TASK.input_shape) -> ExportTarget:
    takes_bytes = scaling.input_type == "uint8"
    if takes_bytes:
        calibration = scaling.normalise(bytes_of(50, 2, shape))
    else:
        calibration = np.random.default_rng(2).normal(size=(50, *shape)).astype(np.float32)
    return ExportTarget("net", scaling, takes_bytes, integers, calibration=calibration)


def with_all_activations(network: Network, seed: int = 0) -> Network:
    genes = np.random.default_rng(seed).integers(0, 3, network.genotype.n_hidden).astype(np.int8)
    genes[network.genotype.layers == 2] = Activation.LINEAR
    return replace(network, genotype=replace(network.genotype, activations=genes))


def check(program: IntegerProgram, inputs: NDArray[Any]) -> NDArray[Any]:
    files = program.files(["a remark"])
    for text in files.values():
        assert not re.search(rb"\b(float|double|math\.h|sqrt)\b|[0-9]f\b", text.split(b"#ifndef NET_H")[0])
    assert not re.search(rb"\b(float|double|u?int64_t)\b", files[".c"]), "products would need a library"
    with compiled(files, "net", program.task.n_outputs, portable=True) as network:
        found = network.run(inputs)
    expected = program.run(inputs)
    assert np.abs(expected).max() < 2**24
    np.testing.assert_array_equal(found.astype(np.int64), expected)
    return expected


@needs_compiler
@pytest.mark.parametrize("integers", INTEGER_TYPES)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("mixed", [False, True])
def test_c_gives_the_bits_of_the_reference(norm: Norm, integers: IntegerType, mixed: bool) -> None:
    network = random_network(np.random.default_rng(0), norm, layers=(19, 5, 4, 6), density=0.4)
    network = with_all_activations(network) if mixed else network
    outputs = check(integer_program(network, TASK, target(integers)), bytes_of(80))
    assert len(np.unique(outputs)) > 50


@needs_compiler
@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("integers", INTEGER_TYPES)
@pytest.mark.parametrize("norm", NORMS)
def test_optimisation_changes_no_bit(norm: Norm, integers: IntegerType) -> None:
    network = random_network(np.random.default_rng(1), norm, layers=(19, 5, 4, 6), density=0.4)
    check(integer_program(with_all_activations(network), TASK, target(integers)), bytes_of(80))


@needs_compiler
@pytest.mark.parametrize("integers", INTEGER_TYPES)
@pytest.mark.parametrize("layers", [(), (1,), (3, 2, 4, 1, 5, 3, 2, 2), (700,)])
def test_depth_and_width_change_no_bit(layers: tuple[int, ...], integers: IntegerType) -> None:
    network = random_network(np.random.default_rng(3), "layer-affine", layers=layers, density=0.6)
    check(integer_program(network, TASK, target(integers)), bytes_of(40))


@needs_compiler
@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1e3, 1e12])
@pytest.mark.parametrize("norm", NORMS)
def test_parameters_of_any_size_overflow_nothing(
    norm: Norm, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    sanitized(monkeypatch)
    network = with_all_activations(random_network(np.random.default_rng(4), norm, layers=(30, 9, 4), density=0.5))
    rng = np.random.default_rng(5)
    for values in (network.edge, network.bias, network.gain):
        values *= scale ** rng.choice([0, 1], values.shape)
    for integers in INTEGER_TYPES:
        check(integer_program(network, TASK, target(integers)), bytes_of(40))


def sanitized(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = find_compiler()
    assert compiler is not None
    monkeypatch.setenv("CC", " ".join([*compiler, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]))


@needs_compiler
@pytest.mark.parametrize("integers", INTEGER_TYPES)
def test_sanitizers_find_nothing(integers: IntegerType, monkeypatch: pytest.MonkeyPatch) -> None:
    sanitized(monkeypatch)
    shape = (1, 40, 40)
    scaling = Scaling([[[73.0]]], [[[90.0]]], input_type="uint8")
    network = random_network(np.random.default_rng(6), n_inputs=1600, layers=(12, 9), density=0.02)
    dense = random_network(np.random.default_rng(6), n_inputs=1600, layers=(12, 9), density=0.5)
    for each in (network, with_all_activations(network), dense):
        program = integer_program(each, Task("classification", shape, 3), target(integers, scaling, shape))
        check(program, bytes_of(30, 1, shape))
    assert program.layout.stream.count_bytes == 2, "rows of more than 255 edges were tried"


@needs_compiler
@pytest.mark.parametrize("integers", INTEGER_TYPES)
@pytest.mark.parametrize("fill", [False, True])
def test_features_enter_as_words_and_predictions_leave_in_the_units_of_the_data(
    integers: IntegerType, fill: bool
) -> None:
    std = np.geomspace(1e-3, 1e4, 12)
    mean = std * np.linspace(-50, 50, 12)
    scaling = Scaling(
        mean.tolist(), std.tolist(), [5.0, 6e3, 7.0], [20.0, 1e-3, 1e6], fill=mean.tolist() if fill else None
    )
    task = Task("regression", (12,), 3)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 12)).astype(np.float32)
    x[0], x[1] = 1e6, -1e6
    splits = Splits("table", task, Samples(x, x[:, :3]), Samples(x, x[:, :3]), "", scaling)
    goal = export_target(splits, "net", integers)
    program = integer_program(random_network(rng), task, goal)
    inputs = inputs_of(splits.validation, goal)
    assert inputs.dtype == np.int16
    assert np.abs(inputs).max() == LARGEST_WORD
    found = check(program, inputs)
    expected = program.compile()(torch.from_numpy(samples_of(inputs, splits.validation, goal).x)).numpy()
    restored = outputs_of(program.in_data_units(found.astype(np.float32)), goal)
    np.testing.assert_allclose(restored, expected, rtol=1e-6, atol=1e-6)
    header = program.files([])[".h"].decode()
    assert "typedef int16_t net_input;" in header
    assert ("NET_INPUT_FILLS" in header) == fill


@pytest.mark.parametrize(("integers", "tolerance"), [("int8", 0.04), ("int4", 0.5)])
@pytest.mark.parametrize("norm", NORMS)
def test_integers_are_near_the_network_that_they_round(norm: Norm, integers: IntegerType, tolerance: float) -> None:
    network = with_all_activations(random_network(np.random.default_rng(7), norm, layers=(19, 12), density=0.5))
    goal = target(integers)
    x = torch.from_numpy(PIXELS.normalise(bytes_of(200, 3)[14:]))
    with torch.no_grad():
        expected, found = (module(x).numpy() for module in (
            NeuronModule(network), integer_program(network, TASK, goal).compile()
        ))
    error = np.sqrt(((found - expected) ** 2).mean() / expected.var())
    assert error < tolerance


def test_the_module_counts_what_the_bytes_of_a_program_give() -> None:
    program = integer_program(random_network(np.random.default_rng(0)), TASK, target("int8"))
    images = bytes_of(30)
    found = program.compile()(torch.from_numpy(PIXELS.normalise(images))).numpy()
    np.testing.assert_array_equal(found, (program.run(images) * program.network.output_unit).astype(np.float32))
    assert program.compile()(torch.zeros(0, *TASK.input_shape)).shape == (0, 3)


@pytest.mark.parametrize("integers", INTEGER_TYPES)
def test_an_edge_takes_two_bytes_or_one_and_a_half_or_one(integers: IntegerType) -> None:
    network = random_network(np.random.default_rng(8), n_inputs=784, layers=(100,), density=0.05)
    task, shape = Task("classification", (1, 28, 28), 3), (1, 28, 28)
    scaling = Scaling([[[73.0]]], [[[90.0]]], input_type="uint8")
    program = integer_program(network, task, target(integers, scaling, shape))
    tables = program.layout.tables
    stored = sum(pair.weights.nnz for layer in program.network.layers for pair in layer.pairs)
    counts = sum(len(layer.offsets) * len(layer.pairs) for layer in program.network.layers)
    halves = counts / 2 if integers == "int4" else 0
    assert tables["edges"].nbytes - counts <= {"int8": 2.0, "int4": 1.5, "ternary": 1.1}[integers] * stored + halves
    assert program.sizes["flash"] == sum(table.nbytes for table in tables.values())
    assert program.sizes["ram"] == 4 * max(16, program.network.genotype.n_hidden) + 64


def test_edges_of_eight_bits_are_added_to_one_sum_and_those_of_fewer_keep_a_factor() -> None:
    network = random_network(np.random.default_rng(9), layers=(12, 9, 7, 5), density=0.6)
    for integers in INTEGER_TYPES:
        layout = integer_program(network, TASK, target(integers)).layout
        sources = [len(found) for found in layout.sources]
        assert sources == ([1, 2, 2, 2, 2] if integers == "int8" else [1, 2, 3, 4, 5])
        assert ("source_multipliers" in layout.tables) == (integers != "int8")


@needs_compiler
@pytest.mark.parametrize("n_inputs", [800, 3000])
def test_rows_that_are_added_in_blocks_lose_no_edge(n_inputs: int) -> None:
    shape, scaling = (1, n_inputs // 20, 20), Scaling([[[73.0]]], [[[90.0]]], input_type="uint8")
    task = Task("classification", shape, 3)
    network = random_network(np.random.default_rng(10), n_inputs=n_inputs, layers=(40, 9), density=0.15)
    program = integer_program(network, task, target("int8", scaling, shape))
    check(program, bytes_of(30, 1, shape))
    source = program.files([])[".c"].decode()
    assert "count & 1" in source
    assert ("count & 2" in source) == (n_inputs == 3000)


def test_calibration_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"give ExportTarget\.calibration"):
        integer_program(random_network(np.random.default_rng(0)), TASK, replace(target("int8"), calibration=None))


def test_weights_that_are_not_finite_are_not_exported() -> None:
    network = random_network(np.random.default_rng(0))
    network.edge[3] = np.nan
    with pytest.raises(ValueError, match="'edge' holds values that are not finite"):
        integer_program(network, TASK, target("int8"))


def test_sums_that_could_overflow_are_not_exported() -> None:
    network = random_network(np.random.default_rng(0), n_inputs=9000, layers=(), density=1.0)
    network.edge[:] = 1.0
    scaling = Scaling()
    with pytest.raises(ValueError, match="has 9000 edges from a layer, too many for sums of 32 bits"):
        integer_program(network, Task("classification", (9000,), 3), target("int8", scaling, (9000,)))


def test_inverse_roots_have_13_bits() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([np.arange(1, 5000), 2 ** rng.uniform(0, 31.99, 20000), 4.0 ** np.arange(16), [2**32 - 1]])
    values = values.astype(np.int64)
    found = inverse_roots(values)
    ratio = found.multipliers / 2.0 ** (30 - found.exponents) * np.sqrt(values)
    assert np.abs(ratio - 1).max() < 2**-13
    assert found.multipliers.min() >= 2**14 - 1
    assert found.multipliers.max() <= 2**15


def test_factors_round_halves_upwards_and_their_products_keep_32_bits() -> None:
    for value, bound in ((1.0, 2.0**16), (0.3, 2.0**16), (1e-4, 2.0**20), (1234.5, 2.0**17)):
        found = factor(value, bound)
        assert found.value == pytest.approx(value, rel=2**-10)
        assert bound * found.multiplier + 2 ** (found.shift - 1) < 2**31
        assert factor(value, bound, at_most=True).value <= value
    assert factor(1e-30, 2.0**16).value == 0
    assert scaled(np.array([1, -1, 3, -3]), factor(0.5, 3)).tolist() == [1, 0, 2, -1]
    with pytest.raises(ValueError, match="a factor of 1e\\+06 leaves 32 bits for numbers up to 1e\\+06"):
        factor(1e6, 1e6)


@pytest.mark.parametrize("n", [1, 2, 3, 250, 10000])
@pytest.mark.parametrize("bound", [100.0, 1e6, 2.0**30 - 1])
def test_means_keep_32_bits(n: int, bound: float) -> None:
    by = mean(n, bound)
    assert (int(bound) >> by.before) * by.multiplier < 2**31
    found = ((int(bound) >> by.before) * by.multiplier) >> by.after
    assert found == pytest.approx(bound / n, rel=2**-12, abs=1)


@pytest.mark.parametrize(("largest", "share"), [(127, 1.0), (7, 0.95), (1, 0.7)])
def test_few_integers_clip_the_largest_weights_and_multiples_of_a_step_come_back(largest: int, share: float) -> None:
    values, group = np.random.default_rng(0).laplace(size=3000), np.arange(3000) % 2
    steps = weight_steps(values, group, largest)
    highest = np.array([np.abs(values[group == i]).max() for i in range(2)]) / largest
    assert (steps <= share * highest * (1 + 1e-9)).all()
    whole = np.random.default_rng(1).integers(-largest, largest + 1, 3000).astype(np.float64)
    found = weight_steps(whole * np.where(group == 0, 0.3, 0.7), group, largest)
    np.testing.assert_allclose(found, np.array([0.3, 0.7]))
