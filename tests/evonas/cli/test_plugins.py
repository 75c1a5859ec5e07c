"""Searchers and metrics of other packages: found by their entry points, kept with the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from evonas.objectives.metrics import STRUCTURE, Metric
from evonas.run import plugins
from evonas.run.open import open_run
from evonas.search import RandomSearch
from evonas.space import SearchSpace
from evonas.types import Weights
from tests.evonas.cli.conftest import Evonas, Refused


class Lucky(RandomSearch[Any]):
    """A searcher of another package."""


def make_lucky(*arguments: Any, **options: Any) -> Lucky:
    """A factory that is no class."""
    return Lucky(*arguments, **options)


class Reach:
    """A metric of another package: the more, the better."""

    description = Metric("neurons beyond the first", "count", STRUCTURE, goal="max")

    def __call__(self, space: SearchSpace[Any], genotype: Any, weights: Weights | None) -> float:
        assert weights
        return space.cost(genotype)["neurons"] - 1


reach = Reach()
mute = len

GROUPS: Mapping[str, Mapping[str, str]] = {
    plugins.SEARCHER_GROUP: {"lucky": "Lucky", "made-lucky": "make_lucky", "gone": "Gone", "nsga2": "Lucky"},
    plugins.METRIC_GROUP: {"reach": "reach", "mute": "mute", "flops": "reach"},
}
SMALL = ["--population", 4, "--children", 2, "--generations", 1, "--epochs", 1, "--n-train", 200, "--out", "r"]


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Callable[[str], Mapping[str, EntryPoint]] = plugins.installed

    def installed(group: str) -> Mapping[str, EntryPoint]:
        made = {name: EntryPoint(name, f"{__name__}:{value}", group) for name, value in GROUPS.get(group, {}).items()}
        return {**found(group), **made}

    monkeypatch.setattr(plugins, "installed", installed)


@pytest.mark.parametrize("name", ["lucky", "made-lucky"])
def test_a_searcher_is_found_and_its_run_goes_on_with_no_other(
    evonas: Evonas, refused: Refused, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert evonas("evolve", "--searcher", name, *SMALL).exit_code == 0
    with open_run(Path("r")) as run:
        assert (run.store.info.searcher or "").endswith("test_plugins.Lucky")
        assert len(run.store.records()) == 6
    assert evonas("resume", "r", "--generations", 2).exit_code == 0
    monkeypatch.setitem(GROUPS[plugins.SEARCHER_GROUP], name, "Other")  # type: ignore[arg-type]
    monkeypatch.setattr(f"{__name__}.Other", type("Other", (RandomSearch,), {}), raising=False)
    refused("resume", "r", "--generations", 3, message=r"was searched by .*Lucky, not by .*Other")
    assert evonas("front", "r").exit_code == 0


def test_the_engines_own_searchers_stay_what_they_are(evonas: Evonas) -> None:
    assert plugins.searcher_names().count("nsga2") == 1
    assert plugins.find_searcher("nsga2").__name__ == "NSGA2"  # type: ignore[attr-defined]


def test_searchers_of_other_packages_are_listed_and_one_that_cannot_be_loaded_is_said(evonas: Evonas) -> None:
    result = evonas("searchers", "--json")
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert rows["lucky"]["text"] == "A searcher of another package."
    assert rows["made-lucky"]["options"] == []
    assert rows["nsga2"]["settings"]
    assert "gone" not in rows
    assert "searcher 'gone' is installed but cannot be loaded" in result.stderr


def test_a_metric_is_measured_maximised_and_listed(evonas: Evonas) -> None:
    result = evonas("evolve", "--objectives", "val_error,reach", "--constraint", "reach<=1e9", *SMALL)
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        assert run.objectives.items[1].goal == "max"
        assert all(r.metrics["reach"] == r.metrics["neurons"] - 1 for r in run.store.records())
        assert run.store.info.evaluator == "TrainedEvaluator+CostEvaluator+CustomEvaluator"
    assert evonas("resume", "r", "--generations", 2).exit_code == 0
    row = next(row for row in json.loads(evonas("metrics", "--json").stdout) if row["name"] == "reach")
    assert (row["goal"], row["unit"]) == ("max", "count")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--searcher", "gone"], "searcher 'gone' is installed but cannot be loaded"),
        (["--searcher", "luck"], "unknown searcher 'luck', did you mean 'lucky'"),
        (["--objectives", "val_error,mute"], "metric 'mute' is installed but does not say whether less or more"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(refused: Refused, options: list[object], message: str) -> None:
    refused("evolve", *options, *SMALL, message=message)
