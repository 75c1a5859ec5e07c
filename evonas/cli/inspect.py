"""evonas front, show, datasets, spaces: look, without changing anything."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from evonas import data, plugins
from evonas.assembly import OpenRun, chosen, open_run
from evonas.cli.console import make_console
from evonas.cli.options import parse_assignments
from evonas.report import front as fronts
from evonas.space import Describable
from evonas.store import Record
from evonas.training import Trainable
from evonas.types import Task, UserError

_console = make_console()

#: Columns a terminal needs for the secondary costs of a network beside the objectives.
ROOMY = 100


def front(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Also draw it to this file (png, svg, pdf).")] = None,
    beside: Annotated[list[Path] | None, typer.Option(help="Draw the front of this run too; may be repeated.")] = None,
    best_under: Annotated[str | None, typer.Option(help="Only the best under bounds, like flops=20000.")] = None,
    knee: Annotated[bool, typer.Option(help="Only the member where more cost begins to buy little.")] = False,
    test: Annotated[bool, typer.Option(help="Add test metrics: of the search's weights and of retrainings.")] = False,
    reference: Annotated[str | None, typer.Option(help="Of the hypervolume: val_error=1,flops=200000.")] = None,
) -> None:
    """The Pareto front over all evaluations of a run, also while it goes on."""
    opened = open_run(run)
    members = fronts.front(opened.store.records(), opened.objectives)
    if plot is not None:
        _plot(plot, run, opened, members, beside or [])
    if best_under is not None:
        members = [fronts.best_under(members, opened.objectives, parse_assignments(best_under))]
    if knee:
        members = [fronts.knee(members, opened.objectives)]
    test_metrics = _test_metrics(opened, members) if test else {}
    if as_json or as_csv:
        rows = [_row(r, test_metrics.get(r.id, {})) for r in members]
        typer.echo(json.dumps(rows, indent=1) if as_json else _csv(rows), nl=as_json)
        return
    cells = {id: _test_cells(metrics) for id, metrics in test_metrics.items()}
    print_front(_console, opened, members=members, test_cells=cells, reference=reference)


def _plot(path: Path, run: Path, opened: OpenRun, members: Sequence[Record], beside: Sequence[Path]) -> None:
    from evonas.report.plot import plot_front  # imports matplotlib

    others = []
    for directory in beside:
        other = open_run(directory)
        if [o.metric for o in other.objectives.items] != [o.metric for o in opened.objectives.items]:
            raise UserError(f"{directory} has other objectives than {run}: their fronts cannot be drawn in one plot")
        others.append((directory.name, fronts.front(other.store.records(), other.objectives)))
    title = f"{opened.config.dataset}, {opened.config.space} space, seed {opened.config.seed}"
    plot_front(path, opened.store.records(), members, opened.objectives, title=title, others=others)


def _test_metrics(opened: OpenRun, members: Sequence[Record]) -> dict[int, dict[str, float]]:
    """Per individual: test metrics of the search's weights; mean, deviation and seeds of each kind of retraining."""
    from evonas.retrain import measure_on_test, summary  # the wall: nothing else here sees the test set

    result = measure_on_test(opened, [r.id for r in members])
    retrainings = opened.store.retrainings()
    metric = "test_accuracy" if opened.task.kind == "classification" else "test_mse"
    for start, epochs in sorted({(r.start, r.epochs) for r in retrainings}):
        kind = f"{start}_{epochs}_epochs"
        of_kind = [r for r in retrainings if (r.start, r.epochs) == (start, epochs) and r.id in result]
        for id, (mean, deviation, n_seeds) in summary(of_kind, metric).items():
            result[id] |= {f"{metric}_{kind}": mean, f"seeds_{kind}": n_seeds}
            if n_seeds > 1:
                result[id][f"deviation_{kind}"] = deviation
    return result


def _test_cells(metrics: Mapping[str, float]) -> dict[str, str]:
    """What the table shows of test metrics: accuracies or errors with their deviations."""
    cells: dict[str, str] = {}
    for name, value in metrics.items():
        head, _, kind = name.removeprefix("test_").partition("_")
        if head not in ("accuracy", "mse"):
            continue
        n_seeds = metrics[f"seeds_{kind}"] if kind else 0
        spread = f" ± {metrics[f'deviation_{kind}']:.4f} ({n_seeds:.0f})" if n_seeds > 1 else ""
        cells[f"test, {kind.replace('_', ' ')}" if kind else "test"] = f"{value:.4f}{spread}"
    return cells


def _row(record: Record, test_metrics: dict[str, float]) -> dict[str, Any]:
    return {
        "id": record.id, "birth": record.birth, "operator": record.operator, "parents": list(record.parents),
        "budget": record.budget, **record.metrics, **test_metrics,
    }


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "parents": " ".join(map(str, row["parents"]))} for row in rows)
    return text.getvalue()


def print_front(
    console: Console, opened: OpenRun, *, members: Sequence[Record] | None = None,
    test_cells: Mapping[int, Mapping[str, str]] | None = None, reference: str | None = None,
) -> None:
    """The front as a table, with its hypervolume and the reference point below it."""
    records = opened.store.records()
    members = fronts.front(records, opened.objectives) if members is None else members
    tests = test_cells or {}
    shown = [o.metric for o in opened.objectives.items]
    known = members[0].metrics if members else {}
    secondary = ("edges", "params", "neurons", "depth") if console.width >= ROOMY else ("edges",)
    shown += [n for n in secondary if n in known and n not in shown]
    test_names = list(dict.fromkeys(n for m in tests.values() for n in m))
    table = Table(title=f"front of {opened.config.dataset}: {len(members)} members of {len(records)} evaluations")
    for name in ("id", *shown, *test_names, "born", "operator"):
        table.add_column(name, justify="left" if name == "operator" else "right", no_wrap=True)
    for r in members:
        cells = [_number(n, r.metrics[n]) for n in shown]
        cells += [tests.get(r.id, {}).get(n, "") for n in test_names]
        table.add_row(str(r.id), *cells, str(r.birth), r.operator)
    console.print(table)
    point = fronts.default_reference(records, opened.objectives)
    if reference is not None:
        point |= parse_assignments(reference)
    volume = fronts.hypervolume(records, opened.objectives, opened.objectives.reference(point))
    at = ", ".join(f"{name}={value:g}" for name, value in point.items())
    logs = ", ".join(o.metric for o in opened.objectives.items if o.log)
    console.print(f"hypervolume {volume:.4f} (reference {at}{f'; log10 of {logs}' if logs else ''})", highlight=False)


def _number(name: str, value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value == int(value) and abs(value) >= 1 else f"{value:.4f}"


def show(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    id: Annotated[int, typer.Argument(help="Individual.")],
) -> None:
    """One individual: its structure, its metrics and its lineage."""
    opened = open_run(run)
    chosen(opened, [id])
    member = opened.store.member(id)
    if isinstance(opened.space, Describable):
        for title, columns, rows in opened.space.describe(member.genotype):
            table = Table(*columns, title=title)
            for row in rows:
                table.add_row(*row)
            _console.print(table)
    metrics = Table("metric", "value", title=f"metrics after {member.evaluation.budget} epochs")
    for name, value in member.evaluation.metrics.items():
        metrics.add_row(name, _number(name, value))
    _console.print(metrics)
    _console.print(_lineage(opened, id))


def _lineage(opened: OpenRun, id: int) -> Table:
    """The line of first parents, from the founder down."""
    records = {r.id: r for r in opened.store.records()}
    names = [o.metric for o in opened.objectives.items]
    table = Table("id", "born", "operator", "parents", *names, title="lineage")
    line: list[int] = []
    following: int | None = id
    while following is not None:
        line.append(following)
        parents = opened.store.individual(following).parents
        following = parents[0] if parents else None
    for ancestor in reversed(line):
        individual, record = opened.store.individual(ancestor), records.get(ancestor)
        values = [_number(n, record.metrics[n]) if record and record.status == "ok" else "failed" for n in names]
        parents_text = " ".join(map(str, individual.parents))
        table.add_row(str(ancestor), str(individual.birth), individual.operator, parents_text, *values)
    return table


def datasets(
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
) -> None:
    """The data sets there are, and what is missing to use them."""
    table = Table("name", "task", "input", "outputs", "train", "test", "where", show_lines=True)
    for entry in data.catalogue(root=data_root):
        shape = " x ".join(map(str, entry.task.input_shape))
        numbers = [str(entry.task.n_outputs), str(entry.n_train), str(entry.n_test)]
        where = entry.missing or str(entry.folder or "embedded")
        notes = f"\n{entry.note}" if entry.note else ""
        table.add_row(entry.name, entry.task.kind, shape, *numbers, where + notes)
    _console.print(table)


def spaces(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also what each would run on.")] = False,
) -> None:
    """The installed search spaces."""
    table = Table("name", "from", *(["runs on"] if verbose else []))
    for name, point in sorted(plugins.available_spaces().items()):
        space = plugins.create_space(name, Task("classification", (1, 8, 8), 10), {}) if verbose else None
        backend = space.backend if isinstance(space, Trainable) else "plain torch loop"
        table.add_row(name, point.value, *([backend] if verbose else []))
    _console.print(table)
