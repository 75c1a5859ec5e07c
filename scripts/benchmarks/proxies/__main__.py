"""Zero-cost proxies on NAS-Bench-201 beside published scores and accuracies: python -m scripts.benchmarks.proxies ...

Needs the folder with ``nasbench201.csv.gz`` (architectures, accuracies) and ``zero_cost_proxies.csv.gz`` (published
scores), and CIFAR-10, or a file of its images. Every score is a line of ``proxies.csv`` in ``--out`` at once: if the
command is killed, the same command continues. ``proxies.json``, ``.md`` and ``.png`` are of all that has been scored.
With ``--draw 1`` scores by other weights and images go to ``proxies-draw1.csv``: the table says how well both agree,
and how well the mean rank of all draws agrees with published scores.
"""

import math
import time
from pathlib import Path
from typing import Annotated

import typer

from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from evonas.types import UserError, suggestion
from scripts.benchmarks.proxies import report
from scripts.benchmarks.proxies.scoring import KNOWN, make_scorer, read_scores, run, tasks
from scripts.benchmarks.proxies.tables import drawn, read_tables

#: Largest number of a draw.
LAST_DRAW = 9


@exit_codes()
def main(
    tables: Annotated[Path, typer.Argument(help="Folder of the two tables.")],
    dataset: Annotated[str, typer.Option(help="cifar10, or a file of its images.")] = "cifar10",
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    n: Annotated[int, typer.Option(min=3, help="Random architectures.")] = 100,
    proxies: Annotated[list[str] | None, typer.Option(help=f"Their names{SEVERAL} [all].")] = None,
    samples: Annotated[int, typer.Option(min=4, help="Images of the batch.")] = 64,
    draw: Annotated[int, typer.Option(min=0, max=LAST_DRAW, help="From 1 on: other weights and images.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Architectures at a time, one thread each.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("runs/benchmarks"),
    seconds: Annotated[float, typer.Option(help="Begin no further architecture after so long.")] = math.inf,
) -> None:
    """Score what is missing, and write the table of all that has been scored."""
    end = time.monotonic() + seconds
    names = parse_names(proxies) or KNOWN
    for name in names:
        if name not in KNOWN:
            raise UserError(f"no proxy of one network: {name!r}{suggestion(name, KNOWN)}")
    table = read_tables(tables)
    chosen = drawn(table, n)
    stem = out / "proxies"
    paths = [stem.with_suffix(".csv"), *(stem.with_name(f"proxies-draw{i}.csv") for i in range(1, LAST_DRAW + 1))]
    path = paths[draw]
    if todo := tasks(table, chosen, names, read_scores(path)):
        scorer = make_scorer(dataset, data_root, samples, draw)
        out.mkdir(parents=True, exist_ok=True)
        say(f"{len(todo)} architectures to score; killed, the same command goes on")
        for score in run(scorer, todo, path, n_jobs=jobs, end=end):
            say(f"{score.architecture} {score.proxy}: {score.score:.6g}, {score.seconds:.2f} s")
    scores, *again = (read_scores(path) for path in paths)
    seen = drawn(table, max(n, len({index for index, _ in scores})))
    say(report.write(stem, report.document(
        table, scores, seen, KNOWN, again=again, dataset=dataset, n_samples=samples
    )))


if __name__ == "__main__":
    typer.run(main)
