"""Settings of spaces, searchers and seeders are read once when a run is assembled or opened, and travel typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import evonas
from evonas.capabilities.given import Given
from evonas.capabilities.option_models import Factory, read_options
from evonas.cli.app import app
from evonas.cli.search import evolve
from evonas.config import OPTIONS as OPTIONS_OF
from evonas.config import RunConfig, build_config, check_config
from evonas.evaluation.proxies.evaluator import ProxyEvaluator
from evonas.run import start
from evonas.run.build import assemble
from evonas.run.misplaced import OF_FILES, TRAINING_OPTIONS, check_tables
from evonas.run.open import open_run
from evonas.run.plugins import SPACES, create_space, read_space_options
from evonas.search.regularized_evolution import RegularizedEvolution
from evonas.space import Phenotype
from evonas.store import read_info
from evonas.supernet.settings import METHODS
from evonas.training import Recipe, Stop
from evonas.types import Task, UserError
from scripts.examples import own_space
from search_spaces.neuron.options import NeuronOptions

TASK = Task("classification", (4,), 3)
SMALL: dict[str, Any] = {
    "dataset": "digits", "n_train": 60, "n_validation": 30, "epochs": 1, "population": 2, "children": 1,
    "generations": 0,
}
OF_NO_PLACE: dict[str, Any] = {"searcher": "nsga2", "searcher_options": {"simple": 3}}
OPTIONS = {"norm": "none", "edges": [64, 400], "founder_edges": [64, 400]}


@pytest.fixture
def spaces(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Factories of installed spaces by name, to be filled."""
    factories: dict[str, Any] = {}

    def installed(group: str) -> Mapping[str, Any]:
        found = factories if group == SPACES else {}
        return MappingProxyType({n: SimpleNamespace(name=n, load=lambda f=f: f) for n, f in found.items()})

    monkeypatch.setattr("evonas.run.plugins.installed", installed)
    return factories


def test_a_factory_that_takes_a_table_gets_the_table(spaces: dict[str, Any]) -> None:
    got: list[Any] = []

    def create(task: Task, options: Mapping[str, Any]) -> own_space.WidthSpace:
        got.append(options)
        return own_space.create(task, options)

    spaces["widths"] = create
    options = read_space_options("widths", {"widest": 8})
    space: Any = create_space("widths", TASK, options)
    assert got == [{"widest": 8}]
    assert not isinstance(got[0], Given)
    assert space.options.widest == 8
    with pytest.raises(UserError, match="search space 'widths': option widest of the widths space"):
        create_space("widths", TASK, {"widest": 1})


def test_a_factory_that_declares_its_options_gets_them_typed(spaces: dict[str, Any]) -> None:
    spaces["widths"] = Factory(own_space.WidthSpace, own_space.WidthOptions, name="widths")
    options = read_space_options("widths", {"widest": 8})
    assert isinstance(options, Given)
    assert options == {"widest": 8}
    space: Any = create_space("widths", TASK, options)
    assert space.options is options.settings
    assert read_space_options("widths", options) is options
    plain: Any = create_space("widths", TASK, {"widest": 8})
    assert plain.options == space.options
    for wrong, option in (({"widest": 1}, "option widest"), ({"wide": 1}, "unknown option 'wide'")):
        message = f"^search space 'widths': {option} of the widths space"
        with pytest.raises(UserError, match=message):
            read_space_options("widths", wrong)
        with pytest.raises(UserError, match=message):
            create_space("widths", TASK, wrong)


def test_options_that_a_factory_declares_are_described(spaces: dict[str, Any]) -> None:
    class Silent(own_space.WidthSpace):
        def __init__(self, task: Task, options: own_space.WidthOptions) -> None:
            kept: Any = SimpleNamespace(**options.model_dump())
            super().__init__(task, kept)

    spaces["silent"] = Factory(Silent, own_space.WidthOptions, name="silent")
    result = CliRunner().invoke(app, ["spaces", "silent", "--json"])
    assert result.exit_code == 0, result.output
    described = {option["name"]: option["text"] for option in json.loads(result.stdout)["options"]}
    assert described == {"widest": "Most neurons of a hidden layer.", "deepest": "Most hidden layers."}


def test_an_attribute_that_is_no_model_declares_nothing(spaces: dict[str, Any]) -> None:
    class Odd(own_space.WidthSpace):
        option_model = "a text"

        def __init__(self, task: Task, options: Mapping[str, Any]) -> None:
            super().__init__(task, read_options(own_space.WidthOptions, options, space="odd"))

    spaces["odd"] = Odd
    assert not isinstance(read_space_options("odd", {"widest": 8}), Given)
    space: Any = create_space("odd", TASK, read_space_options("odd", {"widest": 8}))
    assert space.options.widest == 8


def test_options_of_another_space_are_read_anew(spaces: dict[str, Any]) -> None:
    spaces["widths"] = Factory(own_space.WidthSpace, own_space.WidthOptions, name="widths")
    options = read_space_options("widths", Given({"widest": 8}, NeuronOptions.model_validate({})))
    assert isinstance(options, Given)
    assert options.settings == own_space.WidthOptions.model_validate({"widest": 8})


def test_no_table_of_a_run_is_read_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[Any] = []

    def counted(kind: Any, options: Any, **others: Any) -> Any:
        if not isinstance(options, kind):
            read.append(dict(options))
        return read_options(kind, options, **others)

    for place in ("evonas.run.plugins", "evonas.capabilities.option_models"):
        monkeypatch.setattr(f"{place}.read_options", counted)
    config = check_config({**SMALL, "space_options": OPTIONS}, source="the test")
    parts = assemble(config, tmp_path / "run")
    assert read[0] == OPTIONS
    assert all(one != other for i, one in enumerate(read) for other in read[:i])
    assert read[-1] == parts.config.space_options
    options: Any = parts.config.space_options
    assert isinstance(options.settings, NeuronOptions)
    assert options.settings.edges == (64, 400)


@pytest.mark.parametrize(("left_open", "n_spaces"), [(False, 1), (True, 2)])
def test_a_space_is_made_once_and_again_only_with_options_that_were_left_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, left_open: bool, n_spaces: int
) -> None:
    made: list[Mapping[str, Any]] = []

    def counted(name: str, task: Task, options: Mapping[str, Any]) -> Any:
        made.append(dict(options))
        return create_space(name, task, options)

    monkeypatch.setattr("evonas.run.build.create_space", counted)
    options = {"channels": 2, "nodes": 1, "cells": 3} | ({} if left_open else {"sampling": "uniform"})
    config = check_config({**SMALL, "space": "cell", "space_options": options}, source="the test")
    parts = assemble(config, tmp_path / "run")
    assert parts.config.space_options == made[-1] == {**options, "sampling": "uniform"}
    assert made[0] == options
    assert len(made) == n_spaces


def test_a_searcher_gets_the_settings_that_it_declares(tmp_path: Path) -> None:
    given = {**SMALL, "searcher": "regularized-evolution", "searcher_options": {"sample": 3}, "space_options": OPTIONS}
    parts = assemble(check_config(given, source="the test"), tmp_path / "run")
    options = parts.config.searcher_options
    kind = RegularizedEvolution.traits.settings
    assert kind is not None
    assert isinstance(options, Given)
    assert (dict(options), options.settings) == ({"sample": 3}, kind(sample=3))
    with pytest.raises(UserError, match="unknown key 'simple' in searcher_options, did you mean 'sample'"):
        assemble(check_config({**given, "searcher_options": {"simple": 3}}, source="the test"), tmp_path / "run")
    with pytest.raises(UserError, match="'nsga2' has no settings of its own, got searcher_options simple"):
        assemble(check_config({**given, **OF_NO_PLACE}, source="the test"), tmp_path / "run")


def test_the_sizes_that_reg_swap_prefers_are_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('objectives = ["val_error", "reg_swap"]\nreg_swap_sizes = [0.2, 5]\n')
    networks = []
    for toml in (file, None):
        config = build_config(toml, {**SMALL, "space_options": OPTIONS, "objectives": ("val_error", "reg_swap")})
        parts = assemble(config, tmp_path / "run")
        merged: Any = parts.evaluator
        (proxy,) = [part for part in merged.parts if isinstance(part, ProxyEvaluator)]
        assert proxy.scorer.sizes == config.reg_swap_sizes == (None if toml is None else (0.2, 5.0))
        genotype = parts.space.sample(np.random.default_rng(0))
        networks.append(proxy.measure(Phenotype(genotype, None), Stop())["reg_swap"])
    assert networks[0] != networks[1]


def test_a_seeder_has_the_settings_of_its_method(tmp_path: Path) -> None:
    given = {
        **SMALL, "space": "cell", "space_options": {"channels": 2, "nodes": 1, "cells": 3}, "searcher": "random",
        "seeder": "darts", "search_epochs": 1, "search_options": {"warm_up": 0.1},
    }
    parts = assemble(check_config(given, source="the test"), tmp_path / "run")
    search, options = parts.family_search, parts.config.search_options
    assert search is not None
    assert isinstance(options, Given)
    assert options.settings is search.settings
    assert isinstance(search.settings, METHODS["darts"])
    assert (options["warm_up"], search.settings.warm_up) == (0.1, 0.1)  # type: ignore[attr-defined]


def test_an_opened_run_has_typed_settings_and_keeps_only_what_was_given(tmp_path: Path) -> None:
    config = check_config({**SMALL, "space_options": OPTIONS, "training": {"batch_size": 64}}, source="the test")
    evonas.evolve(config, out=tmp_path / "run")
    with open_run(tmp_path / "run") as run:
        options: Any = run.config.space_options
        assert isinstance(options.settings, NeuronOptions)
        assert options.settings.norm == "none"
        assert run.config.recipe.batch_size == 64
        stored = read_info(tmp_path / "run").config
        assert run.config.to_json() == stored
        assert stored["training"] == {"batch_size": 64}
        assert stored["space_options"].items() >= OPTIONS.items()
        assert not stored["space_options"].keys() & {"smoothing", "operators", "distance_base"}


@pytest.mark.parametrize(
    ("given", "named"),
    [({"survival": "aging"}, "survival"), ({"parent_selection": "tournament", "adaptive_operators": True},
                                           "parent_selection, adaptive_operators"),
     ({"crossover_rate": 0.9}, "crossover_rate")],
)
@pytest.mark.parametrize("searcher", ["nsga3", "random", "local-search"])
def test_a_setting_that_a_searcher_would_ignore_is_refused(
    tmp_path: Path, searcher: str, given: dict[str, Any], named: str
) -> None:
    config = RunConfig(searcher=searcher, n_train=60, **given)
    own = " or set crossover_rate in searcher_options" if searcher == "nsga3" and "crossover_rate" in given else ""
    with pytest.raises(UserError) as raised:
        assemble(config, tmp_path / "run")
    assert str(raised.value) == (
        f"{named}: only the searcher 'nsga2' has such a setting, got the searcher '{searcher}': leave it out"
        + (f",{own}" if own else "")
    )
    assert not (tmp_path / "run").exists()


def test_settings_that_only_a_file_has_are_told_from_those_with_an_option() -> None:
    assert RunConfig.model_fields.keys() - {
        next((setting for setting, option in OPTIONS_OF.items() if option == name), name)
        for name in signature(evolve).parameters
    } == OF_FILES
    assert {name for name in TRAINING_OPTIONS if name in signature(evolve).parameters} == {*TRAINING_OPTIONS}
    plain = [name for name in Recipe.__dataclass_fields__ if name in signature(evolve).parameters]
    assert sorted(plain) == sorted(TRAINING_OPTIONS)


def test_a_key_of_no_place_is_left_to_what_reads_the_table() -> None:
    check_tables(check_config({"searcher_options": {"simple": 3}, "space_options": {"nrom": "none"}}, source="-"))
    with pytest.raises(UserError, match="a setting of a run with the searcher nsga2: set crossover_rate in a file"):
        check_tables(check_config({"searcher": "random", "searcher_options": {"crossover_rate": 1}}, source="-"))


@pytest.mark.parametrize("changes", [{"jobs": 3}, {}])
def test_jobs_beside_a_cluster_are_said_not_to_be_used(changes: dict[str, Any]) -> None:
    notes = start._unused(check_config({"cluster": "local:2", **changes}, source="the test"))
    assert [note.partition(":2 ")[0] for note in notes] == ["the cluster local"] * len(changes)
    assert all("the 3 jobs that were given beside it are not used" in note for note in notes)


def test_numbers_that_a_searcher_ignores_are_said() -> None:
    given = {"searcher": "hyperband", "population": 4, "children": 2, "generations": 1}
    (note,) = start._unused(check_config(given, source="the test"))
    assert note == "the searcher hyperband does not use population and children: leave out what was given"
