"""Blocks through the command line: evolution, random search, supernets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import evonas as package
from evonas.data import load
from evonas.evaluation.training import predict
from evonas.run.open import open_run
from search_spaces.block.genotype import BlockGenotype
from tests.evonas.cli.conftest import Evonas, Refused

DATA = ["--space", "block", "--dataset", "digits", "--n-train", 60, "--space-option", "width=2"]
SHORT = ["--population", 3, "--children", 2, "--generations", 1, "--epochs", 1]
#: Methods that draw paths score no more of them.
FEW = ["--search-option", "candidates=10"]


def test_blocks_evolve_are_shown_and_exported(evonas: Evonas) -> None:
    assert evonas("evolve", *DATA, *SHORT, "--out", "r").exit_code == 0
    row = json.loads(evonas("front", "r", "--json").stdout)[0]
    shown = evonas("show", "r", row["id"]).stdout
    assert "inner channels" in shown
    assert evonas("export", "r", row["id"], "--format", "torch", "--out", "net.safetensors").exit_code == 0
    samples = load("digits", n_train=60).validation
    with open_run(Path("r")) as run:
        records = run.store.records()
        assert {record.status for record in records} == {"ok"}
        assert all(isinstance(run.store.member(record.id).genotype, BlockGenotype) for record in records)
        member = run.store.member(row["id"])
        weights = run.store.weights(row["id"], member.evaluation.budget)
        assert weights is not None
        expected = predict(run.space, member.genotype, weights, samples)
    with torch.no_grad():
        outputs = package.load("net.safetensors")(torch.from_numpy(samples.x)).numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_random_search_trains_blocks(evonas: Evonas) -> None:
    result = evonas("evolve", *DATA, *SHORT, "--searcher", "random", "--out", "r")
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        assert [record.status for record in run.store.records()] == ["ok"] * len(run.store.records())
        assert len({record.id for record in run.store.records()}) > 3


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("sandwich", []), ("widest", []), ("spos", ["--space-option", "sharing=separate"]),
        ("fairnas", ["--space-option", "sharing=separate"]), ("proxyless", ["--space-option", "operations=mbconv"]),
    ],
)
def test_a_supernet_gives_a_family_and_scores_networks(evonas: Evonas, method: str, options: list[str]) -> None:
    search = ["--method", method, "--search-epochs", 1, *(FEW if method != "proxyless" else [])]
    result = evonas("seed", *DATA, *options, *search, "--members", 2, "--epochs", 1, "--out", "s")
    assert result.exit_code == 0, result.output
    if method not in ("sandwich", "proxyless"):
        return
    result = evonas("evolve", *DATA, *options, *SHORT, "--seed-from", "s", "--out", "seeded")
    assert result.exit_code == 0, result.output
    shared = ["--evaluator", "shared", "--supernet", "s", "--out", "shared"]
    assert evonas("evolve", *DATA, *options, *SHORT, *shared).exit_code == 0
    with open_run(Path("shared")) as run:
        assert {(r.status, r.budget) for r in run.store.records()} == {("ok", 0)}


@pytest.mark.parametrize("method", ["darts", "gdas", "proxyless", "hypernet-scalar", "fairnas"])
@pytest.mark.parametrize("sharing", ["slimmable", "separate"])
def test_blocks_are_searched_as_published(evonas: Evonas, method: str, sharing: str) -> None:
    options = ["--space-option", f"sharing={sharing}", "--search-epochs", 1, "--members", 2, "--epochs", 1]
    options += FEW if method == "fairnas" else []
    result = evonas("seed", *DATA, "--preset", "published", "--method", method, *options, "--out", "s")
    assert result.exit_code == 0, result.output
    assert "set as published: " in evonas("front", "s").stdout


def test_methods_of_slices_are_refused_where_there_are_none(refused: Refused) -> None:
    sentence = "needs operations that are slices of the widest"
    separate = [*DATA, "--space-option", "sharing=separate", "--method", "sandwich"]
    refused("seed", *separate, "--out", "s", message=sentence)
    refused("seed", "--space", "cell", "--dataset", "digits", "--method", "widest", "--out", "s", message=sentence)
    refused("seed", "--space", "neuron", "--dataset", "digits", "--method", "widest", "--out", "s",
            message="the space neuron has no seeder 'widest'")


def test_the_space_lists_its_methods(evonas: Evonas) -> None:
    listed = json.loads(evonas("spaces", "block", "--json").stdout)
    assert {"spos", "fairnas", "proxyless", "sandwich", "widest"} <= set(listed["seeders"])
    assert not {"sandwich", "widest"} & set(json.loads(evonas("spaces", "cell", "--json").stdout)["seeders"])


def test_bad_options_are_refused(refused: Refused) -> None:
    refused("evolve", *DATA[:-1], "width=3", "--out", "r", message="option width of the block space")
    refused("evolve", *DATA[:-1], "stem=3", "--out", "r", message="unknown option 'stem' of the block space")
