"""evonas score, proxies as objectives, and the pre-screen."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from typer.testing import Result

from evonas.data import load
from evonas.evaluation.proxies import PROXIES
from evonas.evaluation.proxies.scorer import Scorer
from evonas.run.open import open_run

Evonas = Callable[..., Result]
Refused = Callable[..., None]
CELL = ["--space", "cell", "--space-option", "operations=nasbench201", "--space-option", "channels=2",
        "--space-option", "cells=3"]
TEXTS = ["|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|none~2|",
         "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"]

EVOLUTION = """
population = 6
children = 5
generations = 2
epochs = 1
n_train = 100
[space_options]
edges = [64, 600]
"""


def test_members_of_a_run_are_scored_beside_what_training_gave(evonas: Evonas, finished: Path) -> None:
    result = evonas("score", finished, "--proxies", "swap,l2_norm,params", "--members", 5, "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    rows = answer["networks"]
    assert len(rows) == 5
    assert sorted(row["params_rank"] for row in rows) == [1, 2, 3, 4, 5]
    with open_run(finished) as run:
        records = {r.id: r for r in run.store.records()}
        for row in rows:
            assert row["val_accuracy"] == records[row["id"]].metrics["val_accuracy"]
            assert row["params"] >= run.space.cost(run.store.member(row["id"]).genotype)["params"]
    measured = [row["val_accuracy"] for row in rows]
    for line in answer["correlations"]:
        scores = [row[line["proxy"]] for row in rows]
        assert line["spearman"] == pytest.approx(spearmanr(scores, measured).statistic)
        assert line["kendall"] == pytest.approx(kendalltau(scores, measured).statistic)
    text = evonas("score", finished, "--proxies", "naswot", "--members", 5).stdout
    assert "rank correlation with val_accuracy" in text
    assert evonas("score", finished, "--proxies", "naswot", "--members", 5).stdout == text


def test_typed_networks_are_scored_without_a_run(evonas: Evonas) -> None:
    typed = [part for text in TEXTS for part in ("--genotype", text)]
    result = evonas("score", *CELL, *typed, "--proxies", "all", "--csv")
    assert result.exit_code == 0, result.output
    head, *lines = result.stdout.splitlines()
    assert {*PROXIES} <= {*head.split(",")}
    assert len(lines) == 2
    text = evonas("score", *CELL, *typed[:2]).stdout
    assert "vote" not in text  # alone it has no rank
    assert "naswot" in text


def test_bad_questions_are_refused(refused: Refused, finished: Path) -> None:
    refused("score", message="score a run, or networks by --genotype")
    refused("score", finished, "--proxies", "nasswot", message=r"unknown proxy 'nasswot', did you mean 'naswot'\?")
    refused("score", finished, "--proxies", ",", message="--proxies must name one or more")
    refused("score", finished, "--space", "cell", message="a run has its own")
    refused("score", "--genotype", "x", message="space neuron cannot be typed: score a run")
    refused("score", *CELL, "--genotype", "|x~0|", message="--genotype: ")
    refused("score", *CELL, "--genotype", TEXTS[0], "--proxies", "vote", message="vote compares candidates")
    refused("evolve", "--prescreen", "nasswot", message="unknown proxy 'nasswot'")
    refused("evolve", "--prescreen-ratio", 3, message="name one with --prescreen")
    refused("evolve", "--searcher", "surrogate", "--prescreen", "synflow", message="'surrogate' takes no prescreen")
    refused("evolve", "--prescreen", "naswot", "--prescreen-ratio", 1, message="prescreen_ratio must be")
    refused("evolve", "--objectives", "val_error,vote", message="vote compares candidates and is no metric of one")
    refused("evolve", "--objectives", "val_error,nasswot", message=r"unknown objective 'nasswot', did you mean")


def test_proxies_are_objectives_and_constraints(evonas: Evonas) -> None:
    Path("run.toml").write_text(EVOLUTION)
    result = evonas("evolve", "run.toml", "--objectives", "synflow,flops", "--constraint", "snip>=0.001",
                    "--generations", 0, "--out", "r")
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        assert [(o.metric, o.goal) for o in run.objectives.items] == [("synflow", "max"), ("flops", "min")]
        records = [r for r in run.store.records() if r.status == "ok"]
        scorer = Scorer(run.space, load("digits", **run.config.split), run.config.seed)
        for record in records:
            found, _ = scorer.scores(run.store.member(record.id).genotype, ["synflow", "snip"])
            assert {name: record.metrics[name] for name in found} == found
    assert records


def test_a_regression_has_no_proxy_of_classes(refused: Refused) -> None:
    rng = np.random.default_rng(0)
    np.savez("r.npz", x_train=rng.normal(size=(40, 5)), y_train=rng.normal(size=40))
    refused("evolve", "--dataset", "r.npz", "--objectives", "val_mse,vkdnw", message="the proxy vkdnw is of classes")
    refused("evolve", "--dataset", "r.npz", "--prescreen", "epe_nas", message="the proxy epe_nas is of classes")


def test_the_best_of_five_is_trained_and_a_run_goes_on_as_if_it_had_never_stopped(
    evonas: Evonas, contents: Callable[[Path], Sequence[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run.toml").write_text(EVOLUTION)
    asked: list[tuple[float, ...]] = []
    from evonas.evaluation.proxies.screen import Screen

    original = Screen.__call__

    def promise(self: Screen[Any], candidates: Sequence[Any]) -> Any:
        asked.append(tuple(original(self, candidates)))
        return np.array(asked[-1])

    monkeypatch.setattr(Screen, "__call__", promise)
    screened = ["--prescreen", "synflow", "--prescreen-ratio", 5]
    result = evonas("evolve", "run.toml", *screened, "--out", "whole")
    assert result.exit_code == 0, result.output
    assert [len(scores) for scores in asked] == [5] * 10
    with open_run(Path("whole")) as run:
        assert (run.config.prescreen, run.config.prescreen_ratio) == ("synflow", 5)
        scorer = Scorer(run.space, load("digits", **run.config.split), run.config.seed)
        for place, scores in enumerate(asked):
            found, _ = scorer.scores(run.store.individual(6 + place).genotype, ["synflow"])
            assert found["synflow"] == pytest.approx(max(scores), rel=1e-4)
            assert math.isfinite(max(scores))
    assert evonas("evolve", "run.toml", *screened, "--generations", 1, "--out", "parts").exit_code == 0
    assert evonas("resume", "parts", "--generations", 2).exit_code == 0
    assert contents(Path("parts")) == contents(Path("whole"))


def test_the_sizes_that_reg_swap_prefers_can_be_set(evonas: Evonas, refused: Refused, finished: Path) -> None:
    def scored(*options: object) -> list[float]:
        result = evonas("score", finished, "--proxies", "swap,params,reg_swap", "--members", 3, "--json", *options)
        assert result.exit_code == 0, result.output
        return [row["reg_swap"] for row in json.loads(result.stdout)["networks"]]

    assert scored("--reg-swap-sizes", "40,40") != scored()
    assert scored("--reg-swap-sizes", "0.2,5") == scored("--reg-swap-sizes", "0.2,5")
    refused("score", finished, "--reg-swap-sizes", "0,40", message="reg_swap_sizes")
    refused("score", finished, "--reg-swap-sizes", "40", message="reg_swap_sizes")
