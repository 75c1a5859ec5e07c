"""What there is: options of spaces from their models, and metrics from what runs take."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from evonas.capabilities.given import settings_from
from evonas.cli.options import parse_options
from evonas.config import RunConfig
from evonas.data import load
from evonas.objectives import LOGARITHMIC, MAXIMISED, MINIMISED, SHARES
from evonas.objectives.metrics import FRESH, METRICS
from evonas.run.evaluators import build_evaluator
from evonas.run.plugins import available_spaces, create_space, searcher_names
from evonas.run.searchers import NUMBERS
from evonas.runtimes.targets import Target, built_in_targets
from evonas.search import SEARCHERS, traits_of
from evonas.types import Metrics, Task
from search_spaces.block.options import BlockOptions
from search_spaces.cell.options import CellOptions
from search_spaces.cnn.space import CnnOptions
from search_spaces.neuron.options import NeuronOptions
from search_spaces.neuron.space import NeuronSpace
from tests.evonas.cli.conftest import Evonas, Refused
from tests.evonas.runtimes.targets.targets_of_tests import scripted

METHODS_PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "methods.md"
MODELS = {"neuron": NeuronOptions, "cell": CellOptions, "block": BlockOptions, "cnn": CnnOptions}


@pytest.mark.parametrize("name", MODELS)
def test_a_space_lists_every_option_of_its_model_with_default_and_text(evonas: Evonas, name: str) -> None:
    listed = json.loads(evonas("spaces", name, "--json").stdout)
    options = {option["name"]: option for option in listed["options"]}
    assert list(options) == list(MODELS[name].model_fields)
    assert all(len(option["text"]) > 15 and option["takes"] for option in options.values())
    text = shown(evonas("spaces", name).stdout)
    for option in options.values():
        assert f"{option['name']} {option['takes']}" in text
        assert f"[{option['default']}]" in text
    for seeder in listed["seeders"]:
        assert seeder in text


@pytest.mark.parametrize("name", MODELS)
def test_what_is_listed_as_a_default_is_what_an_option_takes(evonas: Evonas, name: str) -> None:
    task = Task("classification", (1, 8, 8), 10)
    plain: Any = create_space(name, task, {})
    for option in json.loads(evonas("spaces", name, "--json").stdout)["options"]:
        default = MODELS[name].model_fields[option["name"]].get_default(call_default_factory=True)
        if default is None or isinstance(default, dict):
            continue
        given = parse_options([f"{option['name']}={option['default']}"])
        if isinstance(default, tuple):
            given = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
        same: Any = create_space(name, task, given)
        assert getattr(same.options, option["name"]) == getattr(plain.options, option["name"]) == default


def test_a_space_that_is_not_there_is_refused_with_the_nearest(refused: Refused) -> None:
    refused("spaces", "neurn", message="unknown search space 'neurn', did you mean 'neuron'")
    refused("metrics", "--space", "cel", message="unknown search space 'cel', did you mean 'cell'")


@pytest.mark.parametrize("name", SEARCHERS)
def test_a_searcher_lists_every_option_of_its_settings_with_default_and_text(evonas: Evonas, name: str) -> None:
    listed, traits = json.loads(evonas("searchers", name, "--json").stdout), traits_of(SEARCHERS[name])
    fields = [] if traits.settings is None else [field.name for field in dataclasses.fields(traits.settings)]
    assert [option["name"] for option in listed["options"]] == fields
    if traits.settings is not None:
        given = parse_options([f"{option['name']}={option['default']}" for option in listed["options"]])
        assert settings_from(traits.settings, given, table="searcher_options") == traits.settings()
    common = {number: RunConfig.model_fields[number].default for number in ("population", "children", "generations")}
    numbers = {**common, **traits.defaults}
    used = {name: value for name, value in numbers.items() if name not in traits.unused}
    assert {n["name"]: int(n["default"]) for n in listed["numbers"]} == used
    shown_on_page = ", ".join("-" if name in traits.unused else str(numbers[name]) for name in NUMBERS)
    (row,) = [line for line in METHODS_PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {shown_on_page} |")
    assert listed["on_tables"] == dict(traits.on_tables)
    text = shown(evonas("searchers", name).stdout)
    for option in [*listed["options"], *listed["numbers"], *listed["settings"]]:
        assert len(option["text"]) > 15
        assert f"{option['name']} {option['takes']}" in text
        assert f"[{option['default']}]" in text


def test_searchers_are_listed_with_their_options_and_one_that_is_not_there_is_refused(
    evonas: Evonas, refused: Refused
) -> None:
    rows = {row["name"]: row for row in json.loads(evonas("searchers", "--json").stdout)}
    assert rows.keys() == {*searcher_names()} >= SEARCHERS.keys()
    assert all(row["text"] and row["rungs"] for row in rows.values())
    text = shown(evonas("searchers").stdout)
    for row in rows.values():
        assert all(option["name"] in text for option in (*row["options"], *row["settings"]))
    assert "options: survival, parent_selection" in text
    refused("searchers", "nsga4", message="unknown searcher 'nsga4', did you mean 'nsga")


def shown(output: str) -> str:
    """The text of panels in a line."""
    return " ".join(re.sub("[╭╮╰╯─│]", " ", output).split())


def test_spaces_are_listed_as_a_table_and_as_json(evonas: Evonas) -> None:
    assert {row["name"] for row in json.loads(evonas("spaces", "--json").stdout)} == set(available_spaces())
    rows = json.loads(evonas("spaces", "--verbose", "--json").stdout)
    assert all(row["runs on"] for row in rows)


@pytest.mark.parametrize("space", MODELS)
def test_what_is_listed_as_a_metric_is_an_objective_of_a_run_and_nothing_else_is(evonas: Evonas, space: str) -> None:
    rows = json.loads(evonas("metrics", "--space", space, "--json").stdout)
    assert all(row["unit"] and row["measured"] and row["text"] and row["spaces"] == [space] for row in rows)
    names = {row["name"] for row in rows if "classification" in row["tasks"]}
    splits = load("digits")
    for name in {*METRICS} | names:
        extra = {"latency_command": "true"} if name == "latency_device" else {}
        constraint = f"{name}>=0"
        config = RunConfig(space=space, constraints=(constraint,), self_distillation=False, **extra)
        built = create_space(space, splits.task, {})
        if name in names:
            _, objectives = build_evaluator(config, built, splits, None)  # type: ignore[arg-type]
            assert name in objectives.metrics
        else:
            with pytest.raises(ValueError, match="unknown metric"):
                build_evaluator(config, built, splits, None)  # type: ignore[arg-type]


def test_metrics_tell_direction_unit_place_task_and_space(evonas: Evonas) -> None:
    rows = {row["name"]: row for row in json.loads(evonas("metrics", "--json").stdout)}
    assert rows["val_accuracy"]["goal"] == "max"
    assert rows["latency"]["unit"] == "µs per sample"
    assert rows["flash"]["spaces"] == ["block", "cell", "cnn", "nasbench201", "neuron"]
    assert rows["val_nmse"]["tasks"] == ["regression of several targets"]
    assert "latency_spread" not in rows, "it comes with latency, and is no objective"
    text = " ".join(re.sub("[╭╮╰╯─│]", " ", evonas("metrics").stdout).split())
    assert "val_accuracy validation accuracy [more is better; share; classification]" in text
    assert "Measured on the structure, before training" in text


class Gates(NeuronSpace):
    """A space of a third party's, for tables, with a cost of its own."""

    def cost(self, genotype: Any) -> Metrics:
        return {**super().cost(genotype), "n_gates": 1.0}


def create_gates(task: Task, options: Mapping[str, Any]) -> Gates:
    if len(task.input_shape) != 1:
        raise ValueError("gates need tables")
    return Gates(task, NeuronOptions())


def test_a_space_of_a_third_party_is_listed_as_well(evonas: Evonas, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("gates", f"{__name__}:create_gates", "evonas.search_spaces")
    points = {**available_spaces(), "gates": point}
    monkeypatch.setattr("evonas.run.plugins.available_spaces", lambda: points)
    monkeypatch.setattr("evonas.run.examples.available_spaces", lambda: points)
    assert "For tables" in evonas("spaces", "gates").stdout
    assert [row["name"] for row in json.loads(evonas("spaces", "-v", "--json").stdout)] == sorted(points)
    rows = {row["name"]: row for row in json.loads(evonas("metrics", "--json").stdout)}
    assert rows["n_gates"]["spaces"] == ["gates"]
    assert rows["n_gates"]["goal"] == "min"
    assert set(rows["flops"]["spaces"]) == set(points)


def test_every_metric_is_minimised_or_maximised_and_what_its_scale_says() -> None:
    assert METRICS.keys() == MINIMISED | MAXIMISED
    assert not MINIMISED & MAXIMISED
    assert MINIMISED >= SHARES | LOGARITHMIC
    proxies = {name for name, metric in METRICS.items() if metric.place == FRESH}
    assert {"val_accuracy", "val_r2"} == MAXIMISED - proxies
    balanced = {"val_balanced_error", "trainval_balanced_error"}
    assert {"val_error", "trainval_error", "int8_error", *balanced} == SHARES
    assert {"flops", "params", "latency", "ram"} <= LOGARITHMIC
    assert not {"depth", "val_loss", "edge_updates", "latency_spread"} & LOGARITHMIC


def test_targets_are_listed_with_what_is_missing(evonas: Evonas, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {row["name"]: row for row in json.loads(evonas("targets", "--json").stdout)}
    assert listed.keys() == built_in_targets().keys()
    assert "instructions@cortex-m4" in listed["cortex-m4"]["metrics"]
    assert "instructions@host" not in listed["host"]["metrics"]
    monkeypatch.setenv("PATH", "/nowhere")
    text = shown(evonas("targets").stdout)
    assert "lacks arm-none-eabi-gcc and qemu-system-arm: Debian packages gcc-arm-none-eabi" in text


def test_a_target_is_described_by_its_name_or_its_file(evonas: Evonas, refused: Refused, tmp_path: Path) -> None:
    text = shown(evonas("targets", "cortex-m4").stdout)
    for part in ("[arm-none-eabi-gcc]", "-mcpu=cortex-m4 -mthumb", "qemu-system-arm -M mps2-an386",
                 "instructions@cortex-m4", "nanojoules_per_cycle Energy of a cycle; None is unknown. [None]"):
        assert part in text
    assert "mps2_an386.ld]" in text.replace(" ", "")  # a long path is broken anywhere
    scripted(tmp_path, 'exec "$1"', instructions_per_count=1.0, nanojoules_per_cycle=0.5)
    listed = json.loads(evonas("targets", tmp_path / "own.toml", "--json").stdout)
    assert listed["name"] == "own"
    assert "energy@own" in listed["metrics"]
    assert listed["values"]["nanojoules_per_cycle"] == 0.5
    assert listed["values"].keys() == Target.model_fields.keys() - {"name", "description"}
    refused("targets", "cortex-m5", message="unknown target 'cortex-m5', did you mean 'cortex-m")
    refused("targets", "nope", message="unknown target 'nope', there are: cortex-m0, .*rv32imc; a target of one's own")
    refused("targets", "nope.toml", message="there is no target nope.toml: check the path")


def test_what_a_named_target_lacks_is_said_with_its_packages(evonas: Evonas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    text = shown(evonas("targets", "rv32imc").stdout)
    assert re.search("tools +lacks .*qemu-system-riscv32: Debian packages gcc-riscv64-unknown-elf", text), text
