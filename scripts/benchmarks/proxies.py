"""Zero-cost proxies on NAS-Bench-201 beside published scores and accuracies: python -m scripts.benchmarks.proxies ...

Needs the folder with ``nasbench201.csv.gz`` (architectures, accuracies) and ``zero_cost_proxies.csv.gz`` (published
scores), and CIFAR-10, or a file of its images. Every score is appended to ``scores.csv`` in ``--out`` at once: if the
command is killed, the same command continues. ``proxies.md`` is the table.
"""

import csv
import math
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from evonas.capabilities.display import Readable
from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.data import load
from evonas.evaluation.proxies import JOINED, MEASURED
from evonas.evaluation.proxies.scorer import Scorer, joined
from evonas.report.correlation import rank_correlation
from evonas.run.plugins import create_space
from evonas.types import Doubles, UserError

#: Names of the proxies in the published table.
PUBLISHED = {
    **{name: f"naslib_{name}_c10" for name in (
        "grad_norm", "snip", "plain", "l2_norm", "grasp", "fisher", "synflow", "epe_nas", "zen", "params", "flops",
    )},
    "jacob_cov": "naslib_jacov_c10", "naswot": "naslib_nwot_c10",
}
#: Network of the benchmark: 3 stages of 5 cells, a residual block between two.
NETWORK = {"operations": "nasbench201", "cells": 15, "channels": 16}
COLUMNS = ["index", "proxy", "score", "seconds"]


@exit_codes()
def main(
    tables: Annotated[Path, typer.Argument(help="Folder of the two tables.")],
    dataset: Annotated[str, typer.Option(help="cifar10, or a file of its images.")] = "cifar10",
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    n: Annotated[int, typer.Option(min=3, help="Random architectures.")] = 100,
    proxies: Annotated[str, typer.Option(help="Some, separated by commas, or all.")] = "all",
    samples: Annotated[int, typer.Option(min=4, help="Images of the batch.")] = 64,
    out: Annotated[Path, typer.Option(help="Folder of the scores and the table.")] = Path("runs/proxies"),
    seconds: Annotated[float, typer.Option(help="Begin no further architecture after so long.")] = math.inf,
) -> None:
    """Score random architectures, one after the other, and write the table of those that have been scored."""
    end = time.monotonic() + seconds
    benchmark = _read_tables(tables)
    known = [*MEASURED, "params", "flops"]
    names = known if proxies == "all" else [name.strip() for name in proxies.split(",")]
    if unknown := sorted({*names} - {*known}):
        raise UserError(f"no proxy of one network: {', '.join(unknown)}; there are {', '.join(known)}")
    chosen = benchmark[benchmark["naslib_snip_c10"].notna()].sample(n, random_state=0).index
    out.mkdir(parents=True, exist_ok=True)
    done = _read_scores(out / "scores.csv")
    missing = {i: todo for i in chosen if (todo := [name for name in names if (i, name) not in done])}
    if missing:
        splits = load(dataset, root=data_root)
        space: Any = create_space("cell", splits.task, NETWORK)
        assert isinstance(space, Readable)
        scorer: Scorer[Any] = Scorer(space, splits, n_samples=samples)
        for index, todo in missing.items():
            if time.monotonic() > end:
                break
            _score(scorer, space.parse(benchmark["arch_str"][index]), index, todo, out / "scores.csv")
    done = _read_scores(out / "scores.csv")
    text = _table(benchmark, {key: value for key, value in done.items() if key[0] in {*chosen} and key[1] in names})
    (out / "proxies.md").write_text(text)
    say(text)


def _read_tables(folder: Path) -> pd.DataFrame:
    try:
        accuracies, scores = (
            pd.read_csv(folder / f"{name}.csv.gz", dtype={"naslib_ops": str}).set_index("index")
            for name in ("nasbench201", "zero_cost_proxies")
        )
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} has no tables of NAS-Bench-201: {error}") from None
    return accuracies.join(scores.drop(columns="naslib_ops"))


def _score(scorer: Scorer[Any], genotype: Any, index: int, names: list[str], path: Path) -> None:
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if not file.tell():
            writer.writerow(COLUMNS)
        for name in names:
            begin = time.process_time()
            found, _ = scorer.scores(genotype, [name])
            writer.writerow([index, name, found.get(name, math.nan), f"{time.process_time() - begin:.3f}"])
            file.flush()


def _read_scores(path: Path) -> dict[tuple[int, str], tuple[float, float]]:
    """Return score and seconds by architecture and proxy."""
    if not path.exists():
        return {}
    table = pd.read_csv(path)
    rows = zip(*(table[column] for column in COLUMNS), strict=True)
    return {(int(index), str(name)): (float(score), float(seconds)) for index, name, score, seconds in rows}


def _table(benchmark: pd.DataFrame, done: dict[tuple[int, str], tuple[float, float]]) -> str:
    """Return the rank correlations of every proxy, as Markdown."""
    names = list(dict.fromkeys(name for _, name in done))
    indices = sorted({index for index, _ in done})
    scores = {name: np.array([done.get((i, name), (math.nan, 0))[0] for i in indices]) for name in names}
    rows = benchmark.loc[indices]
    accuracy, params = (rows[column].to_numpy(np.float64) for column in ("c10_test", "c10_params_m"))
    for name, parts in JOINED.items():
        if {*parts} <= {*names}:
            scores[name] = joined([scores[part] for part in parts])
    lines = [
        "| proxy | networks | Spearman with published scores | Spearman with accuracy | Kendall | "
        "partial, given parameters | seconds a network |", "|---|---|---|---|---|---|---|",
    ]
    for name, values in scores.items():
        published = PUBLISHED.get(name)
        found = rank_correlation(values, accuracy, params)
        same = "" if published is None else _of_published(values, rows[published].to_numpy(np.float64))
        seconds = "" if name in JOINED else f"{np.mean([done[i, name][1] for i in indices if (i, name) in done]):.2f}"
        lines.append(f"| {name} | {found.n} | {same} | {found.spearman:.3f} | {found.kendall:.3f} | "
                     f"{found.partial:.3f} | {seconds} |")
    return "\n".join(lines) + "\n"


def _of_published(values: Doubles, published: Doubles) -> str:
    found = rank_correlation(values, published, np.ones(len(values)))
    return f"{found.spearman:.3f}"


if __name__ == "__main__":
    typer.run(main)
