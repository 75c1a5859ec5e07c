"""Networks of a space that writes no formats of its own, and samples as exported networks take them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from evonas.capabilities.export import Exportable, ExportTarget
from evonas.data import load
from evonas.data.samples import Scaling
from evonas.export.data_units import export_target, inputs_of
from evonas.export.formats import make_program, program_formats
from evonas.runtimes.running import running
from evonas.types import Task
from search_spaces.cell.space import create


def test_a_space_without_formats_of_its_own_is_exported_as_torch_traces_it() -> None:
    task = Task("classification", (1, 8, 8), 3)
    cells = create(task, {"channels": 2, "nodes": 1})
    space: Any = SimpleNamespace(compile=cells.compile)
    assert not isinstance(space, Exportable)
    assert program_formats(space) == {"onnx": ("float32",), "tflite": ("float32",)}
    genotype = cells.sample(np.random.default_rng(0))
    module = cells.compile(genotype).eval()
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    target = ExportTarget("net", Scaling([[[5.0]]], [[[6.0]]]), True)
    program = make_program(space, task, genotype, weights, "onnx", target)
    raw = np.random.default_rng(1).integers(0, 17, (3, 1, 8, 8)).astype(np.uint8)
    with torch.no_grad():
        expected = module(torch.tensor((raw - 5.0) / 6, dtype=torch.float32)).numpy()
    with running(program.files(["a remark"]), "onnx", target, 3) as network:
        np.testing.assert_allclose(network.run(raw), expected, atol=1e-5)


def test_samples_of_pixels_are_exported_as_the_bytes_of_the_files() -> None:
    splits = load("digits")
    target = export_target(splits, "net")
    pixels = inputs_of(splits.validation, target)
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.uint8, 0, 16)
    normalised = (pixels - np.array(splits.scaling.mean)) / np.array(splits.scaling.std)
    np.testing.assert_allclose(normalised, splits.validation.x, atol=1e-6)
