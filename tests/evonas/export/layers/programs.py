"""Networks as C beside torch, for all tests of layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from evonas.capabilities.export import ExportTarget
from evonas.data.samples import Scaling
from evonas.export.layers.c_program import LayerProgram, layer_program
from evonas.export.layers.recording import layers_of
from evonas.runtimes.running import running
from evonas.types import Task

PLAIN = ExportTarget("net", Scaling(), False)
BYTES = ExportTarget("net", Scaling(73.0, 90.0), True)


def stirred(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with statistics, gains and shifts of BatchNorm that matter."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            for values, low, high in (
                (part.running_mean, -1.0, 1.0), (part.running_var, 0.5, 2.0), (part.weight, -1.5, 1.5),
                (part.bias, -1.0, 1.0),
            ):
                if values is not None:
                    values.data.uniform_(low, high, generator=generator)
    return module.eval()


def program_of(module: nn.Module, shape: tuple[int, ...], target: ExportTarget = PLAIN) -> LayerProgram:
    """The program of a module."""
    graph = layers_of(module, shape)
    return layer_program(graph, module, Task("classification", shape, graph.shapes[-1].channels), target)


def check(program: LayerProgram, tolerance: float = 1e-5, n: int = 6) -> None:
    """On random samples the compiled program gives what torch gives, relative to the largest output."""
    task, target, scaling = program.task, program.target, program.target.scaling
    mean, std = (np.broadcast_to(np.array(v, float), task.input_shape) for v in (scaling.mean, scaling.std))
    raw = mean + std * np.random.default_rng(9).normal(size=(n, *task.input_shape))
    inputs = np.clip(np.rint(raw), 0, 255).astype(np.uint8) if target.byte_inputs else raw.astype(target.input_type)
    with torch.no_grad():
        outputs = program.compile().eval()(torch.from_numpy(scaling.normalise(inputs))).numpy()
    expected = outputs * np.array(scaling.target_std) + np.array(scaling.target_mean)
    with running(program.files(["a remark"]), "c", target, task.n_outputs) as network:
        found = network.run(inputs)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1.0, np.abs(expected).max()))


def check_module(module: nn.Module, shape: tuple[int, ...], target: ExportTarget = PLAIN) -> None:
    """The program of a module computes what torch does, with float32 and with int8 weights."""
    stirred(module)
    check(program_of(module, shape, target))
    check(program_of(module, shape, replace(target, precision="int8-weights")))
