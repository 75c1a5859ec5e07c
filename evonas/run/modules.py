"""Modules of torch from anywhere as C: their layers are recorded, laid out, checked against torch, and written."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from evonas.capabilities.export import ExportTarget, Precision
from evonas.data.locating import expanded
from evonas.data.samples import InputType, Samples, Scaling
from evonas.export.agreement import TOLERANCE, difference
from evonas.export.data_units import inputs_of, samples_of
from evonas.export.names import identifier
from evonas.run.export import Written, check_program, sizes_of
from evonas.run.package import write_files
from evonas.training.loop import predict
from evonas.types import Floats, Inputs, Json, Task, UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from evonas.capabilities.layers import LayerGraph
    from evonas.export.layers.c_program import LayerProgram

Kind: TypeAlias = Literal["classification", "regression"]
#: Random samples on which a network is checked where none are given.
N_SAMPLES = 32


def export_module(
    module: nn.Module, out: Path | str, *, input_shape: Sequence[int], precision: Precision = "float32",
    input_type: InputType = "float32", mean: Json = 0.0, std: Json = 1.0,
    kind: Kind = "classification", classes: Sequence[str] = (),
    samples: NDArray[Any] | None = None,
) -> Written:
    """Write a module of torch as C99: ``out`` and a header beside it, which need no heap and no library.

    The module may be made of convolutions of images or signals (depthwise, grouped, dilated, strided, padded), max and
    average pools, global averages, BatchNorm, linear layers, ReLU, ReLU6, Hardtanh, sums of branches, concatenations of
    channels, flattening, dropout and identities, in any module that calls them, like :class:`torch.nn.Sequential`. It
    is recorded as layers, which are compared with the module in float32; and it is compiled and compared with torch
    before it is written, where there is a C compiler.

    Args:
        module: Maps samples ``(n, *input_shape)`` to outputs ``(n, n_outputs)``; used in evaluation mode, and left as
            it is.
        out: File of the source; its name is the prefix of all that C sees of it.
        input_shape: Shape of one sample: ``(channels, height, width)``, ``(channels, length)`` or ``(n_features,)``.
        precision: Stored weights: ``"float32"``, or ``"int8-weights"`` with a scale for each output channel.
        input_type: Type of the inputs in C: ``"uint8"``, ``"float32"`` or ``"float64"``.
        mean: The module gets ``(input - mean) / std``: a finite number, or nested lists that broadcast over one sample.
        std: The same, above 0.
        kind: For ``"classification"`` there is a function that gives the largest output, too.
        classes: Names of the classes in the order of the outputs.
        samples: Inputs ``(n, *input_shape)`` as C gets them, for the comparison; None draws some.

    Returns:
        The paths, and remarks: bytes of constants and buffers, the largest difference from torch, and the time a
        sample.

    Raises:
        UserError: An argument is not as described here, the module has a layer that is not listed above, the name
            cannot be one in C, the file cannot be written, or the layers or the program do not compute what torch does.
    """
    path = expanded(out)
    if path.suffix != ".c" or not path.stem:
        raise UserError(f"out must end in .c, got {path}")
    for what, value, known in (
        ("precision", precision, ("float32", "int8-weights")), ("input_type", input_type, get_args(InputType)),
        ("kind", kind, get_args(Kind)),
    ):
        if value not in known:
            raise UserError(f"{what} must be {' or '.join(known)}, got {value!r}")
    shape = _shape_of(input_shape)
    _check_scaling(mean, std, shape)
    target = ExportTarget(
        identifier(path.stem), Scaling(mean, std, input_type=input_type), input_type == "uint8", precision,
        stem=path.stem, classes=tuple(map(str, classes)),
    )
    inputs = _inputs(shape, target) if samples is None else _checked(samples, shape, target)
    blank = Samples(np.zeros(inputs.shape, np.float32), np.zeros(len(inputs), np.int64))
    normalised = samples_of(inputs, blank, target)
    program = _program(module, kind, target, normalised)
    outputs = predict(program.compile(), normalised)
    files = program.files([f"{type(module).__name__} of torch, {precision} weights"])
    checks = check_program(program, files, "c", target, inputs, outputs, None)
    paths = {path.with_suffix(suffix): text for suffix, text in files.items()}
    write_files(paths)
    return Written(tuple(paths), (*sizes_of(program, None), *checks))


def _program(module: nn.Module, kind: Kind, target: ExportTarget, samples: Samples) -> LayerProgram:
    """The program of a module whose recorded layers compute on samples what it does.

    Args:
        module: The module.
        kind: Kind of the task.
        target: Purpose of the program.
        samples: Inputs as the module gets them, ``(n, *input_shape)``.
    """
    from evonas.export.layers.c_program import layer_program  # imports torch
    from evonas.export.layers.recording import layers_of

    input_shape = samples.x.shape[1:]
    own = copy.deepcopy(module).cpu().float().eval()
    try:
        graph = layers_of(own, input_shape)
        _check_recording(graph, own, samples, target)
        if target.classes and len(target.classes) != graph.shapes[-1].channels:
            raise ValueError(f"there are {len(target.classes)} classes for {graph.shapes[-1].channels} outputs")
        return layer_program(graph, own, Task(kind, input_shape, graph.shapes[-1].channels), target)
    except (ValueError, RuntimeError) as error:  # torch raises RuntimeError for samples that do not fit
        raise UserError(f"this module cannot be exported: {error}") from error


def _check_recording(graph: LayerGraph, module: nn.Module, samples: Samples, target: ExportTarget) -> None:
    """Raises :class:`ValueError` unless layers, before any rounding, compute what the module does.

    Args:
        graph: The layers that were recorded on one sample.
        module: The module in evaluation mode.
        samples: Inputs as it gets them.
        target: Purpose of the program.
    """
    from evonas.export.layers.module import LayerModule

    expected, found = predict(module, samples), predict(LayerModule(graph), samples)
    if expected.shape != found.shape:
        raise ValueError(f"it gives outputs of shape {expected.shape} for {len(found)} samples, expected {found.shape} "
                         f"as for one sample at a time: keep the first axis in every reshape, like x.flatten(1)")
    if not np.isfinite(expected).all():
        raise ValueError("its outputs are not finite on the samples of the comparison, expected finite ones: check its "
                         "weights, mean and std, or give samples of its data")
    largest = difference(found, expected, target)
    if not largest <= TOLERANCE:
        raise ValueError(f"its layers, recorded on one sample, differ from it by {largest:.1e} of its largest output "
                         f"on {len(found)} samples, expected at most {TOLERANCE:g}: avoid code that depends on values, "
                         f"on the number of samples, or on chance")


def _shape_of(input_shape: Sequence[int]) -> tuple[int, ...]:
    try:
        sizes = np.array(input_shape)
    except ValueError:  # lists of several lengths
        sizes = np.array(None)
    if sizes.ndim != 1 or not 1 <= len(sizes) <= 3 or sizes.dtype.kind not in "iu" or sizes.min() < 1:
        raise UserError(f"input_shape must be (channels, height, width), (channels, length) or (n_features,), whole "
                        f"numbers above 0, got {input_shape!r}")
    return tuple(sizes.tolist())


def _check_scaling(mean: Json, std: Json, shape: tuple[int, ...]) -> None:
    """Raises :class:`UserError` unless samples of a shape can be normalised so."""
    for name, value in (("mean", mean), ("std", std)):
        try:
            values = np.array(value)
            np.broadcast_to(values, shape)
        except (TypeError, ValueError):
            values = np.array(None)
        if values.dtype.kind not in "iuf":
            raise UserError(f"{name} must be a number, or nested lists of numbers that broadcast over one sample of "
                            f"shape {shape}, got {value!r}: give one number for each channel the "
                            f"shape {(shape[0],) + (1,) * (len(shape) - 1)}")
        if not np.isfinite(values).all():
            raise UserError(f"{name} must be finite, got {value!r}: leave samples with missing values out of it")
        if name == "std" and not (values >= np.finfo(np.float32).tiny).all():
            raise UserError(f"std must be above 0 in float32, got {value!r}: give 1 where the inputs are constant")


def _inputs(input_shape: tuple[int, ...], target: ExportTarget) -> Inputs:
    """Random inputs as C gets them, ``(N_SAMPLES, *input_shape)``."""
    normal: Floats = np.random.default_rng(0).normal(size=(N_SAMPLES, *input_shape)).astype(np.float32)
    drawn = inputs_of(Samples(normal, np.zeros(N_SAMPLES, np.int64)), replace(target, byte_inputs=False))
    return np.clip(np.rint(drawn), 0, 255).astype(np.uint8) if target.byte_inputs else drawn


def _checked(samples: NDArray[Any], input_shape: tuple[int, ...], target: ExportTarget) -> Inputs:
    samples = np.asarray(samples)
    if not samples.ndim or samples.shape[1:] != input_shape or not len(samples):
        raise UserError(f"samples must have the shape (n, {', '.join(map(str, input_shape))}), got {samples.shape}")
    if samples.dtype.kind not in "biuf" or not np.isfinite(samples).all():
        raise UserError("samples must be finite numbers: leave out those with missing values")
    if target.byte_inputs and not np.isin(samples, np.arange(256)).all():
        raise UserError("samples must be whole numbers from 0 to 255 for the input_type uint8")
    wanted: Inputs = samples.astype(target.input_type)
    return wanted
