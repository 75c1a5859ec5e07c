"""Results of the searches, a line of JSON each, so that a stopped benchmark continues; and the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evonas.serialization.files import atomic_write

from .contestants import contestant
from .play import REFERENCE_ERROR, Bench, play

#: Costs, in full trainings, after which a search is evaluated.
LOOKS = (100, 300)
#: Cost after which a search has missed its aim: as many evaluations as there are cells.
MOST = 15_625
#: Wanted share of the hypervolume.
AIM = 0.99

Result = dict[str, Any]


def search_one(bench: Bench, name: str, seed: int, most: int) -> Result:
    """Minimise the validation error: measure the cost up to the optimum, and test accuracies at each look.

    Args:
        bench: The table.
        name: Name of the searcher.
        seed: Seed of the searcher.
        most: Cost after which the search ends, in full trainings.
    """
    best, found, tests = -1, None, dict.fromkeys(LOOKS, float("nan"))
    for step in play(bench, contestant(name, bench, ("val_error",), seed)):
        if step.full and (best < 0 or bench.F[step.number, 0] < bench.F[best, 0]):
            best = step.number
            found = step.cost if best == bench.optimum and found is None else found
        for look in LOOKS:
            if step.cost <= look and best >= 0:
                tests[look] = float(bench.test[best])
        if step.cost >= most or (found is not None and step.cost >= LOOKS[-1]):
            break
    return {"name": name, "seed": seed, "kind": "one", "cost": found, "most": most,
            "looks": {str(look): value for look, value in tests.items()}}


def search_two(bench: Bench, name: str, seed: int, most: int) -> Result:
    """Minimise error and FLOPs: measure the cost up to the wanted share of the hypervolume, and the share at each look.

    Args:
        bench: The table.
        name: Name of the searcher.
        seed: Seed of the searcher.
        most: Cost after which the search ends, in full trainings.
    """
    front: list[int] = []
    share, found, shares = 0.0, None, dict.fromkeys(LOOKS, 0.0)
    for step in play(bench, contestant(name, bench, ("val_error", "flops"), seed)):
        if step.full and not (bench.F[front] <= bench.F[step.number]).all(axis=1).any():
            front = [n for n in front if not (bench.F[step.number] <= bench.F[n]).all()] + [step.number]
            share = bench.share(front)
            found = step.cost if share >= AIM and found is None else found
        for look in LOOKS:
            if step.cost <= look:
                shares[look] = share
        if step.cost >= most or (found is not None and step.cost >= LOOKS[-1]):
            break
    return {"name": name, "seed": seed, "kind": "two", "cost": found, "most": most,
            "looks": {str(look): value for look, value in shares.items()}}


def read_results(file: Path) -> list[Result]:
    """Read the results that are written; an incomplete last line is dropped."""
    if not file.exists():
        return []
    lines = file.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def run_missing(
    bench: Bench, file: Path, names: Sequence[str], n_seeds: int, most: int
) -> Iterator[Result]:
    """Run the searches that are not in the file yet, seed by seed, and append their results.

    Args:
        bench: The table.
        file: File of the results.
        names: Names of the searchers.
        n_seeds: Number of seeds, from 0 on.
        most: Cost after which a search ends, in full trainings.
    """
    results = read_results(file)
    atomic_write(file, "".join(json.dumps(r) + "\n" for r in results).encode())
    known = {(r["kind"], r["name"], r["seed"]) for r in results}
    for seed in range(n_seeds):
        for name in names:
            for kind, search in (("one", search_one), ("two", search_two)):
                if (kind, name, seed) not in known:
                    result = search(bench, name, seed, most)
                    with file.open("a") as appended:
                        appended.write(json.dumps(result) + "\n")
                    yield result


def table(results: Sequence[Result], names: Sequence[str]) -> str:
    """Return the Markdown with a row for each searcher."""
    first, last = LOOKS
    lines = [
        f"| searcher | seeds | queries to the optimum: mean / median | test after {first} / {last}, % | "
        f"share of the hypervolume after {first} / {last}, % | queries to {AIM:.0%} of it: mean / median |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        one, two = ([r for r in results if (r["name"], r["kind"]) == (name, kind)] for kind in ("one", "two"))
        if one and two:
            lines.append(
                f"| {name} | {min(len(one), len(two))} | {_costs(one)} | {_looks(one, 1)} | {_looks(two, 100)} | "
                f"{_costs(two)} |"
            )
    lines += ["", "Of queries the mean with its standard error, of all else the mean ± the deviation over seeds. A "
              "query is a full training of 200 epochs; where a searcher has several budgets, as many epochs. A search "
              "that missed its aim counts with the queries after which it was given up. The hypervolume is in "
              f"validation error and log10 FLOPs, up to an error of {REFERENCE_ERROR} and the FLOPs of the largest "
              "network, as a share of that of all cells."]
    return "\n".join(lines) + "\n"


def _costs(results: Sequence[Result]) -> str:
    costs = [r["most"] if r["cost"] is None else r["cost"] for r in results]
    missed = sum(r["cost"] is None for r in results)
    error = np.std(costs) / np.sqrt(len(costs))
    return f"{np.mean(costs):.0f} ± {error:.0f} / {np.median(costs):.0f}{f' ({missed} missed)' if missed else ''}"


def _looks(results: Sequence[Result], scale: float) -> str:
    values = np.array([[r["looks"][str(look)] for look in LOOKS] for r in results]) * scale
    return " / ".join(f"{mean:.2f} ± {deviation:.2f}" for mean, deviation in
                      zip(np.nanmean(values, axis=0), np.nanstd(values, axis=0), strict=True))
