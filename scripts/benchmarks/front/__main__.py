"""Search methods at equal wall-clock: python -m scripts.benchmarks.front --dataset fashion-mnist --minutes 5 --seeds 3

Writes runs, and DATASET.json, .png and .md beside them; with ``--setting NAME`` as DATASET-NAME: for mnist ``moved``
(images moved by a pixel, for all methods) and ``weights`` (networks measured by trained values in the place of edges),
for fashion-mnist ``searchers`` (the same settings, for methods like ``evolve-prescreen`` beside ``evolve``).
With ``--teacher RUN`` the names begin with DATASET-distilled. The methods and their settings are in
``scripts/benchmarks/front/methods.py``.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL
from scripts.benchmarks.front import checks, results, table
from scripts.benchmarks.front.schedule import Benchmark


def main(
    dataset: Annotated[str, typer.Option(help="A name (`evonas datasets`) or an .npz file.")],
    minutes: Annotated[float, typer.Option(help="Wall-clock of each method and seed.")],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each method.")],
    methods: Annotated[
        list[str] | None, typer.Option(help=f"Who takes part{SEVERAL} [all but ablations of evolve].")
    ] = None,
    setting: Annotated[
        str | None, typer.Option(help="Of the data set, by name; mnist: moved, weights; fashion-mnist: searchers.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trials at a time.")] = 2,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    teacher: Annotated[str | None, typer.Option(help="Distil all from a run's best networks, or from RUN:ID.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs and the results.")] = Path("runs/benchmarks"),
) -> None:
    """Search with every method for the same time, then measure the fronts on the test set."""
    with exit_codes():
        chosen = checks.chosen_methods(methods, checks.task_of(dataset, data_root), dataset, setting)
        benchmark = Benchmark(dataset, minutes, jobs, seeds, chosen, data_root, out, teacher, setting)
        checks.check(benchmark)
        say(f"{len(benchmark.methods)} methods x {seeds} seeds x {minutes:g} minutes; killed, the same command goes on")
        for search in benchmark.searches():
            search.go_on(report=say)
        comparison = results.compare_runs(benchmark)
        document = results.measure(benchmark, comparison)  # the test set is first used here
        results.write(benchmark, comparison, document, table.markdown(document))
        say(f"wrote {benchmark.file('json')}, .png and .md")


if __name__ == "__main__":
    typer.run(main)
