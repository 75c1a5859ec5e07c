"""Commands ``evonas show`` and ``evonas lineage``: one individual of a run, without changing it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli.console import make_console, say_written
from evonas.cli.options import AsJson, DrawFile, RunFolder
from evonas.types import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from evonas.run.open import OpenRun

#: Names of costs in a drawing's head.
COSTS = {"flops": "FLOPs", "params": "parameters"}


def show(
    run: RunFolder,
    id: Annotated[int, typer.Argument(help="Individual.")],
    draw: DrawFile = None,
) -> None:
    """Print one individual: its structure, its metrics and its lineage."""
    from evonas.capabilities.display import Describable
    from evonas.report.tables import Column, described, number, table
    from evonas.run.open import open_run, require_evaluated

    console = make_console()
    with open_run(run) as opened:
        require_evaluated(opened, [id])
        member = opened.store.member(id)
        if draw is not None:
            _draw(draw, opened, id)
        if isinstance(opened.space, Describable):
            for each in described(opened.space.describe(member.genotype)):
                console.print(each)
        evaluation = member.evaluation
        values = Column("value", [number(value) for value in evaluation.metrics.values()])
        metrics = [Column("metric", list(evaluation.metrics), numbers=False), values]
        console.print(table(metrics, title=f"metrics after {evaluation.budget} epochs"))
        if later := opened.store.measurements().get(evaluation.key):
            values = Column("value", [number(value) for value in later.values()])
            console.print(table([Column("metric", list(later), numbers=False), values], title="measured later"))
        console.print(_lineage(opened, id))
        if draw is not None:
            say_written(draw)


def lineage(
    run: RunFolder,
    id: Annotated[int, typer.Argument(help="Individual.")],
    as_json: AsJson = False,
) -> None:
    """Print all ancestors of an individual, founders first, with operators, parents and metrics."""
    from evonas.front import row
    from evonas.report.lineage import ancestry
    from evonas.run.open import open_run, require_evaluated

    with open_run(run) as opened:
        require_evaluated(opened, [id])
        if as_json:
            typer.echo(json.dumps([row(record) for record in ancestry(opened.store.records(), id)], indent=1))
        else:
            make_console().print(_lineage(opened, id))


def _lineage(opened: OpenRun, id: int) -> Table:
    """Return a table with dots and lines that lead from the founders down."""
    from evonas.report.lineage import ancestry, strips
    from evonas.report.tables import Column, number, table

    line = ancestry(opened.store.records(), id)
    names = [o.metric for o in opened.objectives.items]
    values = {n: [number(r.metrics[n]) if r.status == "ok" else "failed" for r in line] for n in names}
    return table([
        Column("", strips(line), numbers=False),
        Column("id", [str(r.id) for r in line]), Column("generation", [str(r.generation) for r in line]),
        Column("operator", [r.operator for r in line], numbers=False),
        Column("parents", [" ".join(map(str, r.parents)) for r in line], numbers=False),
        *(Column(name, cells) for name, cells in values.items()),
    ], title=f"lineage of {id}")


def _draw(path: Path, opened: OpenRun, id: int) -> None:
    """Draw an individual to a file.

    Args:
        path: The file.
        opened: The run.
        id: Id of an evaluated individual.
    """
    from evonas.capabilities.display import Drawable
    from evonas.report.drawing import draw_diagram
    from evonas.report.plot import LABELS
    from evonas.report.tables import number

    if not isinstance(opened.space, Drawable):
        raise UserError(f"the space {opened.config.space} cannot draw its networks: leave out --draw")
    member = opened.store.member(id)
    evaluation, metrics, quality = member.evaluation, member.evaluation.metrics, opened.objectives.items[0].metric
    try:
        diagram = opened.space.diagram(member.genotype, opened.store.weights(*evaluation.key))
    except ValueError as error:
        raise UserError(f"the weights of individual {evaluation.id} cannot be drawn: {error}") from error
    facts = [f"{LABELS.get(quality, quality)} {number(metrics[quality])}"]
    if "val_accuracy" in metrics:
        facts = [f"validation accuracy {metrics['val_accuracy']:.2%}"]
    facts += [f"{number(metrics[name])} {text}" for name, text in COSTS.items() if name in metrics]
    title = f"{Path(opened.config.dataset).stem}, individual {evaluation.id}"
    draw_diagram(path, diagram.named(opened.config.classes), title=title, facts=" · ".join(facts))
