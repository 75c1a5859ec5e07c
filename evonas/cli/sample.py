"""Command ``evonas sample``: architectures from a trained hypernetwork."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.console import make_console, say
from evonas.cli.options import CHOICE, AsJson, DrawFile
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.run.sampling import Sampler

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
    from evonas.run.sampling import load_sampler

    if (complexity is None) == (spread is None):
        raise UserError("give either --complexity, for one architecture, or --spread, for a table of several")
    if spread is not None and draw is not None:
        raise UserError("--draw draws one architecture: give --complexity instead of --spread")
    sampler = load_sampler(run)
    if complexity is not None:
        _show_one(sampler, complexity, as_json=as_json, draw=draw)
    elif spread is not None:
        _show_spread(sampler, spread, as_json=as_json)


def _show_one(sampler: Sampler, complexity: str, *, as_json: bool, draw: Path | None) -> None:
    """Print the architecture for a complexity.

    Args:
        sampler: The hypernetwork.
        complexity: The text of the option.
        as_json: Print JSON instead of tables.
        draw: File for a drawing.
    """
    from evonas.capabilities.display import Describable, Drawable

    try:
        genotype = sampler.ask(_numbers(complexity))
    except ValueError as error:
        raise UserError(f"--complexity {complexity}: {error}") from None
    space, costs = sampler.space, sampler.costs_of(genotype)
    if draw is not None:
        if not isinstance(space, Drawable):
            raise UserError(f"the space {sampler.name} cannot draw its networks: leave out --draw")
        from evonas.report.drawing import draw_diagram

        draw_diagram(draw, space.diagram(genotype), title=f"{sampler.method}, complexity {complexity}")
    if as_json:
        answer = {"method": sampler.method, "complexity": complexity, "genotype": repr(genotype), "costs": dict(costs)}
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


def _show_spread(sampler: Sampler, n: int, *, as_json: bool) -> None:
    """Print complexities that cover the range evenly, and the costs of the architectures for them.

    Args:
        sampler: The hypernetwork.
        n: Number of complexities.
        as_json: Print JSON instead of a table.
    """
    complexities = sampler.complexities(n)
    genotypes = [sampler.ask(complexity) for complexity in complexities]
    costs = [sampler.costs_of(genotype) for genotype in genotypes]
    if as_json:
        answers = [
            {"method": sampler.method, "complexity": s, "measures": [*sampler.measures], "genotype": repr(genotype),
             "costs": dict(each)}
            for s, genotype, each in zip(complexities, genotypes, costs, strict=True)
        ]
        typer.echo(json.dumps(answers, indent=1))
        return
    from evonas.report.tables import Column, number, table

    names = [f"s({name})" for name in sampler.columns]
    names = names if len(complexities[0]) > 1 else ["lambda"]
    columns = [
        Column(name, [f"{value:.3g}" for value in values])
        for name, values in zip(names, zip(*complexities, strict=True), strict=True)
    ]
    columns += [Column(name, [number(each[name]) for each in costs]) for name in costs[0]]
    make_console().print(table(columns, title=f"{sampler.method}, {n} complexities"))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("expected numbers, like 0.15,0.15,0.70 or 1e-6") from None
