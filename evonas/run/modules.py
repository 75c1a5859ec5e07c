"""Modules of torch from anywhere as C: their layers are recorded, laid out, checked against torch, and written."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from evonas.capabilities.export import ExportTarget, Precision
from evonas.data.locating import expanded
from evonas.data.samples import InputType, Samples, Scaling
from evonas.export.data_units import inputs_of, samples_of
from evonas.export.names import identifier
from evonas.run.export import Written, check_program, sizes_of
from evonas.run.package import write_files
from evonas.training.loop import predict
from evonas.types import Floats, Inputs, Json, Task, UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from evonas.export.layers.c_program import LayerProgram

#: Random samples on which a network is checked where none are given.
N_SAMPLES = 32


def export_module(
    module: nn.Module, out: Path | str, *, input_shape: Sequence[int], precision: Precision = "float32",
    input_type: InputType = "float32", mean: Json = 0.0, std: Json = 1.0,
    kind: Literal["classification", "regression"] = "classification", classes: Sequence[str] = (),
    samples: NDArray[Any] | None = None,
) -> Written:
    """Write a module of torch as C99: ``out`` and a header beside it, which need no heap and no library.

    The module may be made of convolutions of images or signals (depthwise, grouped, dilated, strided, padded), max and
    average pools, global averages, BatchNorm, linear layers, ReLU, ReLU6, Hardtanh, sums of branches, concatenations of
    channels, flattening, dropout and identities, in any module that calls them, like :class:`torch.nn.Sequential`. It
    is compiled and compared with torch before it is written, where there is a C compiler.

    Args:
        module: Maps samples ``(n, *input_shape)`` to outputs ``(n, n_outputs)``; used in evaluation mode, and left as
            it is.
        out: File of the source; its name is the prefix of all that C sees of it.
        input_shape: Shape of one sample: ``(channels, height, width)``, ``(channels, length)`` or ``(n_features,)``.
        precision: Stored weights: ``"float32"``, or ``"int8-weights"`` with a scale for each output channel.
        input_type: Type of the inputs in C: ``"uint8"``, ``"float32"`` or ``"float64"``.
        mean, std: The module gets ``(input - mean) / std``: numbers, or nested lists that broadcast over one sample.
        kind: For ``"classification"`` there is a function that gives the largest output, too.
        classes: Names of the classes in the order of the outputs.
        samples: Inputs ``(n, *input_shape)`` as C gets them, for the comparison; None draws some.

    Returns:
        The paths, and remarks: bytes of constants and buffers, the largest difference from torch, and the time a
        sample.

    Raises:
        UserError: The module has a layer that is not listed above, the name cannot be one in C, the file cannot be
            written, or the program does not compute what torch does.
    """
    path = expanded(out)
    if path.suffix != ".c" or not path.stem:
        raise UserError(f"out must end in .c, got {path}")
    if precision not in ("float32", "int8-weights"):
        raise UserError(f"precision must be float32 or int8-weights, got {precision!r}")
    target = ExportTarget(
        identifier(path.stem), Scaling(mean, std, input_type=input_type), input_type == "uint8", precision,
        stem=path.stem, classes=tuple(map(str, classes)),
    )
    program = _program(module, tuple(map(int, input_shape)), kind, target)
    inputs = _inputs(program.task, target) if samples is None else _checked(samples, program.task, target)
    blank = Samples(np.zeros(inputs.shape, np.float32), np.zeros(len(inputs), np.int64))
    outputs = predict(program.compile(), samples_of(inputs, blank, target))
    files = program.files([f"{type(module).__name__} of torch, {precision} weights"])
    checks = check_program(program, files, "c", target, inputs, outputs, None)
    paths = {path.with_suffix(suffix): text for suffix, text in files.items()}
    write_files(paths)
    return Written(tuple(paths), (*sizes_of(program, None), *checks))


def _program(
    module: nn.Module, input_shape: tuple[int, ...], kind: Literal["classification", "regression"],
    target: ExportTarget,
) -> LayerProgram:
    from evonas.export.layers.c_program import layer_program  # imports torch
    from evonas.export.layers.recording import layers_of

    if not 1 <= len(input_shape) <= 3 or min(input_shape) < 1:
        raise UserError(f"input_shape must be (channels, height, width), (channels, length) or (n_features,), got "
                        f"{input_shape}")
    own = copy.deepcopy(module).cpu().float().eval()
    try:
        graph = layers_of(own, input_shape)
        if target.classes and len(target.classes) != graph.shapes[-1].channels:
            raise ValueError(f"there are {len(target.classes)} classes for {graph.shapes[-1].channels} outputs")
        return layer_program(graph, own, Task(kind, input_shape, graph.shapes[-1].channels), target)
    except (ValueError, RuntimeError) as error:  # torch raises RuntimeError for samples that do not fit
        raise UserError(f"this module cannot be exported: {error}") from error


def _inputs(task: Task, target: ExportTarget) -> Inputs:
    """Random inputs as C gets them, ``(N_SAMPLES, *input_shape)``."""
    normal: Floats = np.random.default_rng(0).normal(size=(N_SAMPLES, *task.input_shape)).astype(np.float32)
    drawn = inputs_of(Samples(normal, np.zeros(N_SAMPLES, np.int64)), replace(target, byte_inputs=False))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8) if target.byte_inputs else drawn


def _checked(samples: NDArray[Any], task: Task, target: ExportTarget) -> Inputs:
    samples = np.asarray(samples)
    if samples.shape[1:] != task.input_shape or not len(samples):
        raise UserError(f"samples must have the shape (n, {', '.join(map(str, task.input_shape))}), got "
                        f"{samples.shape}")
    if target.byte_inputs and not np.isin(samples, np.arange(256)).all():
        raise UserError("samples must be whole numbers from 0 to 255 for the input_type uint8")
    wanted: Inputs = samples.astype(target.input_type)
    return wanted
