"""Command ``evonas score``: proxies of networks, without training them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evonas.cli import completion
from evonas.cli.console import csv_text, make_console, say
from evonas.cli.options import (
    CHOICE,
    SEARCH,
    AsCsv,
    AsJson,
    DataRoot,
    Dataset,
    NTrain,
    Seed,
    SpaceName,
    SpaceOption,
    check_form,
    parse_names,
    parse_options,
)
from evonas.cli.setting import setting
from evonas.types import UserError

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
    reg_swap_sizes: Annotated[str | None, setting("reg_swap_sizes", SEARCH, more=", like 40,40")] = None,
    seed: Seed = None,
    dataset: Dataset = None,
    data_root: DataRoot = None,
    n_train: NTrain = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Score networks by zero-cost proxies, with fresh weights; of a run, beside what training gave."""
    from evonas.config import build_config
    from evonas.run.scoring import score_run, score_texts

    check_form(json=as_json, csv=as_csv)
    if (run is None) == (not genotype):
        raise UserError("score a run, or networks by --genotype: give one of them")
    wanted = None if proxies == ["all"] else parse_names(proxies or [DEFAULT])
    if wanted == ():
        raise UserError("--proxies must name one or more, like naswot,synflow")
    skips_joined = wanted == tuple(DEFAULT.split(","))
    sizes = parse_names(reg_swap_sizes)
    changes = build_config(None, {"seed": seed, "reg_swap_sizes": sizes})  # or they are refused
    if run is not None:
        if space is not None or space_option or n_train is not None:
            raise UserError("--space, --space-option and --n-train are for --genotype: a run has its own")
        rows, summary = score_run(
            run, wanted, members, {"seed": seed, "reg_swap_sizes": changes.reg_swap_sizes},
            {"data_root": data_root, "dataset": dataset}, skips_joined=skips_joined,
        )
    else:
        given = {"space": space, "dataset": dataset, "data_root": data_root, "n_train": n_train, "seed": seed,
                 "reg_swap_sizes": sizes, "space_options": parse_options(space_option)}
        rows, summary = score_texts(genotype or [], wanted, given, skips_joined=skips_joined), []
    if as_json or as_csv:
        named: Any = rows if as_csv else {"networks": rows, "correlations": summary} if run is not None else rows
        typer.echo(csv_text(rows) if as_csv else json.dumps(named, indent=1), nl=as_json)
        return
    _print(rows, summary)


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
