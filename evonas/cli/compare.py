"""Command ``evonas compare``: several runs side by side, without changing any."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli import completion
from evonas.cli.console import csv_text, make_console, print_stderr, say
from evonas.cli.options import (
    CHOICE,
    OUTPUT,
    AsJson,
    FolderOfTestData,
    PlotFile,
    Reference,
    check_form,
    parse_numbers,
    parse_reference,
)
from evonas.cli.test_metrics import say_weights
from evonas.serialization import renamed
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.report.compare import Comparison, RunRecords
    from evonas.report.measures import Tests
    from evonas.report.significance import Difference
    from evonas.run.open import OpenRun
    from evonas.types import Metrics



def compare(
    runs: Annotated[list[str], typer.Argument(help="Run directories, or groups of runs like NAME=RUN,RUN,RUN.")],
    cost: Annotated[
        str | None,
        typer.Option(help="What budgets bound, like params [last objective].", autocompletion=completion.metrics,
                     rich_help_panel=CHOICE),
    ] = None,
    budgets: Annotated[
        list[str] | None,
        typer.Option(help="Bounds of the cost, like 5300,13200,41400; may be repeated [1-2-5 steps].",
                     rich_help_panel=CHOICE),
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, a row for each run and budget.", rich_help_panel=OUTPUT)
    ] = False,
    as_latex: Annotated[
        bool, typer.Option("--latex", help="Print a LaTeX table, the best in bold.", rich_help_panel=OUTPUT)
    ] = False,
    plot: PlotFile = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Add test metrics of the members that validation chose.", rich_help_panel=OUTPUT),
    ] = False,
    baseline: Annotated[
        str | None, typer.Option(help="Group to test all others against [every two].", rich_help_panel=CHOICE)
    ] = None,
    any_teacher: Annotated[
        bool, typer.Option("--any-teacher", help="Also where teachers differ.", rich_help_panel=CHOICE)
    ] = False,
    reference: Reference = None,
    data_root: FolderOfTestData = None,
) -> None:
    """Compare accuracy at equal cost, hypervolume and compute spent of several runs.

    Runs of one group differ in their seeds: tables show their mean and deviation, and test whether groups differ by
    more; the plot shows their median, best and worst. By another cost every run counts as if it had been a search of
    the first objective and that one: then runs need only have that in common.
    """
    from evonas.report.compare import compare as compare_runs
    from evonas.report.plot import plot_comparison
    from evonas.report.significance import differences
    from evonas.run.open import open_run

    check_form(json=as_json, csv=as_csv, latex=as_latex)
    groups = parse_groups(runs)
    limits = parse_numbers(budgets, "--budgets") if budgets else None
    with ExitStack() as stack:
        paths = [path for members in groups.values() for path in members]
        opened = {path: stack.enter_context(open_run(path, data_root=data_root)) for path in paths}
        check_same_data(opened)
        check_teachers(opened, allowed=any_teacher)
        records = {name: [run_records(path, opened[path]) for path in members] for name, members in groups.items()}
        names = [o.metric for o in opened[paths[0]].objectives.items]
        cost = None if cost is None else renamed.metric(cost)
        names = names if cost is None else [names[0], cost]
        point = parse_reference(reference, names) if reference else None
        comparison = compare_runs(records, budgets=limits, reference=point, cost=cost)
        tests = _test_metrics(opened, comparison) if test else None
        if tests is not None:
            weighted = [run for run in opened.values() if run.config.weights is not None]
            for run in weighted[:1]:  # what runs count by differs in nothing that the sentence says
                say_weights(run, *(metrics for each in tests.values() for metrics in each.values()))
        found = differences(comparison, tests, baseline=baseline)
        dataset = Path(opened[paths[0]].config.dataset).stem
        if plot is not None:
            plot_comparison(plot, comparison, title=dataset)
    if as_latex:
        from evonas.report.comparison_latex import to_latex

        typer.echo(to_latex(comparison, found, tests, dataset=dataset, baseline=baseline), nl=False)
    else:
        _print(comparison, tests, found, as_json=as_json, as_csv=as_csv)


def run_records(path: Path, run: OpenRun) -> RunRecords:
    """Return the records of an open run that are compared."""
    from evonas.report.compare import RunRecords

    store, pair = run.store, (run.config.seed, run.config.split_seed)
    return RunRecords(str(path), store.records(), run.objectives, store.elapsed, store.info.seeds, pair)


def parse_groups(texts: Sequence[str]) -> dict[str, list[Path]]:
    """Parse groups: ``NAME=RUN,RUN`` is a group with a name; a bare path is a group of one, named after its directory.

    Raises:
        UserError: A name or a run appears twice, one is empty, or there are fewer than two runs.
    """
    groups: dict[str, list[Path]] = {}
    for text in texts:
        label, labelled, members = text.partition("=")
        if Path(text).exists():  # a path may contain "="
            labelled = ""
        name, paths = (label, members.split(",")) if labelled else (Path(text).resolve().name, [text])
        if not name or not all(paths):
            raise UserError(f"cannot read {text!r}, expected RUN or NAME=RUN,RUN")
        if name in groups:
            raise UserError(f"two groups are called {name!r}: give each a name of its own, like NAME=RUN,RUN")
        groups[name] = [Path(path) for path in paths]
    seen: set[Path] = set()
    for path in (path for paths in groups.values() for path in paths):
        if path.resolve() in seen:
            raise UserError(f"{path} is named twice: name each run once")
        seen.add(path.resolve())
    if len(seen) < 2:
        raise UserError(f"a comparison needs at least two runs, got {', '.join(texts)}: name another one")
    return groups


def check_same_data(runs: Mapping[Path, OpenRun]) -> None:
    """Refuse runs with different data; note runs that were validated by different samples.

    A run's fingerprint is of the values and of the split together: if the splits are meant to differ, the names of the
    data sets are compared.
    """
    first, one = next(iter(runs.items()))
    of_split: dict[tuple[int, int | None, int | None], tuple[Path, str]] = {}
    for path, run in runs.items():
        fingerprint = run.store.info.fingerprint
        if fingerprint != one.store.info.fingerprint:
            _check_names(first, one, path, run)
        same, expected = of_split.setdefault(_split(run), (path, fingerprint))
        if fingerprint != expected:
            raise UserError(f"the files of {run.config.dataset} changed between {same} and {path}: runs of different "
                            f"data sets cannot be compared, so repeat one with the files of the other")
    n_splits = len({fingerprint for _, fingerprint in of_split.values()})
    if n_splits > 1:
        print_stderr(f"note: the runs have {n_splits} different splits into training and validation samples (by "
                  f"split_seed, n_train or n_validation): part of their differences may be due to that")


def check_teachers(runs: Mapping[Path, OpenRun], *, allowed: bool) -> None:
    """Refuse runs with different teachers; note runs of which only some taught themselves.

    A teacher knows one split into training and validation samples: runs with different splits have different ones, and
    are taught alike if each split has one teacher. A run that teaches itself does so as a part of its method.

    Args:
        runs: Runs by their paths.
        allowed: Print a note in the place of an error.

    Raises:
        UserError: Teachers differ, and that is not allowed.
    """
    outside = {path: _teacher(run) for path, run in runs.items()}
    itself = {path for path, run in runs.items() if outside[path] is None and run.config.teaches_itself}
    alike = _taught_alike(runs, outside)
    if alike and len(itself) in (0, len(runs)):
        return
    by = {path: "itself" if path in itself else "a run" for path in runs if outside[path] or path in itself}
    taught = [f"{path} by {teacher}" for path, teacher in by.items()]
    said = f"not all runs had the same teacher (taught were {', '.join(taught)})"
    if not (alike or allowed):
        raise UserError(f"{said}: give all one by --teacher, or compare them by --any-teacher")
    print_stderr(f"note: {said}: part of their differences may be due to that")


def _teacher(run: OpenRun) -> str | None:
    """Return the digest of the other run, or individual of it, that taught a run; None without one."""
    given = run.store.info.teacher
    return None if given is None else given.digest


def _taught_alike(runs: Mapping[Path, OpenRun], teachers: Mapping[Path, str | None]) -> bool:
    of_split: dict[tuple[int, int | None, int | None], set[str | None]] = {}
    for path, run in runs.items():
        of_split.setdefault(_split(run), set()).add(teachers[path])
    is_taught = {teacher is not None for teacher in teachers.values()}
    return len(is_taught) == 1 and all(len(known) == 1 for known in of_split.values())


def _check_names(first: Path, one: OpenRun, path: Path, other: OpenRun) -> None:
    """Refuse two runs of data sets that have different names or tasks.

    Args:
        first: Path of one run.
        one: The run.
        path: Path of the other run.
        other: The other run.
    """
    if one.config.dataset != other.config.dataset:
        datasets = f"{first} is about {one.config.dataset}, {path} is about {other.config.dataset}"
        raise UserError(f"{datasets}: runs of different data sets cannot be compared, name runs of one")
    if any(getattr(one.task, part) != getattr(other.task, part) for part in ("kind", "input_shape", "n_outputs")):
        raise UserError(f"{first} and {path} have different tasks: runs of different tasks cannot be "
                        "compared, name runs of one")


def _split(run: OpenRun) -> tuple[int, int | None, int | None]:
    """Return the settings that decide a run's training and validation samples."""
    return run.config.split_seed, run.config.n_train, run.config.n_validation


def _test_metrics(runs: Mapping[Path, OpenRun], comparison: Comparison) -> dict[str, dict[int, Metrics]]:
    """Return test metrics of the members that some budget chose, with the search's weights.

    They are by run and individual.
    """
    from evonas.run.retrain import measure_on_test  # only this function uses the test set

    results = {run.name: run for members in comparison.groups.values() for run in members}
    chosen = {
        name: sorted({member.id for member in result.at_budget.values() if member is not None})
        for name, result in results.items()
    }
    return {str(path): dict(measure_on_test(run, chosen[str(path)])) for path, run in runs.items()}


def _print(
    comparison: Comparison, tests: Tests | None, found: Sequence[Difference], *, as_json: bool, as_csv: bool
) -> None:
    from evonas.report.comparison_tables import budget_table, difference_table, spending_table, to_json, to_rows
    from evonas.report.significance import remarks

    if as_json or as_csv:
        if as_json:
            typer.echo(json.dumps(to_json(comparison, tests, found), indent=1))
        else:
            typer.echo(csv_text(list(to_rows(comparison, tests))), nl=False)
        return
    console = make_console()
    console.print(budget_table(comparison, tests))
    console.print(spending_table(comparison))
    at = ", ".join(f"{name}={value:g}" for name, value in comparison.reference.items())
    logs = ", ".join(o.metric for o in comparison.objectives.items if o.log)
    say(f"hypervolumes up to {at}{f' (log10 of {logs})' if logs else ''}; ± is the deviation over runs")
    if found:
        console.print(difference_table(comparison, found))
    for remark in remarks(comparison, found):
        say(remark)
