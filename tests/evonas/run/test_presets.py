"""Presets: what was published with each method, and what the user's own settings do beside it."""

from __future__ import annotations

from typing import Any

import pytest

from evonas.capabilities.presets import EVOLUTION, Preset, flat
from evonas.cli.examples import example_of
from evonas.config import RunConfig, check_config
from evonas.run.presets import described, differences, preset_of, presets_of, with_preset
from evonas.supernet.settings import METHODS, methods_for
from evonas.types import UserError

#: Methods of the cell space.
OF_CELLS = methods_for(example_of("cell").space.choices)  # type: ignore[attr-defined]
#: As the papers and the authors' code have it; only what decides the method.
PUBLISHED: dict[tuple[str, str], dict[str, Any]] = {
    ("cell", "darts"): {
        "relaxation": "softmax", "bilevel": True, "order": 2, "learning_rate": 0.025, "last_learning_rate": 0.001,
        "momentum": 0.9, "weight_decay": 3e-4, "clip_norm": 5.0, "arch_learning_rate": 3e-4, "arch_weight_decay": 1e-3,
        "warm_up": 0.0, "cool_down": 0.0, "auxiliary_skip": False, "beta_decay": 0.0, "rule": "darts",
        "space_options.operations": "darts", "space_options.cells": 8, "space_options.channels": 16,
        ".search_epochs": 50,
    },
    ("cell", "gdas"): {
        "relaxation": "straight-through", "temperature": (10.0, 0.1), "order": 1, "auxiliary_skip": False,
        "beta_decay": 0.0, "warm_up": 0.0, "cool_down": 0.0, "arch_learning_rate": 3e-4,
    },
    ("cell", "hypernet-scalar"): {
        "relaxation": "gumbel-softmax", "temperature": (1.0, 0.2), "order": 2, "noise_per_image": True,
        "classifier": "piecewise-linear", "log_lambda": (-8.0, -4.0), "knots": 5, "complexities": 1,
        "arch_learning_rate": 1e-3, "warm_up": 0.0, "cool_down": 0.0, "auxiliary_skip": False, "beta_decay": 0.0,
        "space_options.operations": "darts", "space_options.edges": "all", "space_options.cells": 3,
    },
    ("cell", "hypernet-vector"): {
        "kappa": 50.0, "charge": "sum", "tau": 1.0, "bilevel": False, "optimizer": "adam", "complexities": 1,
        "arch_learning_rate": 1e-3, "space_options.operations": "firsov", "space_options.cells": 3,
        "space_options.nodes": 4,
    },
    ("cell", "proxyless"): {
        "cost_form": "target", "cost": "latency", "one_sided": False, "arch_learning_rate": 1e-3, "weight_decay": 4e-5,
        "batch_size": 256,
    },
    ("cell", "spos"): {
        "batch_size": 1024, "learning_rate": 0.5, "momentum": 0.9, "weight_decay": 4e-5, "candidates": 1000,
        "sampling": "uniform", ".search_epochs": 120,
    },
    ("cell", "fairnas"): {
        "batch_size": 256, "learning_rate": 0.045, "momentum": 0.9, "weight_decay": 4e-5, ".search_epochs": 150,
    },
    ("neuron", "rigl"): {
        "regrowth.fraction": 0.3, "regrowth.every": 100, "regrowth.end": 0.75, "regrowth.decay": "cosine",
        "regrowth.scope": "layer-pair", "regrowth.grow": "gradient",
    },
    ("neuron", "set"): {
        "regrowth.fraction": 0.3, "regrowth.every": 0, "regrowth.end": 1.0, "regrowth.decay": "none",
        "regrowth.scope": "layer-pair", "regrowth.grow": "random",
    },
    ("neuron", EVOLUTION): {
        ".population": 60, ".children": 15, ".generations": 40, ".survival": "aging",
        ".parent_selection": "living-tournament", ".epochs": 60, "training.patience": 18,
        "training.batch_size": 128, "training.weight_decay": 1e-3,
        "training.optimizer": "adam", "training.hidden_dropout": 0.2, "training.child_epochs": (35 / 60, 50 / 60),
        "space_options.founders": "source", "space_options.norm": "layer", "space_options.pair_share": 0.6,
        "space_options.hidden_positions": "predecessors", "smallest_steps.add_nodes": 0.12,
        "largest_steps.add_nodes": 0.32, "smallest_steps.add_edges": 0.20, "largest_steps.add_edges": 0.32,
        "smallest_steps.remove_edges": 0.12, "largest_steps.remove_edges": 0.22,
        "operators.add_nodes": 1.0, "operators.add_edges": 1.0, "operators.remove_edges": 1.0,
        "operators.remove_layer": 1.0, "operators.tie_weights": 1.0,
    },
}


def preset(space: str, method: str) -> Preset:
    return presets_of(example_of(space).space)[method]


@pytest.mark.parametrize(("space", "method"), PUBLISHED)
def test_a_preset_has_what_was_published(space: str, method: str) -> None:
    found = {f".{name}": value for name, value in flat(preset(space, method).settings).items()}
    for name, expected in PUBLISHED[space, method].items():
        (value,) = (each for key, each in found.items() if key.endswith(f".{name.removeprefix('.')}"))
        assert value == expected, name


def test_every_method_that_bears_a_papers_name_has_a_preset_with_its_paper() -> None:
    there = {method: each for space in ("neuron", "cell") for method, each in
             presets_of(example_of(space).space).items()}
    assert set(there) == {*OF_CELLS, "rigl", "set", EVOLUTION}
    for method, each in there.items():
        assert each.paper, method
        assert each.link.startswith("https://") or "no page is known" in each.remarks[0], method


@pytest.mark.parametrize("method", OF_CELLS)
def test_search_options_of_a_preset_are_the_methods_own(method: str) -> None:
    METHODS[method](**preset("cell", method).settings["search_options"])


def config(**settings: Any) -> RunConfig:
    return check_config({"preset": "published", **settings}, source="test")


def test_what_is_given_beside_a_preset_counts_key_by_key() -> None:
    space = example_of("cell").space
    given = config(space="cell", searcher="random", seeder="gdas", search_epochs=3, search_options={"order": 2},
                   space_options={"channels": 4})
    whole = with_preset(given, space)
    assert whole.search_epochs == 3
    assert whole.search_options["order"] == 2
    assert whole.search_options["temperature"] == (10.0, 0.1)
    assert whole.space_options == {"operations": "darts", "cells": 8, "channels": 4}
    found = preset_of(whole, space)
    assert found is not None
    assert differences(whole, found) == ["search_epochs = 3", "search_options.order = 2", "space_options.channels = 4"]
    told = described(whole, space)
    assert told is not None
    assert told.startswith("as published: Dong 2019, https://arxiv.org/abs/1910.04465, but for search_epochs = 3, ")


def test_a_run_with_nothing_beside_its_preset_differs_in_nothing() -> None:
    space = example_of("neuron").space
    whole = with_preset(config(), space)
    found = preset_of(whole, space)
    assert found is not None
    assert differences(RunConfig.model_validate(whole.to_json()), found) == []
    assert (whole.population, whole.children, whole.generations, whole.survival) == (60, 15, 40, "aging")


def test_rungs_take_the_place_of_a_presets_epochs() -> None:
    whole = with_preset(config(rungs=(1, 3)), example_of("neuron").space)
    assert whole.epochs is None
    assert whole.budgets == (1, 3)


def test_without_a_preset_nothing_changes() -> None:
    plain = RunConfig()
    space = example_of("neuron").space
    assert with_preset(plain, space) is plain
    assert described(plain, space) is None


@pytest.mark.parametrize(("space", "settings", "message"), [
    ("neuron", {"searcher": "random", "seeder": "prune"}, r"got the method 'prune' in the space neuron, of which there "
     r"are presets of evolution, rigl, set: choose one of these"),
    ("neuron", {"searcher": "nsga3"}, "got the searcher 'nsga3'"),
    ("cell", {}, "got the searcher 'nsga2' in the space cell"),
    ("cnn", {"searcher": "random", "seeder": "spread"}, "there is none of any method"),
])
def test_a_method_that_was_not_published_is_refused(space: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        with_preset(config(space=space, **settings), example_of(space).space)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UserError, match="preset must be 'published'"):
        check_config({"preset": "publishd"}, source="test")


@pytest.mark.parametrize("method", ["darts", "gdas"])
@pytest.mark.parametrize("name", ["nasbench201", "block"])
def test_a_space_that_keeps_all_edges_reads_the_best_operation_off_each(name: str, method: str) -> None:
    space = example_of(name).space
    whole = with_preset(config(space=name, searcher="random", seeder=method), space)
    assert whole.search_options["rule"] == "argmax"
    assert whole.space_options == {}
