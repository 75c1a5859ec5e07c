"""Estimators on small tables, beside others: python -m scripts.benchmarks.tables --seconds 20 --splits 5

Accuracies and R² of evonas and of scikit-learn's MLP, random forest, gradient boosting and a linear model on tables
that ship in packages: ``pip install river mlxtend`` for all of them. Writes ``tables.csv`` and ``tables.md`` to
``--out``; if the command is killed, the same command continues.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from evonas.types import UserError
from scripts.benchmarks.tables import results
from scripts.benchmarks.tables.methods import METHODS
from scripts.benchmarks.tables.tables import find_tables


def main(
    seconds: Annotated[float, typer.Option(min=1, help="Time limit of evonas for each table and split.")] = 20,
    splits: Annotated[int, typer.Option(min=1, help="Splits of each table.")] = 5,
    tables: Annotated[list[str] | None, typer.Option(help=f"By name{SEVERAL} [all that are installed].")] = None,
    methods: Annotated[list[str] | None, typer.Option(help=f"By name{SEVERAL} [all].")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/tables"),
) -> None:
    """Fit every method on every split, and compare."""
    with exit_codes():
        found, missing = find_tables(parse_names(tables))
        for sentence in missing:
            say(sentence)
        chosen = parse_names(methods) or tuple(METHODS)
        for name in chosen:
            if name not in METHODS:
                raise UserError(f"--methods: unknown method {name!r}, there are: {', '.join(METHODS)}")
        out.mkdir(parents=True, exist_ok=True)
        scores = results.measure_all(found, chosen, splits, seconds, out / "tables.csv", say)
        text = results.markdown(scores, found, chosen, seconds)
        (out / "tables.md").write_text(text)
        say(text)
        say(f"wrote {out / 'tables.csv'} and {out / 'tables.md'}")


if __name__ == "__main__":
    typer.run(main)
