"""Command ``evonas score``: proxies of networks, without training them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli import completion
from evonas.cli.console import csv_text, make_console, say
from evonas.cli.options import (
    CHOICE,
    AsCsv,
    AsJson,
    DataRoot,
    Dataset,
    NTrain,
    Seed,
    SpaceName,
    SpaceOption,
    parse_names,
    parse_options,
)
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.data.samples import Splits
    from evonas.space import SearchSpace
    from evonas.types import Doubles

#: Proxies that are scored unless others are named.
DEFAULT = "naswot,synflow,vote,az_nas,params,flops"
#: Number of a run's networks that are scored unless more are asked for.
MEMBERS = 40


def score(
    run: Annotated[
        Path | None, typer.Argument(help="Run directory; without it, give --genotype.", show_default=False)
    ] = None,
    proxies: Annotated[
        list[str] | None,
        typer.Option(help=f"Zero-cost proxies, or all; may be repeated [{DEFAULT}].", rich_help_panel=CHOICE,
                     autocompletion=completion.proxies),
    ] = None,
    members: Annotated[
        int, typer.Option(min=2, help=f"Networks of the run, evenly over their ids [{MEMBERS}].", show_default=False,
                          rich_help_panel=CHOICE),
    ] = MEMBERS,
    genotype: Annotated[
        list[str] | None,
        typer.Option(help="A network of the space as text, without a run; may be repeated.", rich_help_panel=CHOICE),
    ] = None,
    space: SpaceName = None,
    space_option: SpaceOption = None,
    seed: Seed = None,
    dataset: Dataset = None,
    data_root: DataRoot = None,
    n_train: NTrain = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Score networks by zero-cost proxies, with fresh weights; of a run, beside what training gave."""
    from evonas.config import build_config
    from evonas.evaluation.proxies import check_names

    if (run is None) == (not genotype):
        raise UserError("score a run, or networks by --genotype: give one of them")
    wanted = None if proxies == ["all"] else parse_names(proxies or [DEFAULT])
    if wanted == ():
        raise UserError("--proxies must name one or more, like naswot,synflow")
    check_names(wanted or ())
    if seed is not None:
        build_config(None, {"seed": seed})  # or it is refused
    if run is not None:
        if space is not None or space_option or n_train is not None:
            raise UserError("--space, --space-option and --n-train are for --genotype: a run has its own")
        rows, summary = _of_run(run, wanted, members, seed, {"data_root": data_root, "dataset": dataset})
    else:
        given = {"space": space, "dataset": dataset, "data_root": data_root, "n_train": n_train, "seed": seed,
                 "space_options": parse_options(space_option)}
        rows, summary = _of_texts(genotype or [], wanted, given), []
    if as_json or as_csv:
        named: Any = rows if as_csv else {"networks": rows, "correlations": summary} if run is not None else rows
        typer.echo(csv_text(rows) if as_csv else json.dumps(named, indent=1), nl=as_json)
        return
    _print(rows, summary)


def _of_run(
    run: Path, wanted: Sequence[str] | None, n_members: int, seed: int | None, moved: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows of networks, and of the proxies' rank correlations with measured metrics.

    Args:
        run: The run.
        wanted: Names of proxies; None takes all.
        n_members: Number of networks.
        seed: Seed of the weights; None takes the run's.
        moved: Options for data that have moved.
    """
    import numpy as np

    from evonas.evaluation.proxies.scorer import Scorer
    from evonas.front import comparable
    from evonas.report.correlation import rank_correlation
    from evonas.run.open import load_splits, open_run

    with open_run(run, **moved) as opened:
        records = sorted(comparable(opened.store.records()), key=lambda r: r.id)
        if not records:
            raise UserError(f"{run} has no network that was trained to the end: nothing can be scored yet")
        places = np.unique(np.linspace(0, len(records) - 1, min(n_members, len(records))).round().astype(int))
        records = [records[place] for place in places]
        genotypes = [opened.store.member(r.id).genotype for r in records]
        splits = load_splits(opened)
        quality = "val_accuracy" if opened.task.kind == "classification" else "val_r2"
        scorer = Scorer(opened.space, splits, opened.config.seed if seed is None else seed)
        table = _scores(scorer, genotypes, wanted)
        params = np.array([opened.space.cost(g).get("params", math.nan) for g in genotypes])
    measured = np.array([r.metrics.get(quality, math.nan) for r in records])
    rows = _rows([{"id": r.id, quality: _finite(value)} for r, value in zip(records, measured, strict=True)], table)
    summary = []
    for name, scores in table.items():
        found = rank_correlation(scores, measured, params)
        summary.append({"proxy": name, "quality": quality, "networks": found.n, "spearman": _finite(found.spearman),
                        "kendall": _finite(found.kendall), "partial": _finite(found.partial)})
    return rows, summary


def _of_texts(texts: Sequence[str], wanted: Sequence[str] | None, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows of networks given as text.

    Args:
        texts: Genotypes.
        wanted: Names of proxies; None takes all.
        given: Settings of space and data.
    """
    from evonas.capabilities.display import Readable
    from evonas.config import build_config
    from evonas.data import load
    from evonas.evaluation.proxies.scorer import Scorer
    from evonas.run.plugins import create_space
    from evonas.space import InvalidGenotype

    config = build_config(None, given)
    splits = load(config.dataset, **config.split)
    space: SearchSpace[Any] = create_space(config.space, splits.task, config.space_options)
    if not isinstance(space, Readable):
        raise UserError(f"networks of the space {config.space} cannot be typed: score a run instead")
    try:
        genotypes = [space.parse(text) for text in texts]
    except InvalidGenotype as error:
        raise UserError(f"--genotype: {error}") from None
    table = _scores(Scorer(space, splits, config.seed), genotypes, wanted)
    return _rows([{"genotype": text} for text in texts], table)


def _scores(scorer: Any, genotypes: Sequence[Any], wanted: Sequence[str] | None) -> dict[str, Doubles]:
    from evonas.evaluation.proxies import JOINED, fitting

    splits: Splits = scorer.splits
    alone = len(genotypes) == 1
    if wanted is None:
        wanted = [name for name in fitting(splits.task) if not (alone and name in JOINED)]
    elif alone and (joined := [name for name in wanted if name in JOINED]):
        if list(wanted) != DEFAULT.split(","):
            raise UserError(f"{joined[0]} compares candidates: give two networks or more")
        wanted = [name for name in wanted if name not in JOINED]
    scorer.check(list(wanted))
    found: dict[str, Doubles] = scorer.table(genotypes, list(dict.fromkeys(wanted)))
    return found


def _rows(heads: Sequence[dict[str, Any]], table: Mapping[str, Doubles]) -> list[dict[str, Any]]:
    """Return scores and ranks, 1 for the best, behind the name of each network; None if a score failed."""
    import numpy as np
    from scipy.stats import rankdata

    rows = [dict(head) for head in heads]
    for name, scores in table.items():
        good = np.isfinite(scores)
        ranks = np.full(len(scores), np.nan)
        ranks[good] = rankdata(-scores[good], method="min")
        for row, value, rank in zip(rows, scores, ranks, strict=True):
            row |= {name: _finite(value), f"{name}_rank": None if np.isnan(rank) else int(rank)}
    return rows


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _print(rows: Sequence[Mapping[str, Any]], summary: Sequence[Mapping[str, Any]]) -> None:
    from evonas.report.tables import Column, table

    console = make_console()
    names = [name for name in rows[0] if not name.endswith("_rank")]
    ordered = sorted(rows, key=lambda row: row.get(f"{names[-1]}_rank") or math.inf) if not summary else rows
    columns = []
    for name in names:
        columns.append(Column(name, [_text(row[name]) for row in ordered], numbers=name != "genotype"))
        if f"{name}_rank" in rows[0]:
            columns.append(Column(f"{name}_rank", [_rank(row) for row in _ranks(ordered, name)], heading="rank"))
    plural = "" if len(rows) == 1 else "s"
    console.print(table(columns, title=f"{len(rows)} network{plural} with fresh weights, rank 1 is the best"))
    if any(value is None for row in rows for value in row.values()):
        say("failed: the score is not finite, which is no value")
    if not summary:
        return
    heads = ("proxy", "networks", "spearman", "kendall", "partial")
    console.print(table(
        [Column(head, [_text(line[head]) for line in summary], numbers=head != "proxy") for head in heads],
        title=f"rank correlation with {summary[0]['quality']}; partial: at equal numbers of parameters",
    ))


def _ranks(rows: Sequence[Mapping[str, Any]], name: str) -> list[int | None]:
    return [row[f"{name}_rank"] for row in rows]


def _rank(rank: int | None) -> str:
    return "" if rank is None else str(rank)


def _text(value: Any) -> str:
    if value is None:
        return "failed"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
