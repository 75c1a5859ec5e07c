"""evonas retrain, evonas export: the last steps with a chosen network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from evonas.assembly import OpenRun, chosen, open_run
from evonas.cli.console import make_console
from evonas.cli.options import parse_names
from evonas.export import FORMATS, Package
from evonas.export import export as write
from evonas.report.front import front as front_of
from evonas.store import Retraining
from evonas.types import UserError, suggestion

_console = make_console()


def retrain(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    ids: Annotated[str | None, typer.Option(help="Individuals, comma-separated [the whole front].")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of each.")] = 20,
    inherit: Annotated[bool, typer.Option("--inherit", help="Go on from the search's weights.")] = False,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate [the run's].")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 1,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
) -> None:
    """Train chosen networks on all training data, and measure the last epoch on the test set."""
    from evonas.retrain import retrain as final_training  # the wall: the other commands do not import it
    from evonas.retrain import summary

    opened = open_run(run, writing=True, data_root=data_root)
    members = front_of(opened.store.records(), opened.objectives)
    wanted = [r.id for r in members] if ids is None else chosen(opened, [_id(part) for part in parse_names(ids) or ()])
    if not wanted:
        raise UserError("the front is empty: there is nothing to retrain")
    results = final_training(
        opened, wanted, start="inherited" if inherit else "fresh", epochs=epochs, n_seeds=seeds, n_jobs=jobs,
        learning_rate=learning_rate, report=_report,
    )
    metric = "test_accuracy" if opened.task.kind == "classification" else "test_mse"
    title = f"{epochs} epochs on all training data, last epoch"
    table = Table("id", "flops", metric, "deviation", "seeds", title=title)
    flops = {r.id: r.metrics.get("flops", float("nan")) for r in opened.store.records()}
    means = summary(results, metric)
    for id in sorted(means, key=lambda id: flops[id]):
        mean, deviation, n_seeds = means[id]
        table.add_row(str(id), f"{flops[id]:.0f}", f"{mean:.4f}", f"{deviation:.4f}" if n_seeds > 1 else "-", str(n_seeds))
    _console.print(table)


def _id(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise UserError(f"individuals are numbers, got {text!r}") from None


def _report(n_done: int, n_all: int, retraining: Retraining | None, error: str | None) -> None:
    if error is not None:
        _console.print(f"{n_done}/{n_all} failed: {error}", markup=False, highlight=False)
    elif retraining is not None:
        value = next(iter(retraining.metrics.items()))
        _console.print(
            f"{n_done}/{n_all} individual {retraining.id}, seed {retraining.seed}: {value[0]} {value[1]:.4f}",
            highlight=False,
        )


def export(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    id: Annotated[int, typer.Argument(help="Individual.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    format: Annotated[str, typer.Option(help="torch (safetensors, for evonas.load) or json.")] = "torch",
    weights: Annotated[str, typer.Option(help="search, or retrained (seed 0 of the latest retraining).")] = "search",
) -> None:
    """Write one network with its weights to a file."""
    if format not in FORMATS:
        raise UserError(f"unknown format {format!r}{suggestion(format, FORMATS)}")
    if weights not in ("search", "retrained"):
        raise UserError(f"--weights must be search or retrained, got {weights!r}")
    opened = open_run(run)
    chosen(opened, [id])
    write(_package(opened, run, id, weights), out, format)
    _console.print(f"wrote {out} ({out.stat().st_size:,} bytes)", markup=False, highlight=False)


def _package(opened: OpenRun, run: Path, id: int, kind: str) -> Package:
    member = opened.store.member(id)
    parameters, metrics = opened.store.weights(*member.evaluation.key), dict(member.evaluation.metrics)
    source: dict[str, Any] = {"run": run.name, "id": id, "dataset": opened.config.dataset, "weights": kind}
    if kind == "retrained":
        latest = [r for r in opened.store.retrainings() if r.id == id]
        if not latest:
            raise UserError(f"individual {id} has no retraining: run `evonas retrain {run} --ids {id}` first")
        last = latest[-1]
        first = min((r for r in latest if (r.start, r.epochs) == (last.start, last.epochs)), key=lambda r: r.seed)
        parameters, metrics = opened.store.retrained_weights(first), dict(first.metrics)
        source |= {"start": first.start, "epochs": first.epochs, "seed": first.seed}
    if parameters is None:
        raise UserError(f"individual {id} has no trained weights")
    return Package(
        opened.config.space, opened.config.space_options, opened.task, opened.space.encode(member.genotype), parameters,
        opened.store.info.normalisation, metrics, source,
    )
