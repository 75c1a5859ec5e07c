"""Searchers on the table of NAS-Bench-201, in memory: python -m scripts.benchmarks.searchers --data-root DIR

For the least validation error: queries up to the optimum, and the test accuracy of the best after 100 and 300 queries.
For error and FLOPs: the share of the true hypervolume. SEARCHERS.md is written to ``--out``; if the command is stopped,
the same command continues.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from evonas.types import UserError, suggestion
from scripts.benchmarks.searchers.contestants import NAMES
from scripts.benchmarks.searchers.play import read_bench
from scripts.benchmarks.searchers.results import MOST, read_results, run_missing, table

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
@exit_codes()
def main(
    data_root: Annotated[Path | None, typer.Option(help="Folder with nasbench201/ [$EVONAS_DATA].")] = None,
    dataset: Annotated[str, typer.Option(help="cifar10, cifar100 or imagenet16-120.")] = "cifar10",
    searchers: Annotated[list[str] | None, typer.Option(help=f"Their names{SEVERAL} [all].")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each.")] = 100,
    most: Annotated[int, typer.Option(min=300, help="Queries after which a search is given up.")] = MOST,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/searchers"),
) -> None:
    """Run the missing searches, and write the table."""
    names = parse_names(searchers) or tuple(NAMES)
    for name in names:
        if name not in NAMES:
            raise UserError(f"unknown searcher {name!r}{suggestion(name, NAMES)}")
    bench = read_bench(data_root, dataset)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{dataset}.jsonl"
    try:
        for result in run_missing(bench, file, names, seeds, most):
            typer.echo(f"{result['name']} {result['kind']} seed {result['seed']}: {result['cost']} {result['looks']}")
    finally:
        text = table(read_results(file), NAMES)
        (out / "SEARCHERS.md").write_text(text)
        typer.echo(text)


if __name__ == "__main__":
    app()
