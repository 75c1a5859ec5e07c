"""What a user chooses: data sets to fetch, individuals and learning rates to retrain, operators to evolve with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from evonas.run.open import open_run

Evonas = Callable[..., Result]


def rows(evonas: Evonas, run: Path) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in json.loads(evonas("front", run, "--test", "--json").stdout)}


def test_another_learning_rate_is_another_retraining(evonas: Evonas, run: Path, best: int) -> None:
    command = ["retrain", run, "--ids", best, "--seeds", 1, "--epochs", 1]
    assert "1/1 individual" in evonas(*command).stdout
    assert "1/1 individual" in evonas(*command, "--learning-rate", 1e-6).stdout
    row = rows(evonas, run)[best]
    assert row["test_accuracy_fresh_1_epochs"] != row["test_accuracy_fresh-lr1e-06_1_epochs"]


def test_an_individual_named_twice_is_trained_once(evonas: Evonas, run: Path, best: int) -> None:
    ids = f"{best},{best}"
    result = evonas("retrain", run, "--ids", ids, "--seeds", 1, "--epochs", 1)
    assert next(line for line in result.stdout.splitlines() if "individual" in line).startswith("1/1 ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ids", ","], "there is nothing to retrain: --ids names none"),
        (["--learning-rate", 0], "learning_rate must be positive and finite, got 0"),
    ],
)
def test_a_retraining_that_makes_no_sense_is_refused(
    evonas: Evonas, run: Path, options: list[object], message: str
) -> None:
    result = evonas("retrain", run, *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_a_reference_point_moves_the_hypervolume_and_names_objectives_only(evonas: Evonas, finished: Path) -> None:
    near, far = (evonas("front", finished, "--reference", f"flops={x}").stdout for x in (10, 1e9))
    assert "hypervolume 0.0000 (reference trainval_error=1, flops=10;" in near
    assert "hypervolume 0.0000" not in far
    result = evonas("front", finished, "--reference", "flop=9")
    assert result.exit_code == 2
    assert result.stderr == "error: unknown objective 'flop' in --reference, did you mean 'flops'?\n"
    result = evonas("front", finished, "--reference", "flops=inf")
    assert result.stderr == "error: --reference needs finite numbers, got inf for flops\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnits"], "expected one of mnist, fashion-mnist, got 'mnits'"),
        (["cifar10"], "by hand: download and unpack"),
        (["mnist", "--url", "file:///nowhere"], "/nowhere/train-images-idx3-ubyte.gz: expected a file to download"),
    ],
)
def test_what_cannot_be_fetched_is_named_and_nothing_is_left(
    evonas: Evonas, tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = evonas("datasets", "fetch", *arguments, "--data-root", tmp_path)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_remedy_for_a_missing_data_set_is_a_command_that_exists(evonas: Evonas) -> None:
    assert "`evonas datasets fetch fashion-mnist`" in evonas("evolve", "--dataset", "fashion-mnist").stderr
    assert evonas("datasets", "fetch", "--help").exit_code == 0


def test_operators_that_cannot_change_a_network_end_the_run_with_a_sentence(evonas: Evonas, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(
        "[space_options]\nedges = [64, 70]\nfounder_edges = [70, 70]\n[space_options.operators]\nremove_layer = 1\n"
    )
    numbers = ["--population", 6, "--children", 6, "--generations", 9, "--epochs", 1]
    result = evonas("evolve", "t.toml", *numbers, "--out", "r")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "none of the operators remove_layer changes a genotype" in result.stderr


def test_promoted_networks_are_the_pruned_ones_of_the_rung_below(evonas: Evonas, settings: Path) -> None:
    result = evonas("evolve", settings, "--rungs", "2,5", "--out", "r")
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        records, store = run.store.records(), run.store
        promoted = [r for r in records if r.budget == 5]
        grown_and_pruned = [r for r in promoted if store.individual(r.id).genotype.prune_to]
        assert grown_and_pruned
        for r in grown_and_pruned:
            below, above = (store.evaluation(r.id, budget).genotype for budget in (2, 5))
            assert above == below
            assert above.prune_to == 0
            assert r.metrics["edge_updates"] == 5 * above.n_edges * 1150  # images
    assert {row["budget"] for row in json.loads(evonas("front", "r", "--json").stdout)} == {5}
