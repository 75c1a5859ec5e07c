"""Searchers on the table of NAS-Bench-201, in memory: python -m scripts.benchmarks.searchers --data-root DIR

For the least validation error: queries up to the optimum, and the test accuracy of the best along the search. For error
and FLOPs, and error and what ``--device`` measured: the share of the true hypervolume. ``searchers-DATASET.json``,
``.md`` and ``.png`` are written to ``--out``, and every search is a line of ``.jsonl`` there at once: if the command is
stopped, the same command continues.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from evonas.types import UserError, suggestion
from scripts.benchmarks.searchers import report
from scripts.benchmarks.searchers.contestants import NAMES
from scripts.benchmarks.searchers.play import ERROR, FLOPS, read_bench
from scripts.benchmarks.searchers.results import MOST, missing, read_results, run_missing

app = typer.Typer(help=__doc__, add_completion=False)


@app.command()
@exit_codes()
def main(
    data_root: Annotated[Path | None, typer.Option(help="Folder with nasbench201/ [$EVONAS_DATA].")] = None,
    dataset: Annotated[str, typer.Option(help="cifar10, cifar100 or imagenet16-120.")] = "cifar10",
    searchers: Annotated[list[str] | None, typer.Option(help=f"Their names{SEVERAL} [all].")] = None,
    device: Annotated[str | None, typer.Option(help="A further cost beside the error, like raspi4_latency.")] = None,
    kinds: Annotated[list[str] | None, typer.Option(help=f"val_error, flops or the device's{SEVERAL} [all].")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Searches of each.")] = 100,
    most: Annotated[int, typer.Option(min=300, help="Queries after which a search is given up.")] = MOST,
    jobs: Annotated[int, typer.Option(min=1, help="Searches at a time.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/benchmarks"),
) -> None:
    """Run the missing searches, and write the tables."""
    names = parse_names(searchers) or tuple(NAMES)
    for name in names:
        if name not in NAMES:
            raise UserError(f"unknown searcher {name!r}{suggestion(name, NAMES)}")
    known = (ERROR, FLOPS) if device is None else (ERROR, FLOPS, device)
    chosen = parse_names(kinds) or known
    for kind in chosen:
        if kind not in known:
            raise UserError(f"unknown kind of search {kind!r}{suggestion(kind, known)}; --device adds that of a device")
    stem = out / f"searchers-{dataset}"
    file = stem.with_suffix(".jsonl")
    device = device or next((r["kind"] for r in read_results(file) if r["kind"] not in known), None)  # of before
    bench = read_bench(data_root, dataset, device)
    out.mkdir(parents=True, exist_ok=True)
    games = missing(read_results(file), names, chosen, seeds)
    try:
        for result in run_missing(bench, file, games, most, n_jobs=jobs, source=(data_root, dataset, device)):
            typer.echo(f"{result['name']} {result['kind']} seed {result['seed']}: {result['cost']} {result['looks']}")
    finally:
        if results := read_results(file):
            typer.echo(report.write(stem, report.document(bench, dataset, results, NAMES)))


if __name__ == "__main__":
    app()
