"""Any module as ONNX: what torch notes of its making is no part of the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.export.traced import TracedProgram
from evonas.types import Task

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
runtime: Any = pytest.importorskip("onnxruntime")


class Gated(nn.Module):
    """A module with branches, whose graph has functions of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.norm = nn.Linear(12, 5), nn.Linear(5, 2), nn.LayerNorm(5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.first(x.flatten(1)))
        out: Tensor = self.last(torch.nn.functional.gelu(h) * torch.sigmoid(h))
        return out


def test_a_traced_graph_names_no_file_of_this_machine_and_computes_the_same() -> None:
    module, task = Gated().eval(), Task("classification", (1, 3, 4), 2)
    program = TracedProgram(module, task, ExportTarget("network", Scaling(0.5, 2.0), False))
    (content,) = program.files(["of a run"]).values()
    for place in (__file__, os.path.dirname(torch.__file__), str(Path.home()), ".py\""):
        assert place.encode() not in content
    model = onnx.load_from_string(content)
    assert (model.producer_name, model.doc_string) == ("evonas", "of a run")
    x = np.random.default_rng(0).normal(size=(7, 1, 3, 4)).astype(np.float32)
    (found,) = runtime.InferenceSession(content).run(["output"], {"input": x})
    with torch.no_grad():
        expected = module(torch.from_numpy((x - 0.5) / 2.0))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
