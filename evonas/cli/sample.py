"""evonas sample: ask a trained hypernetwork."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.console import make_console, say
from evonas.cli.options import CHOICE, AsJson, DrawFile
from evonas.types import UserError


def sample(
    run: Annotated[Path, typer.Argument(help="A run that `evonas seed --method hypernet-...` wrote.")],
    complexity: Annotated[
        str,
        typer.Option(help="A penalty an operation, like 0.15,0.15,0.70; or lambda, like 1e-6.", rich_help_panel=CHOICE),
    ],
    as_json: AsJson = False,
    draw: DrawFile = None,
) -> None:
    """One architecture from a trained hypernetwork, at once: nothing is trained."""
    from evonas.capabilities.choices import Relaxable
    from evonas.capabilities.display import Describable, Drawable
    from evonas.run.one_shot import FOLDER
    from evonas.run.open import open_run
    from evonas.supernet.checkpoint import load_hypernet

    with open_run(run) as opened:
        space = opened.space
        if not isinstance(space, Relaxable):
            raise UserError(f"{run} is a run in the space {opened.config.space}, which has no hypernetwork to ask")
        net = load_hypernet(run / FOLDER, space.choices)
    try:
        genotype = net.ask(space, _numbers(complexity))
    except ValueError as error:
        raise UserError(f"--complexity {complexity}: {error}") from None
    costs = space.cost(genotype)
    if draw is not None:
        if not isinstance(space, Drawable):
            raise UserError(f"the space {opened.config.space} cannot draw its networks: leave out --draw")
        from evonas.report.drawing import draw_sketch

        draw_sketch(draw, space.sketch(genotype), title=f"{net.method}, complexity {complexity}")
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


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError("expected numbers, like 0.15,0.15,0.70 or 1e-6") from None
