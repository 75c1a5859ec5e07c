"""Networks as LiteRT give what torch gives; the converter is optional, and takes half a minute for a network."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.export.formats import make_program
from evonas.export.litert import InFloats
from evonas.export.module import InDataUnits
from evonas.runtimes.running import running
from evonas.types import Task, UserError
from search_spaces.cell.space import create

needs_litert = pytest.mark.skipif(
    find_spec("litert_torch") is None or find_spec("ai_edge_litert") is None, reason="litert-torch is not installed"
)
SCALINGS = {
    "bytes": Scaling([[[73.0]]], [[[90.0]]]), "far": Scaling(2016.0, 0.3),
    "targets": Scaling(target_mean=[5.0, 6.0, 700.0], target_std=[2.0, 3.0, 0.5]),
    "missing": Scaling(3.0, 2.0, fill=4.0),
}


@pytest.mark.parametrize("name", SCALINGS)
def test_inputs_and_outputs_are_in_the_units_of_the_data(name: str) -> None:
    scaling = SCALINGS[name]
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    x = torch.from_numpy(scaling.restore(np.random.default_rng(0).normal(size=(5, 1, 8, 8)).astype(np.float32))).float()
    if name == "missing":
        x[0, 0, :3] = torch.nan
    with torch.no_grad():
        expected = InDataUnits(network, scaling)(x.double()).float()
        assert torch.allclose(InFloats(network, scaling)(x), expected, rtol=1e-5, atol=1e-4)


def cells() -> tuple[Any, Any, Any]:
    space = create(Task("classification", (1, 8, 8), 3), {"channels": 2, "nodes": 2, "cells": 3})
    genotype = space.sample(np.random.default_rng(0))
    return space, genotype, {k: v.numpy().copy() for k, v in space.compile(genotype).state_dict().items()}


@needs_litert
@pytest.mark.timeout(1200)
def test_a_network_of_cells_is_converted() -> None:
    space, genotype, weights = cells()
    target = ExportTarget("net", SCALINGS["bytes"], True)
    program = make_program(space, space.task, genotype, weights, "tflite", target)
    x = np.random.default_rng(1).integers(0, 256, (4, 1, 8, 8)).astype(np.uint8)
    with torch.no_grad():
        expected = InDataUnits(program.compile().eval(), target.scaling)(torch.from_numpy(x)).numpy()
    with running(program.files(["a remark"]), "tflite", target, 3) as network:
        np.testing.assert_allclose(network.run(x), expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


def test_without_the_packages_it_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evonas.runtimes.litert_session.find_spec", lambda name: None)
    with pytest.raises(UserError, match="the format tflite needs litert-torch and ai-edge-litert: pip install 'evonas"):
        make_program(*_arguments(SCALINGS["bytes"]))


def test_inputs_that_need_doubles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evonas.runtimes.litert_session.find_spec", lambda name: True)
    with pytest.raises(UserError, match="too far from 0 for float32, which is all that LiteRT takes"):
        make_program(*_arguments(Scaling(1e7, 1.0, input_type="float64")))


def _arguments(scaling: Scaling) -> tuple[Any, ...]:
    space, genotype, weights = cells()
    return space, space.task, genotype, weights, "tflite", ExportTarget("net", scaling, False)
