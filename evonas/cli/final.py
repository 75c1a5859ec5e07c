"""Commands ``evonas retrain`` and ``export``: the last steps with chosen networks."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.console import make_console, print_stderr, say, say_written
from evonas.cli.interruption import exit_code
from evonas.cli.options import (
    CHOICE,
    DATA,
    MACHINE,
    OF_RUN,
    OUTPUT,
    TRAINING,
    DeviceOfRun,
    FolderOfData,
    Ids,
    MovedDataset,
    OnTargets,
    ReplaceMaxPool,
    RunFolder,
    TeacherRun,
    TestFile,
    check_teacher,
    parse_ids,
    parse_names,
)
from evonas.cli.setting import setting
from evonas.cli.test_metrics import say_weights
from evonas.training.length import RETRAIN_EPOCHS
from evonas.types import MOST, MOST_JOBS, UserError

if TYPE_CHECKING:
    from evonas.store import Retraining


def retrain(
    run: RunFolder,
    ids: Ids = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=MOST, help="Trainings of each.", rich_help_panel=TRAINING)
    ] = 3,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, max=MOST, help=f"Epochs of each [{RETRAIN_EPOCHS}, more where samples are few].",
                     rich_help_panel=TRAINING),
    ] = None,
    inherit: Annotated[
        bool, typer.Option("--inherit", help="Go on from the search's weights.", rich_help_panel=TRAINING)
    ] = False,
    learning_rate: Annotated[float | None, setting("learning_rate", TRAINING, default=OF_RUN)] = None,
    teacher: TeacherRun = None,
    teacher_members: Annotated[
        int | None, setting("teacher_members", TRAINING, default=OF_RUN, least=1, most=MOST)
    ] = None,
    teacher_weight: Annotated[float | None, setting("teacher_weight", TRAINING, default=OF_RUN)] = None,
    jobs: Annotated[
        int, typer.Option(min=1, max=MOST_JOBS, help="Trainings at a time.", rich_help_panel=MACHINE)
    ] = 1,
    device: DeviceOfRun = None,
    data_root: FolderOfData = None,
    dataset: MovedDataset = None,
    test: TestFile = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print only errors and, at the end, the table.", rich_help_panel=OUTPUT),
    ] = False,
) -> None:
    """Train chosen networks on all training data, and measure the last epoch on the test set."""
    from evonas.front import front
    from evonas.run.open import open_run, require_evaluated
    from evonas.run.retrain import retrain as final_training
    from evonas.training.device import check_name, using

    if device is not None:
        try:
            check_name(device)
        except ValueError as error:
            raise UserError(str(error)) from None
    check_teacher(teacher is not None, teacher_members, teacher_weight)
    reported: list[int] = []
    with (
        open_run(run, writing=True, data_root=data_root, dataset=dataset, test=test) as opened,
        using(device or opened.config.device),
    ):
        records = opened.store.records()
        members = [r.id for r in front(records, opened.objectives)]
        wanted = members if not ids else require_evaluated(opened, parse_ids(ids))
        if not wanted:
            reason = "--ids names none" if ids else "the front is empty"
            raise UserError(f"there is nothing to retrain: {reason}")
        try:
            results = final_training(
                opened, wanted, start="inherited" if inherit else "fresh", epochs=epochs, n_seeds=seeds, n_jobs=jobs,
                learning_rate=learning_rate, teacher=teacher, teacher_members=teacher_members,
                teacher_weight=teacher_weight, report=partial(_report, quiet=quiet, reported=reported),
            )
        except KeyboardInterrupt as interrupt:
            say("interrupted; what was reported is stored: give the same command again to go on")
            raise typer.Exit(exit_code(interrupt)) from None
        if not reported:
            print_stderr(f"note: all {len(results)} trainings were stored already, and nothing was left to train: "
                         "larger --seeds, or other --epochs, train more")
        say_weights(opened, *(r.metrics for r in results))
        flops = {r.id: r.metrics.get("flops", float("nan")) for r in records}
        _print_results(results, flops, "accuracy" if opened.task.kind == "classification" else "mse")


def _print_results(results: Sequence[Retraining], flops: Mapping[int, float], quality: str) -> None:
    """Print a row an individual, by ascending cost; by weights of the test samples, too, if they have some.

    Args:
        results: The retrainings.
        flops: FLOPs of the individuals.
        quality: Name of the test metric without its prefix.
    """
    from evonas.report.tables import Column, number, table
    from evonas.run.retrain import WEIGHTED, summary

    lengths = ", ".join(sorted({str(r.epochs) for r in results}))
    weighted = [r for r in results if f"{WEIGHTED}_{quality}" in r.metrics]
    means, by_weight = summary(results, f"test_{quality}"), summary(weighted, f"{WEIGHTED}_{quality}")
    rows = sorted(means, key=lambda id: flops[id])
    also = [f"{by_weight[id][0]:.4f}" if id in by_weight else "-" for id in rows]
    make_console().print(table([
        Column("id", [str(id) for id in rows]), Column("flops", [number(flops[id]) for id in rows]),
        Column(f"test_{quality}", [f"{means[id][0]:.4f}" for id in rows]),
        Column("deviation", [f"{means[id][1]:.4f}" if means[id][2] > 1 else "-" for id in rows]),
        Column("seeds", [str(means[id][2]) for id in rows]),
        *([Column(f"{WEIGHTED}_{quality}", also)] if by_weight else []),
    ], title=f"{lengths} epochs on all training data, last epoch"))


def _report(
    n_done: int, n_all: int, retraining: Retraining | None, error: str | None, *, quiet: bool, reported: list[int]
) -> None:
    """Print a line for a training that ended, and note it in ``reported``.

    Args:
        n_done: Number of trainings that have ended.
        n_all: Number of all trainings.
        retraining: The training; None if it failed.
        error: Why it failed; None if it did not.
        quiet: Print errors only.
        reported: Numbers of the trainings that were reported.
    """
    reported.append(n_done)
    if error is not None:
        (print_stderr if quiet else say)(f"{n_done}/{n_all} failed: {error}")
    elif retraining is not None and not quiet:
        name = "test_accuracy" if "test_accuracy" in retraining.metrics else "test_mse"
        value = f"{name} {retraining.metrics[name]:.4f}"
        say(f"{n_done}/{n_all} individual {retraining.id}, seed {retraining.seed}: {value}")


def export(
    run: RunFolder,
    id: Annotated[int, typer.Argument(help="Individual.")],
    out: Annotated[
        Path,
        typer.Option(help="File to write; for C the source, the header stands beside it; for a package a new folder.",
                     rich_help_panel=OUTPUT),
    ],
    format: Annotated[
        str | None,
        typer.Option(help="torch (.safetensors, for evonas.load), json, onnx, tflite or c; package, a folder with "
                          "weights, C, ONNX and a model card; neuron, of layers [what --out ends in; else torch].",
                     rich_help_panel=OUTPUT),
    ] = None,
    weights: Annotated[
        str,
        typer.Option(help="search; fresh or inherited: of the latest such retraining.", rich_help_panel=CHOICE),
    ] = "search",
    precision: Annotated[
        str,
        typer.Option(help="float32; for C also int8, int4 or ternary: integers alone, with such weights; int8-weights: "
                          "float32 with weights of 8 bits, of cells and convolutions, too.", rich_help_panel=OUTPUT),
    ] = "float32",
    finetune_epochs: Annotated[
        int,
        typer.Option(min=0, help="Epochs in which the weights get used to integers first, for int8, int4 and ternary.",
                     rich_help_panel=OUTPUT),
    ] = 0,
    target: OnTargets = None,
    replace_max_pool: ReplaceMaxPool = False,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder of the data sets, for C, ONNX and neuron.", rich_help_panel=DATA)
    ] = None,
    dataset: MovedDataset = None,
) -> None:
    """Write one network with its weights to a file; C and ONNX are checked on the validation set, C also on targets.

    The format neuron is the same network in single neurons, as torch writes it. A package is a folder that the Hugging
    Face Hub takes as it is.
    """
    from evonas.cli.made_by import made_by, path_name, without_folders
    from evonas.run.api import package
    from evonas.run.export import PACKAGE
    from evonas.run.finetune import finetuned
    from evonas.run.hub.card import Command
    from evonas.run.lowering.export import write_network
    from evonas.run.open import load_splits, open_run

    targets = parse_names(target) or ()
    with open_run(run, data_root=data_root, dataset=dataset) as opened:
        commands: list[Command] = []
        if format == PACKAGE:
            founders = [path_name(source.run) for source in opened.store.info.seeds if source.ids]
            name, where = path_name(run), path_name(out)
            options: dict[str, object] = {"format": format, "weights": weights, "precision": precision, "out": where}
            options |= {"finetune-epochs": finetune_epochs} if finetune_epochs else {}
            options |= {"target": ",".join(map(path_name, targets))} if targets else {}
            exported = ["evonas", "export", name, str(id), *(f"--{key}={value}" for key, value in options.items())]
            made = made_by(without_folders(opened.config), Path(name), founders)
            commands = [Command(*made), Command(shlex.join(exported))]
        network = package(opened, id, weights)
        if finetune_epochs:
            network = finetuned(opened, network, precision, finetune_epochs)
        written = write_network(
            network, partial(load_splits, opened), out, format, precision, replace_max_pool=replace_max_pool,
            usual="torch", commands=commands, targets=targets,
        )
    say_written(*written.paths, remarks=written.remarks)
