"""Commands ``evonas datasets``, ``spaces``, ``searchers`` and ``metrics``: lists of what is installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli import completion
from evonas.cli.commands import Command, Group
from evonas.cli.console import make_console, print_stderr, say
from evonas.cli.help import Entry, print_panels
from evonas.cli.options import DATA, OUTPUT, SEARCH, AsJson, DataRoot
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.capabilities.option_models import OptionHelp
    from evonas.objectives.metrics import Metric
    from evonas.run.examples import Uses
    from evonas.run.searchers import SearcherHelp

datasets = typer.Typer(cls=Group, invoke_without_command=True)

#: Words of `evonas metrics` for the goal of a metric.
BETTER = {"min": "less is better", "max": "more is better"}
#: Words of `evonas searchers` for the number of budgets that a searcher takes.
BUDGETS = {"one": "one (--epochs)", "several": "several (--rungs)", "any": "one or several (--epochs or --rungs)"}


@datasets.callback()
def list_datasets(context: typer.Context, data_root: DataRoot = None) -> None:
    """List the data sets, and what is missing to use them."""
    if context.invoked_subcommand is not None:
        return
    from evonas.data import catalogue
    from evonas.report.tables import Column, table

    entries, console = catalogue(root=data_root), make_console()
    columns = [
        Column("name", [e.name for e in entries], numbers=False),
        Column("task", [e.task.kind for e in entries], numbers=False, secondary=True),
        Column("input", [" x ".join(map(str, e.task.input_shape)) for e in entries]),
        Column("outputs", [str(e.task.n_outputs) for e in entries], secondary=True),
        Column("train", [str(e.n_train) for e in entries]),
        Column("test", [str(e.n_test) for e in entries]),
        Column("found", ["no" if e.missing else str(e.folder or "embedded") for e in entries], numbers=False),
    ]
    console.print(table(columns, width=console.width))
    for entry in entries:
        if text := entry.missing or entry.note:
            say(text if entry.missing else f"{entry.name}: {text}")


@datasets.command(cls=Command)
def fetch(
    name: Annotated[
        str, typer.Argument(help="mnist or fashion-mnist.", autocompletion=completion.downloads)
    ],
    data_root: DataRoot = None,
    url: Annotated[
        str | None, typer.Option(help="Base address of a mirror [the publisher's].", rich_help_panel=DATA)
    ] = None,
) -> None:
    """Download a data set, and verify it."""
    from evonas.cli.download_bar import download_bar
    from evonas.data import fetch as download

    with download_bar(make_console(), name) as bar:
        folder = download(name, root=data_root, url=url, progress=bar)
    say(f"{name} is in {folder}, verified")


def spaces(
    name: Annotated[
        str | None,
        typer.Argument(help="A space whose options are wanted [all spaces].", autocompletion=completion.spaces,
                       show_default=False),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also what each would run on.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the installed search spaces, or the options of one (`--space-option`, the table `[space_options]`)."""
    if name is not None:
        _print_space(name, as_json=as_json)
        return
    from evonas.report.tables import Column, table
    from evonas.run.examples import example_of
    from evonas.run.plugins import available_spaces

    points = dict(sorted(available_spaces().items()))
    rows = [{"name": each, "from": point.value} for each, point in points.items()]
    if verbose:
        rows = [{**row, "runs on": _backend(example_of(row["name"]).space)} for row in rows]
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    heads = list(rows[0]) if rows else ["name", "from"]
    make_console().print(table([Column(head, [row[head] for row in rows], numbers=False) for head in heads]))
    say("evonas spaces NAME lists the options of one")


def _backend(space: Any) -> str:
    from evonas.capabilities.training import Trainable

    return space.backend if isinstance(space, Trainable) else "plain torch loop"


def _print_space(name: str, *, as_json: bool) -> None:
    """Print options with defaults, and the names of mutations and seeders."""
    from pydantic import BaseModel

    from evonas.capabilities.option_models import describe_options
    from evonas.capabilities.options import HasOptions
    from evonas.run.examples import example_of
    from evonas.run.initialization import seeder_names
    from evonas.run.plugins import option_model
    from evonas.run.presets import presets_of

    example = example_of(name)
    space = example.space
    model = space.options if isinstance(space, HasOptions) else None
    kind = option_model(name) or (type(model) if isinstance(model, BaseModel) else None)
    options = [] if kind is None else describe_options(kind)
    operators, seeders = dict(space.operators), seeder_names(space)
    if as_json:
        rows = [asdict(option) for option in options]
        typer.echo(json.dumps({"name": name, "options": rows, "operators": operators, "seeders": seeders}, indent=1))
        return
    published = ", ".join(presets_of(space))
    weights = ", ".join(f"{operator} {weight:g}" for operator, weight in operators.items())
    print_panels({
        f"Options of the space {name}": _described(options) or [
            Entry("none", "The space does not describe its options.")
        ],
        f"For {example.samples}": [
            Entry("mutations", f"With the weights by which they are drawn: {weights}."),
            Entry("seeders", f"Methods of `evonas seed`: {', '.join(seeders)}."),
            Entry("trained by", _backend(space)),
            *([Entry("as published", f"What `--preset published` sets: {published}.")] if published else []),
        ],
    })
    say(f"set one by --space-option NAME=VALUE with --space {name}, or in the table [space_options] of a file")


def searchers(
    name: Annotated[
        str | None,
        typer.Argument(help="A searcher whose options are wanted [all searchers].", autocompletion=completion.searchers,
                       show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the installed searchers, or the options of one (`--searcher-option`, the table `[searcher_options]`)."""
    from evonas.run.plugins import searcher_names
    from evonas.run.searchers import describe_searcher

    known = _loadable(searcher_names()) if name is None else [describe_searcher(name)]
    if as_json:
        rows = [asdict(searcher) for searcher in known]
        typer.echo(json.dumps(rows if name is None else rows[0], indent=1))
    elif name is not None:
        _print_searcher(known[0])
    else:
        print_panels({"Searchers": [Entry(each.name, f"{each.text} [{_facts(each)}]") for each in known]})
        say("evonas searchers NAME lists the options of one; choose one with --searcher NAME")


def _loadable(names: Iterable[str]) -> list[SearcherHelp]:
    """Describe searchers; of one that another package has and that cannot be loaded, print why."""
    from evonas.run.searchers import describe_searcher

    found = []
    for name in names:
        try:
            found.append(describe_searcher(name))
        except UserError as error:
            print_stderr(f"note: {error}")
    return found


def _facts(searcher: SearcherHelp) -> str:
    """Return the number of budgets, the numbers of trials, and the names of options, in a line."""
    numbers = ", ".join(f"{number.name} {number.default}" for number in searcher.numbers)
    own = ", ".join(option.name for option in [*searcher.options, *searcher.settings])
    return "; ".join([f"budgets: {searcher.rungs}", numbers, *([f"options: {own}"] if own else [])])


def _print_searcher(searcher: SearcherHelp) -> None:
    """Print a searcher's options with their defaults, and the settings of a run that it gives other defaults."""
    others = ", ".join(f"{name} {value}" for name, value in searcher.on_tables.items())
    own = _described(searcher.options)
    if not own and not searcher.settings:
        own = [Entry("none", "The searcher has no settings of its own.")]
    print_panels({
        f"Options of the searcher {searcher.name}": own,
        f"Settings of a run that only {searcher.name} takes": _described(searcher.settings),
        "Trials": [
            *_described(searcher.numbers), Entry("budgets", f"Budgets of a trial: {BUDGETS[searcher.rungs]}."),
            *([Entry("on a table", f"Other defaults with `--evaluator table`: {others}.")] if others else []),
        ],
    })
    if searcher.options:
        say(f"set one by --searcher-option NAME=VALUE with --searcher {searcher.name}, or in the table "
            "[searcher_options] of a file")


def _described(options: Iterable[OptionHelp]) -> list[Entry]:
    return [Entry(f"{option.name} {option.takes}", f"{option.text} [{option.default}]") for option in options]


def metrics(
    space: Annotated[
        str | None,
        typer.Option(help="Only those of this search space [all spaces].", autocompletion=completion.spaces,
                     rich_help_panel=SEARCH),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List possible objectives and constraints of a search, with their units and places of measurement."""
    from evonas.objectives.metrics import METRICS, STRUCTURE, Metric
    from evonas.run.examples import example_of, uses_of_metrics
    from evonas.run.plugins import available_spaces, descriptions

    if space is not None:
        example_of(space)  # raises an error for an unknown space
    uses = uses_of_metrics(space)
    order = {name: i for i, name in enumerate(METRICS)}
    described = {**descriptions(), **METRICS}
    known = {
        name: described.get(name, Metric(name.replace("_", " "), "the space's own unit", STRUCTURE))
        for name in sorted(uses, key=lambda name: (order.get(name, len(order)), name))
    }
    if as_json:
        typer.echo(json.dumps([
            {"name": name, "goal": metric.goal, "unit": metric.unit, "measured": metric.place, "text": metric.text,
             "tasks": sorted(uses[name].tasks), "spaces": sorted(uses[name].spaces)}
            for name, metric in known.items()
        ], indent=1))
        return
    _print_metrics(known, uses, n_spaces=len(available_spaces()) if space is None else 1)


def _print_metrics(known: Mapping[str, Metric], uses: Mapping[str, Uses], *, n_spaces: int) -> None:
    """Print metrics in panels by the place of their measurement, with tasks and spaces for those that are not for all.

    Args:
        known: Metrics by name.
        uses: Uses by name.
        n_spaces: Number of installed spaces.
    """
    panels: dict[str, list[Entry]] = {}
    for name, metric in known.items():
        facts = [BETTER[metric.goal], metric.unit, _kinds(uses[name].tasks)]
        if len(uses[name].spaces) < n_spaces:
            facts.append(f"space {', '.join(sorted(uses[name].spaces))}")
        panels.setdefault(f"Measured {metric.place}", []).append(Entry(name, f"{metric.text} [{'; '.join(facts)}]"))
    print_panels(panels)
    say('objectives are the quality and then costs, like --objectives trainval_error,flops; a constraint is like '
        '--constraint "flops<=50000"; `evonas targets` lists those on microcontrollers')


def _kinds(tasks: Set[str]) -> str:
    """Return a short text for kinds of tasks."""
    kinds = {task.partition(" ")[0] for task in tasks}
    several = {task for task in tasks if task.endswith("several targets")}
    if len(kinds) > 1:
        return "every task"
    return min(several) if tasks == several else min(kinds)
