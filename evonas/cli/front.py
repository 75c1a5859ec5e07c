"""Command ``evonas front``: the front of a run, without changing it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli import completion
from evonas.cli.compare import check_same_data, check_teachers
from evonas.cli.console import csv_text, make_console, print_stderr, say
from evonas.cli.options import (
    CHOICE,
    OUTPUT,
    AsCsv,
    AsJson,
    FolderOfTestData,
    MovedDataset,
    PlotFile,
    Reference,
    RunFolder,
    check_form,
    parse_assignments,
    parse_names,
    parse_paths,
    parse_reference,
)
from evonas.cli.test_metrics import say_weights, test_cells_of, test_metrics_of
from evonas.serialization import renamed
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.objectives import Objectives
    from evonas.run.open import OpenRun
    from evonas.store import Record

TEST = "Add test metrics: of the search's weights and of retrainings."


def front(
    run: RunFolder,
    best_under: Annotated[
        list[str] | None,
        typer.Option(help="Only the best under bounds, like flops=20000,depth=4; may be repeated.",
                     rich_help_panel=CHOICE),
    ] = None,
    knee: Annotated[
        bool,
        typer.Option("--knee", help="Only the member where more cost begins to buy little.", rich_help_panel=CHOICE),
    ] = False,
    all_members: Annotated[
        bool,
        typer.Option("--all", help="Also members that are equal to another in all objectives.", rich_help_panel=CHOICE),
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(help="Only these columns, like id,flops,latency; may be repeated [what fits].",
                     rich_help_panel=OUTPUT),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    plot: PlotFile = None,
    cost: Annotated[
        str | None,
        typer.Option(help="The cost on the plot's axis [the last objective].", autocompletion=completion.metrics,
                     rich_help_panel=OUTPUT),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="Draw the fronts of these runs too, like runs/a,runs/b; may be repeated.",
                     rich_help_panel=OUTPUT),
    ] = None,
    test: Annotated[bool, typer.Option("--test", help=TEST, rich_help_panel=OUTPUT)] = False,
    reference: Reference = None,
    data_root: FolderOfTestData = None,
    dataset: MovedDataset = None,
) -> None:
    """Print the Pareto front over all evaluations of a run, also while it goes on."""
    from evonas import front as fronts
    from evonas.report.tables import check_columns
    from evonas.run.open import open_run

    check_form(json=as_json, csv=as_csv)
    with open_run(run, data_root=data_root, dataset=dataset) as opened:
        records, objectives = opened.store.records(), opened.objectives
        members = fronts.front(records, objectives)
        names = None if not columns else check_columns(parse_names(columns) or (), records, members, run=run)
        if cost is not None and plot is None:
            raise UserError("--cost is the axis of a plot: add --plot FILE")
        if plot is not None:
            axis = None if cost is None else renamed.metric(cost)
            _plot(plot, run, opened, members, parse_paths(beside), axis)
        shown, remark = _pick(members, objectives, best_under, knee, run)
        shown = shown if all_members else fronts.distinct(shown, objectives)
        test_metrics = test_metrics_of(opened, shown) if test else {}
        if test:
            say_weights(opened, *test_metrics.values())
        if as_json or as_csv:
            equal = fronts.equals(members, objectives)
            rows = [_named(fronts.row(r, equal[r.id]), names) | test_metrics.get(r.id, {}) for r in shown]
            joined = [{name: _joined(value) for name, value in row.items()} for row in rows]
            typer.echo(json.dumps(rows, indent=1) if as_json else csv_text(joined), nl=as_json)
            return
        weighted = opened.config.weights is not None
        cells = {id: test_cells_of(metrics, weighted=weighted) for id, metrics in test_metrics.items()}
        print_front(opened, members=shown, test_cells=cells, reference=reference, names=names, remark=remark)


def _pick(
    members: Sequence[Record], objectives: Objectives, best_under: Sequence[str] | None, knee: bool, run: Path
) -> tuple[list[Record], str | None]:
    """Return the chosen member, those equal to it and within the bounds, and the reason; or the whole front.

    Args:
        members: Members of the front.
        objectives: Objectives of the run.
        best_under: Bounds, as text; None for none.
        knee: Whether the member at the knee is asked for.
        run: Path of the run, for messages.
    """
    from evonas import front as fronts
    from evonas.report.choice import why_chosen, why_front, why_knee
    from evonas.run.targets import require_figures

    if best_under:
        bounds = parse_assignments(best_under, "--best-under")
        require_figures(bounds)
        able = fronts.within(members, bounds, run=run)
        picked = fronts.best_under(members, objectives, bounds, run=run)
        remark = why_chosen(picked, able, objectives)
    elif knee:
        able, picked = list(members), fronts.knee(members, objectives)
        remark = why_knee(members, objectives)
    else:
        return list(members), _unasked(why_front(members, objectives))
    ids = fronts.equals(able, objectives)[picked.id]
    return [picked, *(r for r in able if r.id in ids)], remark


def _unasked(remark: str | None) -> str | None:
    """Reason for choosing a member although none was asked for."""
    return None if remark is None else f"with --knee or --best-under, {remark}"


def _named(row: dict[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """Return the named entries of a row, with None for missing ones; all entries if no names are given."""
    return row if names is None else {name: row.get(name) for name in names}


def _joined(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _plot(
    path: Path, run: Path, opened: OpenRun, members: Sequence[Record], beside: Sequence[Path], cost: str | None
) -> None:
    from evonas import front as fronts
    from evonas.report.plot import plot_front
    from evonas.run.open import open_run

    others = []
    with ExitStack() as stack:
        runs = {directory: stack.enter_context(open_run(directory)) for directory in beside}
        check_same_data({run: opened, **runs})
        check_teachers({run: opened, **runs}, allowed=True)
        for directory, other in runs.items():
            if [o.metric for o in other.objectives.items] != [o.metric for o in opened.objectives.items]:
                raise UserError(f"{directory} has other objectives than {run}: they cannot be drawn in one "
                                "plot, leave it out")
            others.append((directory.name, fronts.front(other.store.records(), other.objectives)))
    title = f"{opened.config.dataset}, {opened.config.space} space, seed {opened.config.seed}"
    plot_front(path, opened.store.records(), members, opened.objectives, title=title, others=others, cost=cost)
    print_stderr(f"wrote {path}")


def print_front(
    opened: OpenRun, *, members: Sequence[Record] | None = None,
    test_cells: Mapping[int, Mapping[str, str]] | None = None, reference: Sequence[str] | None = None,
    names: Sequence[str] | None = None, remark: str | None = None, directory: Path | None = None,
) -> None:
    """The front as a table, and below it what is hidden, why a member was chosen, the hypervolume and its reference.

    Args:
        members: Members to show; None for every point once.
        test_cells, names: Cells and names of columns, see :func:`evonas.report.tables.front_columns`.
        reference: A part of the hypervolume's reference point.
        remark: Why the one that is shown was chosen, where that needs saying.
        directory: Directory of the run for commands that show more; None if the user has just named it.
    """
    from evonas import front as fronts
    from evonas.report.choice import why_front
    from evonas.report.tables import fitting, front_columns, front_table, hidden

    console, objectives, records = make_console(), opened.objectives, opened.store.records()
    whole = fronts.front(records, objectives)
    if members is None:
        members, remark = fronts.distinct(whole, objectives), _unasked(why_front(whole, objectives))
    equal = fronts.equals(whole, objectives)
    columns = fitting(
        front_columns(members, objectives, test_cells=test_cells, names=names, equal=equal), console.width
    )
    dataset = Path(opened.config.dataset).stem
    plural = "" if len(members) == 1 else "s"
    title = f"front of {dataset}: {len(members)} member{plural} of {len(records)} evaluations"
    console.print(front_table(members, objectives, title=title, columns=columns))
    _say_hidden(members, equal, hidden(columns, members, equal) if names is None else [], directory)
    if remark is not None:
        say(remark)
    _say_reasons(objectives, members, records)
    point = fronts.default_reference(records, objectives)
    if reference:
        point |= parse_reference(reference, point)
    volume = fronts.hypervolume(records, objectives, objectives.reference(point))
    at = ", ".join(f"{name}={value:g}" for name, value in point.items())
    logs = ", ".join(o.metric for o in objectives.items if o.log)
    say(f"hypervolume {volume:.4f} (reference {at}{f'; log10 of {logs}' if logs else ''})")
    _say_origins(opened)


def _say_hidden(
    members: Sequence[Record], equal: Mapping[int, Sequence[int]], columns: Sequence[str], directory: Path | None
) -> None:
    """Print one line about the parts that the table omits, with the options that show them; nothing if there are none.

    Args:
        members: Shown members.
        equal: Ids of the members that are equal to each.
        columns: Omitted columns.
    """
    shown = {r.id for r in members}
    command = "" if directory is None else f"evonas front {shlex.quote(str(directory))} "
    n_equal = len({id for r in members for id in equal[r.id]} - shown)
    parts = []
    if n_equal:
        others = "1 member that is equal" if n_equal == 1 else f"{n_equal} members that are equal"
        parts.append(f"{others} in all objectives ({command}--all)")
    if columns and members:
        parts.append(f"the columns {', '.join(columns)} ({command}--columns id,{columns[-1]})")
    if parts:
        say(f"not shown: {'; '.join(parts)}")


def _say_reasons(objectives: Objectives, members: Sequence[Record], records: Sequence[Record]) -> None:
    """Print why there is no member.

    Args:
        objectives: Objectives of the run.
        members: Members of the front.
        records: All evaluations.
    """
    if objectives.constraints and not members and records:
        kept = ", ".join(str(constraint) for constraint in objectives.constraints)
        say(f"no evaluation keeps {kept}: loosen a constraint or evolve longer")
    if not records:
        say("no network has been trained yet: a run needs time for its founders, the largest of which take longest")


def _say_origins(opened: OpenRun) -> None:
    """Print how the members were trained and measured, and which teachers they had."""
    from evonas.objectives.metrics import DEVICE_LATENCY, target_metric
    from evonas.run.presets import described

    if (preset := described(opened.config, opened.space)) is not None:
        say(f"set {preset}")
    epochs = opened.config.rungs or (opened.config.epochs,)
    if opened.config.evaluator == "trained" and epochs[-1] is not None:
        say(f"trained for {', '.join(map(str, epochs))} epoch{'s' * (epochs[-1] > 1)} a trial")
    if opened.config.evaluator == "table":
        say(f"looked up in a table, after {' and '.join(map(str, opened.config.budgets))} epochs of training")
    sources = sorted(opened.store.sources().items())
    for metric, measured_by in sources:
        if target_metric(metric) is None:
            say(f"{metric} was measured {'by' if metric == DEVICE_LATENCY else 'on'} {measured_by}")
    for measured_by in dict.fromkeys(source for metric, source in sources if target_metric(metric) is not None):
        say(f"figures of a target were measured on {measured_by}")
    if (teacher := opened.store.info.teacher) is not None:
        say(f"taught by {len(teacher.ids)} member{'s' * (len(teacher.ids) > 1)} of {teacher.run}")
    if opened.config.teaches_itself:
        say("taught by the best of its own earlier generations")
    for source in opened.store.info.seeds:
        cost = f"{source.spent.elapsed:.0f} s, {source.spent.edge_updates or 0:.3g} edge-updates"
        how = f"seeded by {len(source.ids)} members" if source.ids else "at the cost also"
        say(f"{how} of {source.run}, which took {cost}")
