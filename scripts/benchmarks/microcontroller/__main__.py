"""Networks of integers on a Cortex-M4, and emlearn: python -m scripts.benchmarks.microcontroller --minutes 5 --seeds 3

A search for each data set and seed, whose objectives are the error and what bounds a network there; the best
network by validation under each budget is fine-tuned, linked, run in the emulator, and measured on the test set.
Beside it are scikit-learn's network and forest as C of emlearn of at most as much flash. Budgets and settings are in
``scripts/benchmarks/microcontroller/settings.py``. Writes runs, and microcontroller-DATASET.json and .md beside them;
if the command is killed, the same command goes on. ``--methods evonas`` and ``--methods emlearn-mlp,emlearn-forest``
can be called one after the other.
"""

from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.console import print_stderr, say
from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from evonas.runtimes.targets import built_in_targets, require_tools
from evonas.serialization.files import atomic_write
from evonas.types import UserError, suggestion
from scripts.benchmarks.microcontroller.emlearn_source import INSTALL, installed
from scripts.benchmarks.microcontroller.rows import METHODS, OURS, Benchmark
from scripts.benchmarks.microcontroller.settings import TARGET
from scripts.benchmarks.microcontroller.table import markdown


@exit_codes()
def main(
    datasets: Annotated[
        list[str] | None, typer.Option(help=f"Names or .npz files{SEVERAL} [fashion-mnist,mnist].")
    ] = None,
    minutes: Annotated[float, typer.Option(help="Wall-clock of each search.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each method.")] = 3,
    methods: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(METHODS)}{SEVERAL} [all that are installed].")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Networks that are trained at a time.")] = 2,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the runs and the results.")] = Path("runs/benchmarks"),
) -> None:
    """Find, build and measure the best network of each method under each budget."""
    if not 0 < minutes < float("inf"):
        raise UserError(f"--minutes must be a positive number, got {minutes:g}")
    chosen = _chosen(methods)
    require_tools([built_in_targets()[TARGET]])
    for dataset in parse_names(datasets) or ("fashion-mnist", "mnist"):
        benchmark = Benchmark(dataset, minutes, seeds, jobs, data_root, out)
        text = markdown(benchmark.measure(chosen, say))
        atomic_write(benchmark.file("md"), text.encode())
        say(text)
        say(f"wrote {benchmark.file('json')} and .md")


def _chosen(texts: list[str] | None) -> list[str]:
    """Return the methods that were named, or all that can take part."""
    names = list(parse_names(texts) or ())
    for name in names:
        if name not in METHODS:
            raise UserError(f"--methods: unknown method {name!r}{suggestion(name, METHODS)}")
    if installed():
        return names or list(METHODS)
    if any(name != OURS for name in names):
        raise UserError(f"emlearn is not installed, which its models need: {INSTALL}")
    if not names:
        print_stderr(f"note: emlearn is not installed, and its models are left out: {INSTALL}")
    return [OURS]


if __name__ == "__main__":
    typer.run(main)
