"""Networks as programs for other runtimes: written, and checked against torch on the validation samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evonas.capabilities.export import Exportable, ExportedModel, ExportTarget, Precision
from evonas.data.samples import LARGEST_LOSS, Splits
from evonas.evaluation.metrics import measure
from evonas.evaluation.on_targets import few_samples, run_checked
from evonas.export.agreement import TOLERANCE, difference
from evonas.export.data_units import export_target, inputs_of, lossy_columns, samples_of
from evonas.export.formats import make_program, program_formats
from evonas.export.names import identifier
from evonas.run.package import FORMATS, Package, write_files
from evonas.run.plugins import create_space
from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.running import running
from evonas.runtimes.targets import Target
from evonas.serialization.files import is_stream
from evonas.space import SearchSpace
from evonas.training.loop import predict
from evonas.types import Floats, Inputs, UserError, meant, nearest, suggestion

#: Endings of files, and the format that each stands for; networks as those of another space are stored as torch is.
ENDINGS = {".safetensors": "torch", ".json": "json", ".onnx": "onnx", ".tflite": "tflite", ".c": "c"}
#: The format that is a folder for a hub of models.
PACKAGE = "package"
#: What a program computes with, in words.
ARITHMETIC: dict[Precision, str] = {
    "float32": "with float32 weights", "int8": "in integers with int8 weights",
    "int4": "in integers with int4 weights", "ternary": "in integers with ternary weights",
    "int8-weights": "in float32 with int8 weights",
}


class Written(NamedTuple):
    """Files that were written, and remarks on them for users."""

    paths: tuple[Path, ...]
    remarks: tuple[str, ...]


def write_program(
    package: Package, splits: Splits, path: Path, format: str, precision: Precision = "float32", *,
    targets: Sequence[Target] = (),
) -> Written:
    """Write a network in a format of its space.

    Args:
        splits: The data set of the run.
        path: Path of the main file; the others stand beside it.
        targets: Targets on which C is built, and run on a few validation samples.

    Raises:
        UserError: The space has no such format, the path has another suffix, a file cannot be written, or the program
            does not compute what torch does, here or on a target.
    """
    if (path.suffix != f".{format}" or not path.stem) and not (format == "onnx" and is_stream(path)):  # one file
        raise UserError(f"--out must end in .{format} for the format {format}, got {path}")
    program = prepare(package, splits, path.stem, format, precision)
    files, remarks = checked_files(program, package, splits, targets)
    paths = {path if suffix == f".{format}" else path.with_suffix(suffix): text for suffix, text in files.items()}
    write_files(paths)
    return Written(tuple(paths), remarks)


class Prepared(NamedTuple):
    """A network in a format of its space, not yet checked.

    Attributes:
        model: The program.
        format: Name of the format.
        target: Purpose of the program.
        n_edges: Number of its edges; None where its space counts none.
    """

    model: ExportedModel
    format: str
    target: ExportTarget
    n_edges: float | None


def prepare(package: Package, splits: Splits, stem: str, format: str, precision: Precision) -> Prepared:
    """Make the program of a network.

    Args:
        package: The network.
        splits: The data set of the run.
        stem: Name of its files without suffix.
        format: A format of its space.
        precision: Precision of the weights.

    Raises:
        UserError: The space has no such format, the name cannot be one in C, a package is missing, or this network
            cannot be written.
    """
    space = create_space(package.space, package.task, package.options)
    check_format(space, format, precision)
    genotype = space.decode(package.genotype)
    name = identifier(stem) if format == "c" else "network"
    names = {what: tuple(map(str, package.source.get(what, ()))) for what in ("classes", "columns", "targets")}
    target = replace(
        export_target(splits, name, precision), stem=stem, classes=names["classes"], inputs=names["columns"],
        targets=names["targets"],
    )
    _check_targets(splits)
    model = make_program(space, package.task, genotype, package.weights, format, target)
    by_edge = format != "c" or (isinstance(space, Exportable) and "c" in space.formats)  # C of layers stores no edges
    return Prepared(model, format, target, space.cost(genotype).get("edges") if by_edge else None)


def checked_files(
    program: Prepared, package: Package, splits: Splits, targets: Sequence[Target] = ()
) -> tuple[Mapping[str, bytes], tuple[str, ...]]:
    """Contents by suffix, and remarks, of a program that computes on the validation samples what torch does.

    Args:
        program: The program.
        package: The network.
        splits: The data set of the run.
        targets: Targets on which it is built, if it is C, and run on a few of the samples.

    Raises:
        UserError: It does not, here or on a target.
    """
    inputs = inputs_of(splits.validation, program.target)
    outputs = predict(program.model.compile(), samples_of(inputs, splits.validation, program.target))
    remarks = _remarks(package, splits, outputs, program.target.precision)
    files = program.model.files((*remarks, *_names(package)))
    checks = check_program(program.model, files, program.format, program.target, inputs, outputs, program.n_edges)
    checks += _check_on(targets, program, splits)
    return files, (*remarks, *sizes_of(program.model, program.n_edges), *checks)


def formats_of(space: SearchSpace[Any]) -> dict[str, Sequence[Precision]]:
    """The precisions of every format that networks of this space can be written in."""
    return {**dict.fromkeys(FORMATS, ("float32",)), **program_formats(space)}


def check_format(space: SearchSpace[Any], format: str, precision: str, more: Iterable[str] = ()) -> Precision:
    """The precision; raises :class:`UserError` unless networks of this space can be written so.

    Args:
        more: Further formats, of float32.
    """
    formats: dict[str, Sequence[Precision]] = {**formats_of(space), **dict.fromkeys(more, ("float32",))}
    formats[PACKAGE] = formats.get("c", ("float32",))
    if format not in formats:
        raise UserError(f"networks of this space cannot be exported as {format!r}{suggestion(format, formats)}")
    for allowed in formats[format]:
        if precision == allowed:
            return allowed
    names = " or ".join(formats[format])
    others = [f"NAME{ending}" for ending, name in ENDINGS.items() if precision in formats.get(name, ())]
    hint = f"; for {precision} give --out {' or '.join(others)}" if others else meant(precision, formats[format])
    raise UserError(f"--precision must be {names} for the format {format}, got {precision!r}{hint}")


def format_of(path: Path, *, usual: str | None = None) -> str:
    """The format that the ending of a file stands for.

    Args:
        path: Path of the file.
        usual: The format of a file without an ending, of a pipe and of a device; None refuses these, too.

    Raises:
        UserError: The ending stands for none.
    """
    if usual is not None and (not path.suffix or is_stream(path)):
        return usual
    if path.suffix not in ENDINGS:
        near = nearest(path.suffix, ENDINGS)
        hint = f", did you mean {near!r}?" if near else f": these are the formats {', '.join(ENDINGS.values())};"
        raise UserError(f"expected a file that ends in {', '.join(ENDINGS)}, got {str(path)!r}{hint} rename it, or "
                        f"name the format and leave the ending out")
    return ENDINGS[path.suffix]


def check_ending(path: Path, format: str) -> None:
    """Raises :class:`UserError` for a file of a format that is stored as torch or JSON whose ending says another."""
    expected = next((ending for ending, name in ENDINGS.items() if name == format), ".safetensors")
    if path.suffix not in ("", expected) and not is_stream(path):
        other = f", which is that of the format {ENDINGS[path.suffix]}" if path.suffix in ENDINGS else ""
        raise UserError(f"--out must end in {expected} for the format {format}, got {path}{other}: rename it, or name "
                        f"another format")


def _remarks(package: Package, splits: Splits, outputs: Floats, precision: Precision) -> tuple[str, ...]:
    """Origin of the network, and its quality on the validation samples.

    Args:
        package: The network.
        splits: The data set.
        outputs: Outputs for the validation samples, ``(n, n_outputs)``.
        precision: What the program computes with.
    """
    source = package.source
    metric = "val_accuracy" if splits.task.kind == "classification" else "val_mse"
    value = measure(outputs, splits.validation, splits.task, "val")[metric]
    text = f"{metric} {value:.4f} {ARITHMETIC[precision]}"
    if metric in package.metrics:
        text += f", {package.metrics[metric]:.4f} in the run"
    else:
        text += ", which were trained on these samples too"
    origin = f"individual {source['id']} of {source['run']}, {source['dataset']}: {source['weights']}"
    if lossy := lossy_columns(splits.scaling):
        return origin, text, f"inputs are float64: of values so far from 0 float32 would lose deviations of {lossy}"
    return origin, text


def _names(package: Package) -> Iterator[str]:
    """Names of inputs and outputs, if they have some."""
    for name, what in (("columns", "inputs"), ("classes", "outputs"), ("targets", "outputs")):
        if names := package.source.get(name):
            yield f"{what}, in this order: {', '.join(map(str, names))}"
    if names := package.source.get("categories"):
        yield f"of the inputs of {', '.join(names)} each is 1 for its category and else 0"


def _check_targets(splits: Splits) -> None:
    """Raises :class:`UserError` where float32, which programs give, cannot hold predictions."""
    losses = splits.scaling.float32_target_losses
    if losses.max() > LARGEST_LOSS:
        target = int(losses.argmax())
        raise UserError(f"a program gives float32, which would lose {losses[target]:.2g} deviations of target "
                        f"{target}, so far is it from 0: subtract an offset from the targets and search again, or "
                        f"export as torch, which gives float64")


def sizes_of(program: ExportedModel, n_edges: float | None) -> tuple[str, ...]:
    """Remarks on the memory of a program, and on that for each of its edges; None for no edges."""
    texts = [f"{size:,} bytes of {kind}" for kind, size in program.sizes.items()]
    if n_edges is not None and "flash" in program.sizes:
        texts.append(f"{program.sizes['flash'] / n_edges:.2f} bytes of flash an edge")
    return (", ".join(texts),) if texts else ()


def _check_on(targets: Sequence[Target], program: Prepared, splits: Splits) -> tuple[str, ...]:
    """Figures of a program on targets, in words; raises :class:`UserError` if its outputs are not those of torch.

    Args:
        targets: The targets.
        program: The program.
        splits: Gives the samples.
    """
    texts = []
    for target in targets:
        try:
            figures = run_checked(program.model, program.target, few_samples(splits), target)
        except RuntimeError as error:
            raise UserError(f"{error}: nothing was written") from None
        counted = figures.instructions
        count = "" if counted is None else f", {counted:,.0f} instructions a sample"
        texts.append(f"on {target.name} it takes {figures.flash:,} bytes of flash and {figures.ram:,} of RAM{count}, "
                     f"and gives what torch gives on {len(figures.outputs)} validation samples")
    return tuple(texts)


def check_program(
    program: ExportedModel, files: Mapping[str, bytes], format: str, target: ExportTarget, inputs: Inputs,
    expected: Floats, n_edges: float | None,
) -> tuple[str, ...]:
    """Run the files before they are written; raises :class:`UserError` if the outputs are not ``expected``.

    Args:
        program: The network.
        files: Contents by suffix.
        format: The format.
        target: Purpose of the network.
        inputs: Samples, ``(n, *input_shape)``.
        expected: Outputs of torch, ``(n, n_outputs)``.
        n_edges: Number of edges, for the time an edge; None for none.
    """
    if format == "c" and find_compiler() is None:
        return ("neither checked nor timed: there is no C compiler here",)
    found = []
    for portable in (True, False) if format == "c" and target.integers is None else (False,):
        with running(files, format, target, expected.shape[1], portable=portable) as network:
            found.append(difference(program.in_data_units(network.run(inputs)), expected, target))
            seconds, spread = network.time(inputs)
    largest = float(np.max(found))  # NaN, if one is
    if not largest <= TOLERANCE:
        raise UserError(
            f"the exported network differs from torch by {largest:.1e} of its largest output, expected at most "
            f"{TOLERANCE:g}: nothing was written"
        )
    where = {"c": "compiled", "tflite": "in LiteRT"}.get(format, "in onnxruntime")
    an_edge = "" if n_edges is None else f", {1e9 * seconds / n_edges:.2f} ns an edge"
    return (
        f"{where} it gives what torch gives on {len(inputs):,} validation samples, to {largest:.0e} of the largest",
        f"{1e6 * seconds:.1f} us a sample on one core of this machine{an_edge} (spread {100 * spread:.0f} %)",
    )
