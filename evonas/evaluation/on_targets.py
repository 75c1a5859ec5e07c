"""Metrics of a trained network on targets: its linked image, and its run there on a few samples."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from evonas.capabilities.export import ExportedModel, ExportTarget
from evonas.data.samples import Samples, Splits
from evonas.export.agreement import TOLERANCE, difference
from evonas.export.data_units import export_target, inputs_of, samples_of
from evonas.export.formats import make_program, program_formats
from evonas.objectives.metrics import TargetMetric, target_metric
from evonas.runtimes.targets import Figures, Target, code_bytes, measure_on
from evonas.space import Phenotype, SearchSpace
from evonas.training import Stop
from evonas.types import Metrics

#: Validation samples that a network is run on.
N_SAMPLES = 8


def target_names(space: SearchSpace[Any], targets: Iterable[Target]) -> tuple[str, ...]:
    """The metrics that networks of a space have on targets; none for spaces without an export as C."""
    precisions = program_formats(space).get("c", ())
    return tuple(
        TargetMetric(kind, precision, target.name).name
        for target in targets for precision in precisions for kind in target.kinds
    )


def measure_on_targets(
    space: SearchSpace[Any], splits: Splits, phenotype: Phenotype[Any], names: Sequence[str],
    targets: Iterable[Target], stop: Stop,
) -> Metrics:
    """Metrics of a network on targets.

    Args:
        space: The space of the genotype.
        splits: Gives the scaling of the inputs, and the samples.
        phenotype: The network, with weights.
        names: Some of :func:`target_names`.
        targets: The targets among whose metrics they are.
        stop: Its deadline is also that of runs.

    Raises:
        UserError: The network cannot be exported.
        RuntimeError: It cannot be built or run on a target, or gives something else there than in torch.
    """
    by_name, found = {target.name: target for target in targets}, dict[str, float]()
    parts = [metric for metric in map(target_metric, names) if metric is not None]
    assert phenotype.weights
    for precision in program_formats(space).get("c", ()):
        if all(metric.precision != precision for metric in parts):
            continue
        export = replace(export_target(splits, "network"), precision=precision)
        program = make_program(space, splits.task, phenotype.genotype, phenotype.weights, "c", export)
        samples = few_samples(splits)
        for name in dict.fromkeys(metric.target for metric in parts if metric.precision == precision):
            stop.check()
            target, wanted = by_name[name], {m.kind for m in parts if (m.precision, m.target) == (precision, name)}
            found |= {
                TargetMetric(kind, precision, name).name: value
                for kind, value in _figures(program, export, samples, target, wanted, stop).items()
            }
    return {name: found[name] for name in names}


def few_samples(splits: Splits) -> Samples:
    """The validation samples that networks are run on."""
    return Samples(splits.validation.x[:N_SAMPLES], splits.validation.y[:N_SAMPLES])


def _figures(
    program: ExportedModel, export: ExportTarget, samples: Samples, target: Target, wanted: set[str], stop: Stop
) -> dict[str, float]:
    """Values of the wanted kinds of metrics on one target."""
    files, values = program.files(()), dict[str, float]()
    if "flash_estimate" in wanted:
        if "flash" not in program.sizes:
            raise RuntimeError("the C of this network does not say how large its tables are, for flash_estimate")
        values["flash_estimate"] = float(program.sizes["flash"] + code_bytes(target, files, export))
    if wanted != {"flash_estimate"}:
        figures = run_checked(program, export, samples, target, timeout=stop.deadline - time.monotonic())
        values |= {"flash": float(figures.flash), "ram": float(figures.ram)}
        if figures.instructions is not None:
            values["instructions"] = figures.instructions
            cycles = figures.instructions * target.cycles_per_instruction
            values["energy"] = cycles * (target.nanojoules_per_cycle or 0.0)
    return {kind: values[kind] for kind in wanted}


def run_checked(
    program: ExportedModel, export: ExportTarget, samples: Samples, target: Target, timeout: float | None = None
) -> Figures:
    """Figures of a program on a target, where it has given what torch gives.

    Args:
        program: The network as C.
        export: Purpose of the export.
        samples: Samples in the units of the search.
        target: The target.
        timeout: See :func:`evonas.runtimes.targets.measure_on`.

    Raises:
        RuntimeError: It cannot be built or run, or gives something else.
    """
    from evonas.training.loop import predict  # imports torch

    inputs = inputs_of(samples, export)
    expected = predict(program.compile(), samples_of(inputs, samples, export))
    files = program.files(())
    figures = measure_on(target, files, export, inputs, expected.shape[1], timeout)
    deviation = difference(program.in_data_units(figures.outputs), expected, export)
    if not deviation <= TOLERANCE:
        raise RuntimeError(f"on {target.name} the network differs from torch by {deviation:.1e} of its largest output, "
                           f"expected at most {TOLERANCE:g}")
    return figures
