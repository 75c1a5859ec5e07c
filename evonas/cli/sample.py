"""Command ``evonas sample``: architectures from a trained hypernetwork."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli.console import make_console, say
from evonas.cli.options import CHOICE, AsJson, DrawFile
from evonas.types import Metrics, UserError

if TYPE_CHECKING:
    from evonas.supernet.checkpoint import TrainedHypernet

#: Most architectures of a table.
MOST_SAMPLES = 10_000


def sample(
    run: Annotated[Path, typer.Argument(help="A run that `evonas seed --method hypernet-...` wrote.")],
    complexity: Annotated[
        str | None,
        typer.Option(
            help="A penalty an operation or a measure, like 0.15,0.15,0.70; or lambda, like 1e-6.",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    spread: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_SAMPLES, help="Print a table of this number of complexities, evenly spread, instead.",
            rich_help_panel=CHOICE,
        ),
    ] = None,
    as_json: AsJson = False,
    draw: DrawFile = None,
) -> None:
    """Architectures from a trained hypernetwork, at once: nothing is trained."""
    from evonas.capabilities.choices import Relaxable
    from evonas.run.one_shot import FOLDER
    from evonas.run.open import open_run
    from evonas.supernet.checkpoint import load_hypernet

    if (complexity is None) == (spread is None):
        raise UserError("give either --complexity, for one architecture, or --spread, for a table of several")
    if spread is not None and draw is not None:
        raise UserError("--draw draws one architecture: give --complexity instead of --spread")
    with open_run(run) as opened:
        if not isinstance(opened.space, Relaxable):
            raise UserError(f"{run} is a run in the space {opened.config.space}, which has no hypernetwork to ask")
        net = load_hypernet(run / FOLDER, opened.space.choices)
        space: Any = opened.space
    costs_of = _costs(space, net, run)
    if complexity is not None:
        _show_one(space, opened.config.space, net, complexity, costs_of, as_json=as_json, draw=draw)
    elif spread is not None:
        _show_spread(space, net, spread, costs_of, as_json=as_json)


def _costs(space: Any, net: TrainedHypernet, run: Path) -> Callable[[Any], Metrics]:
    """What a genotype costs; with an estimate of its latency where that was among the measures of the search."""
    from evonas.capabilities.export import HasTimedParts

    if "latency" not in net.measures or not isinstance(space, HasTimedParts):
        plain: Callable[[Any], Metrics] = space.cost
        return plain
    from evonas.evaluation.cost import LATENCY_ESTIMATE
    from evonas.runtimes.latency_table import read_table

    table = read_table(run, space.timed_parts.names)
    return lambda genotype: {**space.cost(genotype), LATENCY_ESTIMATE: table.estimate(space, genotype)}


def _show_one(
    space: Any, name: str, net: TrainedHypernet, complexity: str, costs_of: Callable[[Any], Metrics], *,
    as_json: bool, draw: Path | None,
) -> None:
    """The architecture for a complexity.

    Args:
        space: A space with a supernet, whose name is ``name``.
        net: That is asked.
        complexity: As it was given.
        costs_of: See :func:`_costs`.
        as_json: In the place of tables.
        draw: File for a drawing.
    """
    from evonas.capabilities.display import Describable, Drawable

    try:
        genotype = net.ask(space, _numbers(complexity))
    except ValueError as error:
        raise UserError(f"--complexity {complexity}: {error}") from None
    costs = costs_of(genotype)
    if draw is not None:
        if not isinstance(space, Drawable):
            raise UserError(f"the space {name} cannot draw its networks: leave out --draw")
        from evonas.report.drawing import draw_diagram

        draw_diagram(draw, space.diagram(genotype), title=f"{net.method}, complexity {complexity}")
    if as_json:
        answer = {"method": net.method, "complexity": complexity, "genotype": repr(genotype), "costs": dict(costs)}
        typer.echo(json.dumps(answer, indent=1))
        return
    say(repr(genotype))
    from evonas.report.tables import Column, described, number, table

    console = make_console()
    if isinstance(space, Describable):
        for each in described(space.describe(genotype)):
            console.print(each)
    values = Column("value", [number(value) for value in costs.values()])
    console.print(table([Column("cost", list(costs), numbers=False), values], title="costs"))


def _show_spread(
    space: Any, net: TrainedHypernet, n: int, costs_of: Callable[[Any], Metrics], *, as_json: bool
) -> None:
    """Complexities that cover the range evenly, and what the architectures for them cost.

    Args:
        space: With a supernet.
        net: That is asked.
        n: Complexities.
        costs_of: See :func:`_costs`.
        as_json: In the place of a table.
    """
    complexities = [net.hypernet.quasi_random(index).tolist() for index in range(n)]
    if not complexities[0]:
        raise UserError(f"the method {net.method} has no complexity to ask for: only hypernetworks have")
    genotypes = [net.ask(space, complexity) for complexity in complexities]
    costs = [costs_of(genotype) for genotype in genotypes]
    if as_json:
        answers = [
            {"method": net.method, "complexity": s, "measures": [*net.measures], "genotype": repr(genotype),
             "costs": dict(each)}
            for s, genotype, each in zip(complexities, genotypes, costs, strict=True)
        ]
        typer.echo(json.dumps(answers, indent=1))
        return
    from evonas.report.tables import Column, number, table

    names = [f"s({name})" for name in net.measures or net.operations]
    names = names if len(complexities[0]) > 1 else ["lambda"]
    columns = [
        Column(name, [f"{value:.3g}" for value in values])
        for name, values in zip(names, zip(*complexities, strict=True), strict=True)
    ]
    columns += [Column(name, [number(each[name]) for each in costs]) for name in costs[0]]
    make_console().print(table(columns, title=f"{net.method}, {n} complexities"))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("expected numbers, like 0.15,0.15,0.70 or 1e-6") from None
