"""A network as one of another search space, for which it is lowered: checked against itself, and a package again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evonas.capabilities.layers import Lowerable, NotLowerable, TakesLayers
from evonas.data.samples import Splits
from evonas.evaluation.metrics import measure
from evonas.export.agreement import TOLERANCE
from evonas.run.export import PACKAGE, Written, check_ending, check_format, format_of, write_program
from evonas.run.hub.card import Command
from evonas.run.hub.folder import write_folder
from evonas.run.lowering.networks import REPLACE_MAX_POOL, LoweredNetwork, lower_network
from evonas.run.package import FORMATS, Package, export
from evonas.run.plugins import available_spaces, create_space
from evonas.runtimes.targets import find_targets, require_tools
from evonas.space import SearchSpace
from evonas.training.loop import predict
from evonas.types import Metrics, Task, UserError


def lowered_formats(space: SearchSpace[Any], task: Task) -> tuple[str, ...]:
    """Names of the spaces that take networks of this one."""
    if not isinstance(space, Lowerable):
        return ()
    return tuple(name for name in available_spaces() if _takes_layers(name, task))


def _takes_layers(name: str, task: Task) -> bool:
    try:
        return isinstance(create_space(name, task, {}), TakesLayers)
    except UserError:  # it has no networks for this task
        return False


def write_network(
    package: Package, splits: Callable[[], Splits], path: Path, format: str | None, precision: str = "float32", *,
    replace_max_pool: bool = False, usual: str | None = None, commands: Sequence[Command] = (),
    targets: Sequence[str] = (),
) -> Written:
    """Write a network in any format there is.

    Args:
        package: The network.
        splits: Gives the data set of the run, for what is checked on its validation samples.
        path: Path of the main file, or of the folder for the format ``package``.
        format: ``torch``, ``json``, ``package``, one of the space's own, or the name of a space that takes its
            networks; None is what the ending of the file stands for, see :func:`evonas.run.export.format_of`.
        precision: What the program computes with, if the format has several.
        replace_max_pool: See :func:`write_lowered`.
        usual: The format of a file without an ending, where none is given.
        commands: How the network was made, for the card of a package.
        targets: Targets, or files of such, on which C is built, and run on a few validation samples.

    Raises:
        UserError: There is no such format or precision, the file ends in what stands for none or another, or as
            :func:`evonas.run.export.write_program` and :func:`write_lowered` do.
    """
    space = create_space(package.space, package.task, package.options)
    spaces = lowered_formats(space, package.task)
    format = format_of(path, usual=usual) if format is None else format
    stored_as = check_format(space, format, precision, spaces)
    if replace_max_pool and format not in spaces:
        raise UserError(f"{REPLACE_MAX_POOL} is for a format that is a search space, got {format!r}: leave it out")
    if targets and format not in ("c", PACKAGE):
        raise UserError(f"--target builds and runs C, got the format {format!r}: leave it out")
    built_for = find_targets(targets)
    require_tools(built_for)
    if format == PACKAGE:
        return write_folder(package, splits(), path, stored_as, commands, built_for)
    if format in spaces or format in FORMATS:
        check_ending(path, format)
    if format in spaces:
        return write_lowered(package, splits(), path, format, replace_max_pool=replace_max_pool)
    if format in FORMATS:
        export(package, path, format)
        return Written((path,), (package.source["weights"],))
    return write_program(package, splits(), path, format, stored_as, targets=built_for)


def write_lowered(package: Package, splits: Splits, path: Path, name: str, *, replace_max_pool: bool) -> Written:
    """Write a network as one of the space ``name``, for :func:`evonas.run.package.load`.

    Metrics of the package are those of the run, with costs in the other space; where averages have replaced max-pooling
    those on the validation samples, measured again.

    Args:
        splits: The data set of the run.
        replace_max_pool: See :func:`evonas.run.lowering.networks.lower_network`.

    Raises:
        UserError: The network cannot be lowered, what was lowered computes something else, or the file cannot be
            written.
    """
    target = create_space(name, package.task, {})
    network = _lower(package, target, replace_max_pool)
    genotype, weights = network.phenotype
    costs = target.cost(genotype)
    lowered = replace(package, space=name, options={}, genotype=target.encode(genotype), weights=weights)
    outputs, expected = (predict(each.compile(), splits.validation) for each in (lowered, package))
    sizes = ", ".join(f"{costs[name]:,.0f} {name}" for name in ("edges", "params") if name in costs)
    remarks = [f"{package.source['weights']}, lowered: {sizes}"]
    measured: Metrics = measure(outputs, splits.validation, splits.task, "val")
    metric = "val_accuracy" if splits.task.kind == "classification" else "val_mse"
    if network.replaced:
        metrics = measured
        pools = ", ".join(network.replaced)
        remarks.append(f"average pooling in the place of {pools}: {metric} {measured[metric]:.4f}")
    else:
        difference = float(np.abs(outputs - expected).max()) / max(1.0, float(np.abs(expected).max()))
        if not difference <= TOLERANCE:
            raise UserError(f"the lowered network differs by {difference:.1e} of its largest output, expected at most "
                            f"{TOLERANCE:g}: nothing was written")
        space = create_space(package.space, package.task, package.options)
        theirs = space.cost(space.decode(package.genotype))
        metrics = {metric: value for metric, value in package.metrics.items() if metric not in theirs}
        remarks.append(f"{metric} {measured[metric]:.4f}; it gives what the network of the run gives on "
                       f"{len(outputs):,} validation samples, to {difference:.0e} of the largest")
    export(replace(lowered, metrics={**metrics, **costs}), path, "torch")
    return Written((path,), tuple(remarks))


def _lower(package: Package, target: SearchSpace[Any], replace_max_pool: bool) -> LoweredNetwork:
    space = create_space(package.space, package.task, package.options)
    assert isinstance(space, Lowerable)
    assert isinstance(target, TakesLayers)
    whose = f"individual {package.source['id']} of {package.source['run']}"
    try:
        return lower_network(
            space, space.decode(package.genotype), package.weights, target, seed=0, replace_max_pool=replace_max_pool
        )
    except NotLowerable as error:
        raise UserError(f"{whose} {error}") from None
    except ValueError as error:
        raise UserError(f"{whose} cannot be lowered: {error}") from error
