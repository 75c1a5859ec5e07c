"""Rankings by shared weights beside training from scratch, in the block space: python -m scripts.benchmarks.blocks

Random networks are trained from scratch, and scored with the weights of supernets (SPOS, FairNAS, the sandwich rule,
slices of the widest network), by parameters and by FLOPs. Writes ``blocks.json``, ``.md`` and ``.png`` to ``--out``,
and what it trained to ``blocks/`` there; killed, the same command goes on. About a quarter of an hour on two cores;
``--quick`` takes seconds.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from evonas.cli.console import say
from evonas.cli.failing import exit_codes
from evonas.cli.options import SEVERAL, parse_names
from scripts.benchmarks.blocks import results
from scripts.benchmarks.blocks.lab import Lab
from scripts.benchmarks.blocks.settings import CONTESTANTS, FULL, QUICK, check_names


def main(
    quick: Annotated[bool, typer.Option(help="Few tiny networks on small digits: does all of it run?")] = False,
    dataset: Annotated[str | None, typer.Option(help="A name (`evonas datasets`) [fashion-mnist].")] = None,
    n: Annotated[int | None, typer.Option(min=3, help="Networks [40].")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings from scratch of each.")] = 2,
    supernets: Annotated[list[str] | None, typer.Option(help=f"Their names{SEVERAL} [all].")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of a training from scratch [5].")] = None,
    passes: Annotated[int | None, typer.Option(min=1, help="Of a supernet, in paths [72].")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 2,
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results [runs/benchmarks].")] = None,
) -> None:
    """Train and score what is missing, and write the table."""
    with exit_codes():
        names = check_names(parse_names(supernets) or tuple(CONTESTANTS))
        changes: dict[str, Any] = {"dataset": dataset, "epochs": epochs, "passes": passes}
        setting = replace(QUICK if quick else FULL, **{k: v for k, v in changes.items() if v is not None})
        folder = out or Path("runs/blocks-quick" if quick else "runs/benchmarks")
        (folder / "blocks").mkdir(parents=True, exist_ok=True)
        lab = Lab(setting, folder / "blocks", data_root)
        networks = lab.networks(n or (6 if quick else 40))
        found = {name: lab.scores(name, networks, say) for name in names}
        accuracies = lab.accuracies(networks, seeds, n_jobs=jobs, say=say)
        costs = [lab.space().cost(genotype) for genotype in networks]
        sizes = {name: np.array([cost[name] for cost in costs]) for name in ("params", "flops")}
        say(results.write(folder, setting, [" ".join(g.blocks) for g in networks], accuracies, sizes, found))
        say(f"wrote {folder / 'blocks.json'}, .md and .png")


if __name__ == "__main__":
    typer.run(main)
