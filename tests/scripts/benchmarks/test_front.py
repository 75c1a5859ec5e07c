"""The benchmark compares what it says, for the same time, and repeats nothing. No test asserts a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from evonas.objectives import parse_objectives
from evonas.report.compare import Comparison
from evonas.run import start
from evonas.run.open import config_of, open_run
from evonas.run.plugins import create_space
from evonas.store import Record
from evonas.types import Task, UserError
from scripts.benchmarks.front import methods, schedule
from scripts.benchmarks.front.__main__ import main
from scripts.benchmarks.front.results import hypervolume_on_test
from scripts.benchmarks.front.schedule import Benchmark
from scripts.benchmarks.front.table import markdown
from search_spaces.cnn.founders import Spread

Script = Callable[..., Result]


#: Before the fixture makes it shorter.
COMMON = methods.COMMON


@pytest.fixture(scope="module", autouse=True)
def short_runs_of_small_networks() -> Iterator[None]:
    """Runs that a number of evaluations ends, long before their time, on a machine of any speed."""
    short = {"space_options": {"edges": [80, 400]}, "evaluations": 12}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(methods, "COMMON", {**methods.COMMON, **short})
        yield


def call(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    options = ["--dataset", "digits", "--minutes", 10, "--seeds", 1, "--jobs", 1, "--out", "out", *arguments]
    return CliRunner().invoke(app, [str(option) for option in options])


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Calls the script in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return call


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished benchmark of evolve-prune and random; not to be changed."""
    folder = tmp_path_factory.mktemp("benchmark")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        result = call("--methods", "evolve-prune,random")
    assert result.exit_code == 0, result.output
    return folder / "out"


@pytest.fixture
def copied(finished: Path, script: Script) -> None:
    """The folder ``out`` is a copy of ``finished``."""
    shutil.copytree(finished, "out")


@pytest.fixture
def short_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generations of two networks that are trained for an epoch."""
    short = {**methods.SETTINGS["cnn"], "population": 2, "children": 2, "epochs": 1, "evaluations": 4}
    monkeypatch.setattr(methods, "SETTINGS", {**methods.SETTINGS, "cnn": short})


def records(directory: Path) -> list[Record]:
    with open_run(directory) as run:
        return run.store.records()


class Interrupting:
    """Ctrl-C after the first evaluation."""

    def begun(self, *_: object) -> None: ...

    def asked(self, *_: object) -> None: ...

    def told(self) -> None: ...

    def evaluated(self, _: object) -> None:
        raise KeyboardInterrupt


def test_runs_fronts_plot_and_table_are_written(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    runs = {"digits-evolve-prune-0-founders", "digits-evolve-prune-0", "digits-random-0"}
    assert names == runs | {"digits.json", "digits.png", "digits.md"}
    document = json.loads((finished / "digits.json").read_text())
    told = ("dataset", "setting", "teacher", "minutes", "jobs")
    assert [document[key] for key in told] == ["digits", None, None, 10, 1]
    assert list(document["methods"]) == ["evolve-prune", "random"]
    for (run,) in document["methods"].values():
        assert list(run) == [
            "seed", "seconds", "networks", "edge_updates", "hypervolume", "test_hypervolume", "front"
        ]
        assert 0 < run["test_hypervolume"] <= document["reference"]["flops"]
        assert run["hypervolume"] > 0
        assert run["networks"] >= len(run["front"])
        assert run["seconds"] > 0
        assert run["edge_updates"] > 0
        for cheaper, better in pairwise(run["front"]):
            assert cheaper["flops"] < better["flops"]
        for member in run["front"]:
            assert list(member) == ["edges", "params", "flops", "val_accuracy", "test_accuracy"]
            assert 0 <= member["test_accuracy"] <= 1
    assert (finished / "digits.md").read_text() == markdown(document)


def test_a_seeded_search_shares_its_time_with_its_founders_and_counts_what_they_cost(finished: Path) -> None:
    (result,) = json.loads((finished / "digits.json").read_text())["methods"]["evolve-prune"]
    founders, run = finished / "digits-evolve-prune-0-founders", finished / "digits-evolve-prune-0"
    limits = [config_of(path).time_limit or 0 for path in (founders, run)]
    assert sum(limits) == config_of(finished / "digits-random-0").time_limit
    with open_run(run) as opened:
        assert [Path(source.run).name for source in opened.store.info.seeds] == [founders.name]
    own = [r for r in records(run) if r.operator != "seed"]
    spent = sum(r.metrics["edge_updates"] for r in (*records(founders), *own) if r.status == "ok")
    assert result["edge_updates"] == pytest.approx(spent)


def test_only_its_time_ends_a_method_and_only_one_search_has_a_family_of_a_size(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "COMMON", COMMON)
    for name in methods.METHODS:
        configs = [search.config for search in Benchmark("d", 2, 1, 1, [name], None, Path()).searches()]
        assert sum(config.time_limit or 0 for config in configs) == pytest.approx(120)
        for config in configs:
            assert config.evaluations is None
            assert config.generations == 1_000_000 or config.seeder == "relevance"


def test_every_method_of_a_seed_comes_before_the_next_seed() -> None:
    benchmark = Benchmark("d", 1, 1, 2, ["evolve-local", "set"], None, Path())
    names = [search.directory.name for search in benchmark.searches()]
    of_seed = ["d-evolve-local-{}-founders", "d-evolve-local-{}", "d-set-{}"]
    assert names == [name.format(seed) for seed in (0, 1) for name in of_seed]


@pytest.mark.parametrize("name", methods.SETTINGS)
def test_settings_of_a_data_set_hold_for_every_method_beside_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "COMMON", {"space": "neuron", "seed": 9})
    config = methods.Stage(name).config(dataset="cifar10")
    assert (config.recipe.shift, config.recipe.flip, config.seed) == (2, True, 9)
    assert config.population == methods.SETTINGS[name].get("population", 12)
    bounds = {"edges": [5_000, 500_000], "founder_edges": [5_000, 500_000]}
    assert config.space_options == {**bounds, **methods.SETTINGS[name].get("space_options", {})}
    stored = json.loads(json.dumps(config.to_json()))
    assert (stored["training"], stored["space_options"]) == (config.training, config.space_options)
    assert methods.settings_of("cifar10").budgets[-1] == 500_000
    assert methods.settings_of("folder/digits.npz") == methods.DatasetSettings()


def test_a_data_set_says_for_how_long_methods_train_a_network() -> None:
    epochs = {name: methods.Stage(name).config(dataset="mnist").epochs for name in methods.SETTINGS}
    wanted = methods.settings_of("mnist").epochs
    assert {name: epochs[name] for name in wanted} == dict(wanted)
    for name in methods.SETTINGS.keys() - wanted.keys():
        assert epochs[name] == methods.Stage(name).config(dataset="digits").epochs


def test_parts_are_taken_away_from_an_evolution_with_its_own_epochs() -> None:
    evolve = methods.Stage("evolve").config(dataset="fashion-mnist")
    for name in methods.ABLATIONS.keys() - {"rungs", "confirmed", "evolve-halving", "evolve-hyperband"}:
        assert methods.Stage(name).config(dataset="fashion-mnist").epochs == evolve.epochs == 18


@pytest.mark.parametrize("name", methods.ABLATIONS)
def test_every_ablation_can_be_run_and_differs_from_evolve(name: str) -> None:
    ablated, whole = (methods.Stage(stage).config(dataset="digits") for stage in (name, "evolve"))
    assert start.assemble(ablated, Path("run")).config != start.assemble(whole, Path("run")).config


@pytest.mark.usefixtures("copied")
def test_a_killed_benchmark_goes_on_and_repeats_no_finished_run(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = records(Path("out/digits-random-0"))
    with monkeypatch.context() as patched:
        patched.setattr(schedule, "evolve", partial(start.evolve, observers=[Interrupting()]))
        result = script("--methods", "evolve-prune,random,set")
    assert result.exit_code == 130, result.output
    assert "the same command goes on" in result.stdout
    begun = records(Path("out/digits-set-0.unfinished"))  # those that were stored together
    assert script("--methods", "evolve-prune,random,set").exit_code == 0
    assert records(Path("out/digits-random-0")) == finished
    assert records(Path("out/digits-set-0"))[: len(begun)] == begun
    assert len(records(Path("out/digits-set-0"))) > len(begun) > 0
    assert list(json.loads(Path("out/digits.json").read_text())["methods"]) == ["evolve-prune", "random", "set"]


@pytest.mark.usefixtures("copied")
def test_runs_with_other_settings_are_never_mixed_in(script: Script) -> None:
    result = script("--methods", "random,evolve-prune", "--minutes", 20)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "digits-random-0 was made with time_limit = 600.0, expected 1200.0: choose another --out" in line


@pytest.mark.usefixtures("copied")
def test_results_of_other_methods_are_not_lost(script: Script) -> None:
    result = script("--methods", "set")
    assert result.exit_code == 2
    assert "out/digits.json has results of evolve-prune, random, which these would replace" in result.stderr
    Path("out/digits.json").write_text("{")
    result = script("--methods", "set")
    assert result.exit_code == 2
    assert "cannot read out/digits.json, where results will be written" in result.stderr
    assert not Path("out/digits-set-0").exists()


@pytest.mark.usefixtures("copied")
def test_with_a_teacher_all_is_done_once_more_under_another_name(script: Script) -> None:
    finished = {path: path.stat().st_mtime_ns for path in Path("out").iterdir() if path.is_file()}
    result = script("--methods", "random,set", "--teacher", "out/digits-random-0")
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    document = json.loads(Path("out/digits-distilled.json").read_text())
    assert [document[key] for key in ("dataset", "teacher")] == ["digits", "digits-random-0"]
    for method, (run,) in document["methods"].items():
        with open_run(Path(f"out/digits-distilled-{method}-0")) as opened:
            teacher, (source,) = opened.store.info.teacher, opened.store.info.seeds
        assert teacher is not None
        assert Path(teacher.run).name == Path(source.run).name == "digits-random-0"
        own = sum(r.metrics["edge_updates"] for r in records(Path(f"out/digits-distilled-{method}-0")))
        assert run["edge_updates"] == pytest.approx(own + (source.spent.edge_updates or 0))
    assert "all distilled from digits-random-0, whose cost is counted" in Path("out/digits-distilled.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--teacher", "nowhere"], "nowhere is not a run"),
        (["--methods", "evolv"], "unknown method 'evolv', did you mean 'evolve'?"),
        (["--methods", ","], "--methods names none, there are: evolve-prune, "),
        (["--dataset", "digit"], "did you mean 'digits'?"),
        (["--minutes", 0], "--minutes must be a positive number, got 0"),
        (["--dataset", "own.npz"], "expected a classification data set, got a regression: own.npz"),
        (["--setting", "moved"], "digits has no setting 'moved': leave it out"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(script: Script, options: list[object], message: str) -> None:
    np.savez("own.npz", x_train=np.zeros((90, 5)), y_train=np.arange(90.0))
    named = [] if "--methods" in options else ["--methods", "random"]
    result = script(*named, *options)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not Path("out").exists()


def test_a_method_without_its_seeder_is_refused_and_left_out_where_none_was_named(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "SETTINGS", {**methods.SETTINGS, "relevance": {"searcher": "random", "seeder": "x"}})
    result = script("--methods", "evolve-relevance")
    assert result.exit_code == 2
    assert "the method evolve-relevance cannot take part (the space neuron has no seeder 'x'" in result.stderr
    result = script("--minutes", 0)  # ends before any run
    assert "note: the method evolve-relevance is left out: the space neuron has no seeder 'x'" in result.stderr


def test_a_method_whose_seeder_refuses_the_samples_is_left_out(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise UserError("no grid")

    monkeypatch.setattr(Spread, "__call__", refuse)
    assert "the method cnn cannot take part (no grid): leave it out" in script("--methods", "cnn").stderr
    assert "note: the method cnn is left out: no grid" in script("--minutes", 0).stderr


def test_convolutional_networks_are_left_out_where_samples_are_no_images(script: Script) -> None:
    np.savez("own.npz", x_train=np.random.default_rng(0).random((90, 13)), y_train=np.arange(90) % 3)
    result = script("--dataset", "own.npz", "--methods", "random,cnn")
    assert result.exit_code == 2
    assert "the method cnn cannot take part (search space 'cnn': convolutions need images" in result.stderr
    result = script("--dataset", "own.npz", "--minutes", 0)  # ends before any run
    assert "note: the method cnn is left out: search space 'cnn': convolutions need images" in result.stderr


@pytest.mark.usefixtures("short_convolutions")
def test_convolutional_networks_go_on_when_killed_and_stand_in_table_json_and_plot(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schedule, "evolve", partial(start.evolve, observers=[Interrupting()]))
        assert script("--methods", "cnn,random").exit_code == 130
    begun = records(Path("out/digits-cnn-0.unfinished"))
    result = script("--methods", "cnn,random")
    assert result.exit_code == 0, result.output
    assert records(Path("out/digits-cnn-0"))[: len(begun)] == begun
    assert 0 < len(begun) < 4
    (run,) = json.loads(Path("out/digits.json").read_text())["methods"]["cnn"]
    assert run["networks"] == len(records(Path("out/digits-cnn-0"))) == 4
    assert run["edge_updates"] is None
    for member in run["front"]:
        assert member["flops"] == 2 * member["edges"]
        assert 0 < member["test_accuracy"] <= 1
    rows = [line for line in Path("out/digits.md").read_text().splitlines() if line.startswith("| cnn ")]
    assert rows[0].endswith(f"| {run['networks']} | - |")
    assert Path("out/digits.png").stat().st_size > 0


@pytest.mark.parametrize("dataset", ["fashion-mnist", "cifar10"])
def test_convolutional_networks_are_as_large_and_see_images_moved_as_those_of_neurons(
    dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "COMMON", {"space": "neuron"})
    task = Task("classification", (1, 28, 28) if dataset == "fashion-mnist" else (3, 32, 32), 10)
    neurons, convolutions = (methods.Stage(name).config(dataset) for name in ("prune", "cnn"))
    assert (neurons.space, convolutions.space) == ("neuron", "cnn")
    assert (neurons.recipe.shift, neurons.recipe.flip) == (convolutions.recipe.shift, convolutions.recipe.flip)
    pruned, spread = (
        create_space(c.space, task, c.space_options).seeders[c.seeder]  # type: ignore[attr-defined]
        for c in (neurons, convolutions)
    )
    assert pruned.setting.edges == spread.edges
    assert methods.settings_of(dataset).budgets[-1] <= spread.edges[1]


@pytest.mark.usefixtures("short_convolutions")
def test_a_setting_of_a_data_set_has_runs_and_results_of_its_own(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = methods.DATASETS["mnist-weights"]
    small = {"edges": [80, 400], "founder_edges": [80, 400]}
    changed = weights._replace(
        budgets=(150, 400), settings={**weights.settings, "space_options": small, "constraints": ["flops<=600"]}
    )
    monkeypatch.setattr(methods, "DATASETS", {"digits-weights": changed})
    monkeypatch.setattr(methods, "COMMON", {"space": "neuron", "generations": 1000, "evaluations": 12})
    result = script("--methods", "random,cnn", "--setting", "weights")
    assert result.exit_code == 0, result.output
    assert config_of(Path("out/digits-weights-random-0")).objectives == ("trainval_error", "flops", "params")
    document = json.loads(Path("out/digits-weights.json").read_text())
    assert (document["dataset"], document["setting"]) == ("digits", "weights")
    for (run,) in document["methods"].values():
        assert all(member["flops"] <= 600 for member in run["front"])
        for fewer, better in pairwise(run["front"]):
            assert fewer["params"] < better["params"]
    text = Path("out/digits-weights.md").read_text()
    assert text.startswith("**digits, weights**")
    assert "under each number of trained values" in text
    assert "| ≤ 150 | ≤ 400 |" in text


@pytest.mark.parametrize("name", methods.SETTINGS)
def test_images_are_moved_for_every_method_where_the_setting_says_so(name: str) -> None:
    moved, plain = (methods.Stage(name).config("mnist", setting) for setting in ("moved", None))
    assert (moved.recipe.shift, plain.recipe.shift) == (1, 0)
    assert (moved.recipe.of_size(2_000).shift, moved.recipe.of_size(900).shift) == (1, 0)
    weights = methods.Stage(name).config("mnist", "weights")
    assert weights.recipe.shift == 1
    if "objectives" not in methods.SETTINGS[name]:  # as an ablation has
        assert weights.objectives == ("trainval_error", "flops", "params")
    assert weights.constraints == ("flops<=120000", "params>=450")


def test_the_table_takes_the_best_by_validation_under_each_budget() -> None:
    def member(edges: int, val_accuracy: float, test_accuracy: float) -> dict[str, Any]:
        return {"edges": edges, "flops": 2 * edges, "val_accuracy": val_accuracy, "test_accuracy": test_accuracy}

    def run(seed: int, *front: dict[str, Any]) -> dict[str, Any]:
        return {"seed": seed, "seconds": 60.0, "networks": 9, "edge_updates": 2e9, "front": list(front)}

    runs = [
        run(0, member(1000, 0.80, 0.79), member(2000, 0.85, 0.77)), run(1, member(2650, 0.9, 0.81))
    ]
    methods = {"prune": runs, "set": [run(0)]}
    text = markdown({"dataset": "d", "setting": None, "teacher": None, "minutes": 1.0, "jobs": 2, "methods": methods})
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in text.splitlines() if line.startswith("| ")}
    assert rows["| prune"] == ["79.00 (1 of 2)", *["79.00 ± 2.83"] * 4, "60 ± 0", "9 ± 0", "2 ± 0 |"]
    assert rows["| set"] == [*["-"] * 5, "60", "9", "2 |"]
    assert "- `prune`: 100% of the time prune (" in text
    assert "ypervolume" not in text  # results from before they were measured


def test_hypervolumes_stand_beside_their_reference_point() -> None:
    run = {"seed": 0, "seconds": 60.0, "networks": 9, "edge_updates": 2e9, "front": [], "hypervolume": 3.25,
           "test_hypervolume": 3.0}
    told = {"setting": "searchers", "teacher": None, "minutes": 2.0, "jobs": 2}
    text = markdown({
        "dataset": "fashion-mnist", **told, "reference": {"val_error": 1.0, "flops": 1e6}, "logarithmic": ["flops"],
        "methods": {"evolve": [run, {**run, "hypervolume": 3.75}], "evolve-prescreen": [run]},
    })
    assert "| hypervolume, validation | hypervolume, test | seconds |" in text
    assert "| 3.5000 ± 0.3536 | 3.0000 ± 0.0000 | 60 ± 0 |" in text
    assert "Hypervolumes are up to val_error = 1, flops = 1e+06, with log10 of flops;" in text
    assert "- `evolve-prescreen`: 100% of the time evolve-prescreen (searcher = nsga2" in text


def test_the_hypervolume_on_test_is_that_of_the_front_with_its_test_errors() -> None:
    objectives = parse_objectives(["val_error", "flops"], [], ["val_error", "flops"])
    comparison = Comparison(objectives, {"val_error": 1.0, "flops": 1e4}, (), {})
    members = [
        (Record(i, 3, 0, "sample", (), "ok", {"val_error": 0.3, "flops": flops}, 0.5, 1.0, None), accuracy)
        for i, (flops, accuracy) in enumerate([(1e2, 0.5), (1e3, 0.7)])
    ]
    assert hypervolume_on_test(comparison, members) == pytest.approx(0.5 * 2 + 0.2 * 1)
    assert hypervolume_on_test(comparison, []) == 0


def test_the_table_tells_what_a_data_set_sets_for_every_method() -> None:
    told = {"setting": None, "teacher": None, "minutes": 1.0, "jobs": 2}
    document: dict[str, Any] = {"dataset": "cifar10", **told, "methods": {"prune": []}}
    text = markdown(document)
    assert "population = 12, children = 8, training = {'shift': 2" in text
    assert "| ≤ 10 000 | ≤ 25 000 |" in text
    assert "beside their own" not in markdown({**document, "dataset": "d"})
