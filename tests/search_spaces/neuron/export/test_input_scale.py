"""What the header of a network of integers says of its inputs: enough to make them from values of a sensor."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evonas.capabilities.export import INTEGER_TYPES, LARGEST_WORD, WORDS_A_DEVIATION
from evonas.data.samples import Samples, Scaling, Splits
from evonas.export.data_units import export_target, inputs_of
from evonas.types import IntegerType, Task
from search_spaces.neuron.export.integer_program import integer_program
from tests.search_spaces.neuron.reference import random_network


def numbers(header: str, name: str) -> NDArray[np.float64]:
    found = re.search(rf"#define NET_{name} \{{(.*)\}}", header)
    assert found is not None
    return np.array([float(number) for number in found[1].split(", ")])


@pytest.mark.parametrize(("shape", "statistics", "n"), [
    ((12,), (12,), 12), ((6, 50), (6, 1), 6), ((3, 2, 4), (3, 1, 1), 3), ((2, 3), (2, 3), 6), ((3, 4), (1, 1), 3),
])
def test_values_in_the_units_of_the_data_become_inputs_as_the_header_says(
    shape: tuple[int, ...], statistics: tuple[int, ...], n: int
) -> None:
    rng = np.random.default_rng(0)
    mean, std = rng.normal(0, 30, statistics), rng.uniform(0.1, 9, statistics)
    scaling = Scaling(mean.tolist(), std.tolist(), fill=(mean + std).tolist())
    task, x = Task("classification", shape, 3), rng.normal(0, 5, (40, *shape)).astype(np.float32)
    samples = Samples(x, np.zeros(40, np.int64))
    goal = export_target(Splits("signals", task, samples, samples, "", scaling), "net", "int8")
    network = random_network(rng, n_inputs=task.n_inputs)
    header = integer_program(network, task, goal).files([])[".h"].decode()
    assert [len(numbers(header, f"INPUT_{what}")) for what in ("MEANS", "UNITS", "FILLS")] == [n] * 3
    channel = re.search(r"#define NET_INPUT_CHANNEL\(i\) \((.*)\)", header)
    assert channel is not None
    channels = [eval(channel[1].replace("/", "//"), {"i": i}) for i in range(task.n_inputs)]
    values = scaling.restore(x).reshape(40, -1)
    words = np.rint((values - numbers(header, "INPUT_MEANS")[channels]) / numbers(header, "INPUT_UNITS")[channels])
    expected = inputs_of(samples, goal).reshape(40, -1)
    assert np.abs(np.clip(words, -LARGEST_WORD, LARGEST_WORD) - expected).max() <= 1  # of float32
    assert np.ptp(expected) > WORDS_A_DEVIATION
    filled = (numbers(header, "INPUT_FILLS")[channels] - numbers(header, "INPUT_MEANS")[channels])
    np.testing.assert_allclose(filled / numbers(header, "INPUT_UNITS")[channels], WORDS_A_DEVIATION)


@pytest.mark.parametrize("integers", INTEGER_TYPES)
def test_bytes_of_uneven_deviations_are_normalised_before_they_enter(integers: IntegerType) -> None:
    """A weight for a feature that is nearly constant would take all of the range that the others need."""
    rng = np.random.default_rng(0)
    std = np.geomspace(0.05, 60, 12)
    scaling = Scaling((2 * std).tolist(), std.tolist(), input_type="uint8")
    task, x = Task("classification", (12,), 3), rng.normal(size=(200, 12)).astype(np.float32)
    samples = Samples(x, np.zeros(200, np.int64))
    goal = export_target(Splits("counts", task, samples, samples, "", scaling), "net", integers)
    network = random_network(rng, n_inputs=12)
    program = integer_program(network, task, goal)
    even = integer_program(network, task, replace(goal, scaling=Scaling(), byte_inputs=False))
    assert goal.input_type == "int16"
    assert program.network.takes_bytes is False
    inputs = inputs_of(samples, goal)
    np.testing.assert_array_equal(program.run(inputs), even.run(inputs))
    header = program.files([])[".h"].decode()
    assert header.count("Build:") == 1
    assert "less their mean, in units of 1/256 of their deviation" in header
