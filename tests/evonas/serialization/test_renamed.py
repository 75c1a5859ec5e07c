"""Former names are understood from Python and in files, each with a warning; the table names what there is."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, get_args

import pytest

import evonas
from evonas.config import RunConfig, build_config
from evonas.objectives.metrics import METRICS
from evonas.report.tables import IDENTITY
from evonas.run.plugins import create_space
from evonas.serialization import renamed
from evonas.serialization.renamed import RenamedWarning
from evonas.training import Recipe
from evonas.types import Task, UserError
from search_spaces.neuron.mutation import OPERATORS

DIGITS = Task("classification", (1, 8, 8), 10)
#: Settings by former names, and what they are now.
FORMER: dict[str, Any] = {
    "adapt": True, "parents": "gap", "objectives": ("fitness_error", "flops"),
    "constraints": ("fitness_balanced_error<=0.5", "flops>=10"),
    "training": {"full_rate_edges": 5.0, "augmented_edges": 7.0, "batch_size": 32},
    "space_options": {
        "operators": {"prune": 1.0, "inflate": 2.0, "inflate_skips": 3.0, "add_nodes": 4.0},
        "largest_steps": {"inflate": 0.4}, "edges": [64, 600],
    },
}
PRESENT: dict[str, Any] = {
    "adaptive_operators": True, "parent_selection": "front-gap", "objectives": ("trainval_error", "flops"),
    "constraints": ("trainval_balanced_error<=0.5", "flops>=10"),
    "training": {"lr_reference_edges": 5.0, "min_edges_for_augmentation": 7.0, "batch_size": 32},
    "space_options": {
        "operators": {"prune": 1.0, "grow_and_prune": 2.0, "grow_and_prune_skips": 3.0, "add_nodes": 4.0},
        "largest_steps": {"grow_and_prune": 0.4}, "edges": [64, 600],
    },
}
FILE = """
adapt = true
parents = "gap"
objectives = ["fitness_error", "flops"]
constraints = ["fitness_balanced_error<=0.5", "flops>=10"]
[training]
full_rate_edges = 5.0
augmented_edges = 7.0
batch_size = 32
[space_options]
edges = [64, 600]
largest_steps = {inflate = 0.4}
[space_options.operators]
prune = 1.0
inflate = 2.0
inflate_skips = 3.0
add_nodes = 4.0
"""
#: A note for each name that is used.
NOTES = {
    "adapt is now adaptive_operators", "parents is now parent_selection", "gap is now front-gap",
    "fitness_error is now trainval_error", "fitness_balanced_error is now trainval_balanced_error",
    "full_rate_edges is now lr_reference_edges", "augmented_edges is now min_edges_for_augmentation",
    "inflate is now grow_and_prune", "inflate_skips is now grow_and_prune_skips",
}


def told(record: list[warnings.WarningMessage]) -> set[str]:
    return {str(each.message) for each in record if each.category is RenamedWarning}


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (renamed.SETTINGS, RunConfig.model_fields), (renamed.TRAINING, Recipe.__dataclass_fields__),
        (renamed.METRICS, METRICS), (renamed.COLUMNS, IDENTITY), (renamed.OPERATORS["neuron"], OPERATORS),
        (renamed.VALUES["parent_selection"], get_args(RunConfig.model_fields["parent_selection"].annotation)),
    ],
)
def test_present_names_are_there_and_former_ones_are_not(names: dict[str, str], known: Any) -> None:
    assert set(names.values()) <= set(known)
    assert not set(names) & set(known)


def test_former_names_in_python_are_the_present_settings() -> None:
    with pytest.warns(RenamedWarning) as record:
        config = RunConfig(**FORMER)
    assert told(list(record)) == NOTES
    assert config == RunConfig(**PRESENT)
    order = list(PRESENT["space_options"]["operators"])
    assert list(config.space_options["operators"]) == order, "operators are drawn by their order"
    assert config.recipe == Recipe(lr_reference_edges=5.0, min_edges_for_augmentation=7.0, batch_size=32)


def test_former_names_in_a_file_are_the_present_settings(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(FILE)
    with pytest.warns(RenamedWarning) as record:
        config = build_config(tmp_path / "run.toml", {})
    assert told(list(record)) == NOTES
    assert config.model_dump() == RunConfig(**PRESENT).model_dump()


def test_what_is_given_by_the_present_name_wins_over_a_file_with_the_former_one(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(FILE)
    with pytest.warns(RenamedWarning):
        config = build_config(tmp_path / "run.toml", {
            "adaptive_operators": False, "parent_selection": "tournament", "training": {"lr_reference_edges": 9.0},
        })
    assert (config.adaptive_operators, config.parent_selection) == (False, "tournament")
    assert config.training == {**PRESENT["training"], "lr_reference_edges": 9.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adapt = true\nadaptive_operators = true", "adapt is now adaptive_operators, got both: leave adapt out"),
        ("[training]\nfull_rate_edges = 1\nlr_reference_edges = 1", "full_rate_edges is now lr_reference_edges, got"),
        ("[space_options.operators]\ninflate = 1\ngrow_and_prune = 1", "inflate is now grow_and_prune, got both"),
        ("parents = 'gaps'", "parent_selection must be 'front-gap', .*, got 'gaps'"),
        ("[training]\nfull_rate_edges = 'x'", "lr_reference_edges"),
    ],
)
@pytest.mark.filterwarnings("ignore::evonas.serialization.renamed.RenamedWarning")
def test_what_cannot_be_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        build_config(tmp_path / "run.toml", {})


def test_present_names_are_no_matter_of_a_warning() -> None:
    assert RunConfig(**PRESENT).space_options == PRESENT["space_options"]  # warnings are errors in tests


def test_names_of_another_space_are_its_own() -> None:
    options = {"operators": {"inflate": 1.0}}
    assert RunConfig(space="cell", space_options=options).space_options == options


def test_a_space_understands_former_names_of_mutations() -> None:
    with pytest.warns(RenamedWarning, match="inflate is now grow_and_prune"):
        space = create_space("neuron", DIGITS, {"operators": {"prune": 1.0, "inflate": 1.0}})
    assert list(space.operators) == ["prune", "grow_and_prune"]


@pytest.mark.parametrize(
    ("stored", "expected"), [({"share": 6.0, "prune": 1.0}, {"operators": {"prune": 1.0}}), ({"share": 6.0}, {})]
)
def test_a_stored_run_goes_on_without_a_mutation_that_is_gone(
    stored: dict[str, float], expected: dict[str, Any]
) -> None:
    assert renamed.space_options("neuron", {"operators": stored}, renamed.ignore) == expected
    assert renamed.space_options("neuron", {"operators": stored}) == {"operators": stored}
    with pytest.raises(UserError, match="unknown operator 'share'"):
        create_space("neuron", Task("classification", (4,), 2), {"operators": stored})


def test_evolve_understands_former_names_and_warns_the_code_that_has_them(tmp_path: Path) -> None:
    small: dict[str, Any] = {"population": 2, "children": 1, "generations": 1, "epochs": 2, "n_train": 100}
    with pytest.warns(RenamedWarning) as record:
        run = evonas.evolve("digits", out=tmp_path / "r", adapt=True, objectives=("fitness_error", "flops"), **small)
    assert told(list(record)) == {"adapt is now adaptive_operators", "fitness_error is now trainval_error"}
    assert {Path(each.filename).name for each in record} == {Path(__file__).name}
    assert run.config.adaptive_operators
    assert run.config.objectives == ("trainval_error", "flops")
    with pytest.warns(RenamedWarning, match="fitness_error is now trainval_error"):
        assert run.best({"fitness_error": 1.0}) == run.best()
    with pytest.warns(RenamedWarning, match="adapt is now"):
        again = evonas.evolve(RunConfig(adaptive_operators=True, **small), out=tmp_path / "again", adapt=False)
    assert not again.config.adaptive_operators


def test_options_of_the_command_line_have_their_present_names() -> None:
    known = {"--adaptive-operators", "--no-adaptive-operators", "--founder-edges", "--edge"}
    line = ["--adapt", "--no-adapt", "--edges=1,2", "--edges", "3,4", "--parents", "gap", "adapt", "--", "--adapt"]
    with pytest.warns(RenamedWarning) as record:
        found = renamed.arguments(line, known)
    assert found == [
        "--adaptive-operators", "--no-adaptive-operators", "--founder-edges=1,2", "--founder-edges", "3,4",
        "--parents", "gap", "adapt", "--", "--adapt",
    ], "--parents has no successor among these options, and what follows -- is no option"
    assert told(list(record)) == {
        "--adapt is now --adaptive-operators", "--no-adapt is now --no-adaptive-operators",
        "--edges is now --founder-edges",
    }
    assert renamed.arguments(["--edges", "3,4"], {"--edges", "--founder-edges"}) == ["--edges", "3,4"]


def test_an_option_under_both_names_is_refused() -> None:
    known = {"--parent-selection", "--seed"}
    with pytest.raises(UserError, match=r"^--parents is now --parent-selection, got both: leave --parents out$"):
        renamed.arguments(["--parents", "gap", "--parent-selection=tournament"], known)
