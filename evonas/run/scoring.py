"""Zero-cost proxies of networks, with fresh weights: of a run beside what training gave, or of networks as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evonas.capabilities.display import Readable
from evonas.config import build_config
from evonas.data import load
from evonas.evaluation.proxies import JOINED, PROXIES, check_names, fitting
from evonas.evaluation.proxies.scorer import Scorer
from evonas.front import comparable
from evonas.run.evaluators import scorer_of
from evonas.run.open import load_splits, open_run
from evonas.run.plugins import create_space
from evonas.space import InvalidGenotype, SearchSpace
from evonas.types import Doubles, UserError


def proxy_names() -> tuple[str, ...]:
    """Names of all proxies."""
    return PROXIES


def score_run(
    run: Path, wanted: Sequence[str] | None, n_members: int, changes: Mapping[str, Any], moved: Mapping[str, Any], *,
    skips_joined: bool = False,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of networks, and of the proxies' rank correlations with measured metrics.

    Args:
        run: The run.
        wanted: Names of proxies; None takes all.
        n_members: Number of networks, evenly over their ids.
        changes: Values of ``seed`` and ``reg_swap_sizes`` in the place of the run's; None is the run's.
        moved: Options for data that have moved, see :func:`evonas.run.open.open_run`.
        skips_joined: Leave out proxies that compare candidates if there is one network, which is else an error.

    Raises:
        UserError: A proxy is unknown or unfit for the networks, or no network was trained to the end.
    """
    from evonas.report.correlation import rank_correlation  # imports all of scipy.stats, which completion need not

    check_names(wanted or ())
    with open_run(run, **moved) as opened:
        records = sorted(comparable(opened.store.records()), key=lambda r: r.id)
        if not records:
            raise UserError(f"{run} has no network that was trained to the end: nothing can be scored yet")
        places = np.unique(np.linspace(0, len(records) - 1, min(n_members, len(records))).round().astype(int))
        records = [records[place] for place in places]
        genotypes = [opened.store.member(r.id).genotype for r in records]
        splits = load_splits(opened)
        quality = "val_accuracy" if opened.task.kind == "classification" else "val_r2"
        given = {name: value for name, value in changes.items() if value is not None}
        scorer = scorer_of(opened.config.model_copy(update=given), opened.space, splits)
        table = _scores(scorer, genotypes, wanted, skips_joined=skips_joined)
        params = np.array([opened.space.cost(g).get("params", math.nan) for g in genotypes])
    measured = np.array([r.metrics.get(quality, math.nan) for r in records])
    rows = _rows([{"id": r.id, quality: _finite(value)} for r, value in zip(records, measured, strict=True)], table)
    summary = []
    for name, scores in table.items():
        found = rank_correlation(scores, measured, params)
        summary.append({"proxy": name, "quality": quality, "networks": found.n, "spearman": _finite(found.spearman),
                        "kendall": _finite(found.kendall), "partial": _finite(found.partial)})
    return rows, summary


def score_texts(
    texts: Sequence[str], wanted: Sequence[str] | None, given: Mapping[str, Any], *, skips_joined: bool = False
) -> list[dict[str, Any]]:
    """Rows of networks that are given as text.

    Args:
        texts: Genotypes.
        wanted: Names of proxies; None takes all.
        given: Settings of space and data.
        skips_joined: See :func:`score_run`.

    Raises:
        UserError: A proxy is unknown or unfit for the networks, a text is no genotype, or the space reads none.
    """
    check_names(wanted or ())
    config = build_config(None, given)
    splits = load(config.dataset, **config.split)
    space: SearchSpace[Any] = create_space(config.space, splits.task, config.space_options)
    if not isinstance(space, Readable):
        raise UserError(f"networks of the space {config.space} cannot be typed: score a run instead")
    try:
        genotypes = [space.parse(text) for text in texts]
    except InvalidGenotype as error:
        raise UserError(f"--genotype: {error}") from None
    table = _scores(scorer_of(config, space, splits), genotypes, wanted, skips_joined=skips_joined)
    return _rows([{"genotype": text} for text in texts], table)


def _scores(
    scorer: Scorer[Any], genotypes: Sequence[Any], wanted: Sequence[str] | None, *, skips_joined: bool
) -> dict[str, Doubles]:
    """Scores ``(n,)`` by name.

    Args:
        scorer: Scores the networks.
        genotypes: The networks.
        wanted: Names of proxies; None takes all that are defined for them.
        skips_joined: See :func:`score_run`.
    """
    alone = len(genotypes) == 1
    if wanted is None:
        wanted = [name for name in fitting(scorer.splits.task) if not (alone and name in JOINED)]
    elif alone and (joined := [name for name in wanted if name in JOINED]):
        if not skips_joined:
            raise UserError(f"{joined[0]} compares candidates: give two networks or more")
        wanted = [name for name in wanted if name not in JOINED]
    scorer.check(list(wanted))
    return scorer.table(genotypes, list(dict.fromkeys(wanted)))


def _rows(heads: Sequence[dict[str, Any]], table: Mapping[str, Doubles]) -> list[dict[str, Any]]:
    """Scores and ranks, 1 for the best, behind the name of each network; None if a score failed."""
    from scipy.stats import rankdata  # imported here, since completion of shells waits for all imports

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
