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
from benchmark_front import main
from front_benchmark import methods, schedule
from front_benchmark.schedule import Benchmark
from front_benchmark.table import markdown
from typer.testing import CliRunner, Result

from evonas import assembly
from evonas.opened import config_of, open_run
from evonas.store import Record

Script = Callable[..., Result]


@pytest.fixture(scope="module", autouse=True)
def small_networks() -> Iterator[None]:
    """So that every run has a front after a moment."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(methods, "EVERYBODY", {**methods.EVERYBODY, "space_options": {"edges": [80, 400]}})
        yield


def call(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(main)
    options = ["--dataset", "digits", "--minutes", 0.05, "--seeds", 1, "--jobs", 1, "--out", "out", *arguments]
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
    assert [document[key] for key in ("dataset", "teacher", "minutes", "jobs")] == ["digits", None, 0.05, 1]
    assert list(document["methods"]) == ["evolve-prune", "random"]
    for (run,) in document["methods"].values():
        assert list(run) == ["seed", "seconds", "edge_updates", "front"]
        assert run["seconds"] > 0
        assert run["edge_updates"] > 0
        for cheaper, better in pairwise(run["front"]):
            assert cheaper["flops"] < better["flops"]
        for member in run["front"]:
            assert list(member) == ["edges", "flops", "val_accuracy", "test_accuracy"]
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


def test_every_method_of_a_seed_comes_before_the_next_seed() -> None:
    benchmark = Benchmark("d", 1, 1, 2, ["evolve-local", "set"], None, Path())
    names = [search.directory.name for search in benchmark.searches()]
    of_seed = ["d-evolve-local-{}-founders", "d-evolve-local-{}", "d-set-{}"]
    assert names == [name.format(seed) for seed in (0, 1) for name in of_seed]


@pytest.mark.parametrize("name", methods.SETTINGS)
def test_settings_of_a_data_set_hold_for_every_method_beside_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "EVERYBODY", {"space": "neuron", "seed": 9})
    config = methods.Stage(name).config(dataset="cifar10")
    assert (config.recipe.shift, config.recipe.flip, config.seed) == (2, True, 9)
    assert config.population == methods.SETTINGS[name].get("population", 16)
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
        assert epochs[name] == methods.Stage(name).config(dataset="fashion-mnist").epochs


@pytest.mark.parametrize("name", methods.ABLATIONS)
def test_every_ablation_can_be_run_and_differs_from_evolve(name: str) -> None:
    ablated, whole = (methods.Stage(stage).config(dataset="digits") for stage in (name, "evolve"))
    assert assembly.assemble(ablated, Path("run")).config != assembly.assemble(whole, Path("run")).config


@pytest.mark.usefixtures("copied")
def test_a_killed_benchmark_goes_on_and_repeats_no_finished_run(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = records(Path("out/digits-random-0"))
    with monkeypatch.context() as patched:
        patched.setattr(schedule, "evolve", partial(assembly.evolve, observers=[Interrupting()]))
        result = script("--methods", "evolve-prune,random,set")
    assert result.exit_code == 130, result.output
    assert "the same command goes on" in result.stdout
    (begun,) = records(Path("out/digits-set-0.unfinished"))
    assert script("--methods", "evolve-prune,random,set").exit_code == 0
    assert records(Path("out/digits-random-0")) == finished
    assert records(Path("out/digits-set-0"))[0] == begun
    assert len(records(Path("out/digits-set-0"))) > 1
    assert list(json.loads(Path("out/digits.json").read_text())["methods"]) == ["evolve-prune", "random", "set"]


@pytest.mark.usefixtures("copied")
def test_runs_with_other_settings_are_never_mixed_in(script: Script) -> None:
    result = script("--methods", "random,evolve-prune", "--minutes", 0.1)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "digits-random-0 was made with time_limit = 3.0, expected 6.0: choose another --out" in line


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
    ],
)
def test_bad_input_is_refused_in_one_sentence(script: Script, options: list[object], message: str) -> None:
    np.savez("own.npz", x_train=np.zeros((90, 5)), y_train=np.arange(90.0))
    result = script("--methods", "random", *options)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert message in line
    assert not Path("out").exists()


def test_a_method_without_its_seeder_is_refused_and_left_out_where_none_was_named(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "SEEDERS", {name: None for name in methods.SEEDERS if name != "relevance"})
    result = script("--methods", "evolve-relevance")
    assert result.exit_code == 2
    assert "needs the seeder 'relevance', which the neuron space does not have" in result.stderr
    result = script("--minutes", 0)  # ends before any run
    assert "evolve-relevance needs the seeder 'relevance', which the neuron space does not have: it" in result.stderr


def test_the_table_takes_the_best_by_validation_under_each_budget() -> None:
    def member(edges: int, val_accuracy: float, test_accuracy: float) -> dict[str, Any]:
        return {"edges": edges, "flops": 2 * edges, "val_accuracy": val_accuracy, "test_accuracy": test_accuracy}

    def run(seed: int, *front: dict[str, Any]) -> dict[str, Any]:
        return {"seed": seed, "seconds": 60.0, "edge_updates": 2e9, "front": list(front)}

    runs = [
        run(0, member(1000, 0.80, 0.79), member(2000, 0.85, 0.77)), run(1, member(2650, 0.9, 0.81))
    ]
    methods = {"prune": runs, "set": [run(0)]}
    text = markdown({"dataset": "d", "teacher": None, "minutes": 1.0, "jobs": 2, "methods": methods})
    rows = {line.split(" | ")[0]: line.split(" | ")[1:] for line in text.splitlines() if line.startswith("| ")}
    assert rows["| prune"] == ["79.00 (1 of 2)", *["79.00 ± 2.83"] * 4, "60 ± 0", "2 ± 0 |"]
    assert rows["| set"] == [*["-"] * 5, "60", "2 |"]
    assert "- `prune`: 100% of the time prune (" in text


def test_the_table_tells_what_a_data_set_sets_for_every_method() -> None:
    document = {"dataset": "cifar10", "teacher": None, "minutes": 1.0, "jobs": 2, "methods": {"prune": []}}
    text = markdown(document)
    assert "Settings of all methods beside their own: population = 16, children = 8, training = {'shift': 2" in text
    assert "| ≤ 10 000 | ≤ 25 000 |" in text
    assert "beside their own" not in markdown({**document, "dataset": "d"})
