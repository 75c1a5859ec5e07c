"""Seeding is a run: families trained by ``evonas seed``, and searches that begin with the fronts of other runs."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clock import Clock
from filelock import FileLock
from signalled import signalled
from typer.testing import Result

from evonas.data import load
from evonas.evaluation.metrics import measure
from evonas.evaluation.training import predict
from evonas.run.open import open_run
from evonas.runtimes.compiled import find_compiler
from evonas.store import RunStore
from tests.evonas.cli.conftest import call

Evonas = Callable[..., Result]
Contents = Callable[[Path], list[Any]]
FAMILY = ["--method", "prune", "--founder-edges", "200,1500", "--members", 7, "--epochs", 8, "--seed", 2]
NUMBERS = ["--population", 6, "--children", 4, "--generations", 2, "--epochs", 2]


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``FAMILY``, never interrupted; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "pruned"
    result = call("seed", *FAMILY, "--out", directory)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def seeded(evonas: Evonas, pruned: Path) -> Path:
    """A run that began with the front of ``pruned``."""
    result = evonas("evolve", "--seed-from", pruned, *NUMBERS, "--out", "seeded")
    assert result.exit_code == 0, result.output
    return Path("seeded")


def rows(evonas: Evonas, run: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(evonas("front", run, "--json").stdout)
    return rows


# -- evonas seed


def test_a_seed_run_trains_as_many_members_as_asked_over_the_range_of_edges(pruned: Path) -> None:
    with open_run(pruned) as run:
        records = run.store.records()
        dense = [run.store.individual(r.id).genotype.n_edges for r in records]
    edges = [r.metrics["edges"] for r in records]
    assert len(records) == 7
    assert {r.operator for r in records} == {"prune"}
    assert min(edges) < 350
    assert 900 < max(edges) <= 1500
    assert all(before >= 4 * after for before, after in zip(dense, edges, strict=True))


def test_the_seeders_training_is_the_runs_and_the_users_stands_above_it(evonas: Evonas) -> None:
    Path("own.toml").write_text("[training]\nweight_decay = 0.01\n[training.pruning]\nend = 0.5\n")
    assert evonas("seed", "own.toml", "--method", "prune", "--members", 2, "--epochs", 3, "--out", "r").exit_code == 0
    with open_run(Path("r")) as run:
        recipe = run.config.recipe
    assert recipe.weight_decay == 0.01
    assert recipe.pruning is not None
    assert (recipe.pruning.end, recipe.pruning.every) == (0.5, 50)


def test_the_file_decides_what_the_command_line_of_seed_leaves_open(evonas: Evonas) -> None:
    Path("own.toml").write_text("seeder = 'prune'\nepochs = 3\ntime_limit = 0.001\n")
    assert "The time limit is reached" in evonas("seed", "own.toml").stdout
    with open_run(Path("runs/prune-digits-0")) as run:
        config = run.config
    assert (config.searcher, config.epochs) == ("random", 3)
    assert config.population + config.generations * config.children > 1000
    assert evonas("seed", "own.toml", "--method", "random", "--epochs", 2, "--out", "r").exit_code == 0
    with open_run(Path("r")) as run:
        assert (run.config.seeder, run.config.epochs) == ("random", 2)


def test_a_seed_run_at_its_time_limit_goes_on_to_the_same_end(evonas: Evonas, pruned: Path, contents: Contents) -> None:
    assert "evonas resume r --time-limit" in evonas("seed", *FAMILY, "--time-limit", 0.001, "--out", "r").stdout
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert contents(Path("r")) == contents(pruned)


def test_a_killed_seed_run_with_two_workers_goes_on_to_the_same_end(
    evonas: Evonas, pruned: Path, contents: Contents
) -> None:
    done = signalled(signal.SIGKILL, "generation 0/1: front", "seed", *FAMILY, "--jobs", 2, "--out", "r", seconds=0.1)
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert len(contents(Path("r"))) < len(contents(pruned))
    assert evonas("resume", "r").exit_code == 0
    assert contents(Path("r")) == contents(pruned)


def test_without_a_number_of_members_a_family_is_as_long_as_the_time_lasts(evonas: Evonas, clock: Clock) -> None:
    clock.limits_end_after(40)
    edges = "--founder-edges", "60,90"
    result = evonas("seed", "--method", "random", *edges, "--epochs", 1, "--time-limit", 4, "--out", "r")
    assert "The time limit is reached" in result.stdout
    with open_run(Path("r")) as run:
        assert 40 <= len(run.store.records()) < 60


# -- evonas evolve --seed-from


def test_founders_are_the_seeds_front_with_the_same_metrics_weights_and_outputs(pruned: Path, seeded: Path) -> None:
    validation = load("digits").validation
    with open_run(pruned) as theirs, open_run(seeded) as ours:
        (source,) = ours.store.info.seeds
        founders = [r for r in ours.store.records() if r.operator == "seed"]
        assert [r.id for r in founders] == list(range(len(source.ids)))
        assert {(r.generation, r.parents) for r in founders} == {(0, ())}
        for record, id in zip(founders, source.ids, strict=True):
            member, original = ours.store.member(record.id), theirs.store.member(id)
            assert ours.store.individual(record.id).genotype == original.genotype
            assert member.evaluation.metrics == original.evaluation.metrics
            assert member.evaluation.seconds == original.evaluation.seconds
            weights = ours.store.weights(record.id, record.budget)
            assert weights is not None
            outputs = predict(ours.space, member.genotype, weights, validation)
            np.testing.assert_allclose(
                measure(outputs, validation, ours.task, "val")["val_loss"], record.metrics["val_loss"], rtol=1e-5
            )


def test_children_inherit_from_seeds_and_nothing_is_trained_twice(seeded: Path) -> None:
    with open_run(seeded) as run:
        records = run.store.records()
        n_seeds = len(run.store.info.seeds[0].ids)
    assert {r.budget for r in records if r.operator == "seed"} == {8}
    assert {r.budget for r in records if r.operator != "seed"} == {2}
    assert len(records) == n_seeds + 2 * 4
    assert all(r.parents[0] < r.id for r in records[n_seeds:])


def test_the_front_of_a_seeded_run_is_nowhere_behind_its_seeds(evonas: Evonas, pruned: Path, seeded: Path) -> None:
    ours = [(row["trainval_error"], row["flops"]) for row in rows(evonas, seeded)]
    with open_run(seeded) as run:
        (source,) = run.store.info.seeds
    seeds = [row for row in rows(evonas, pruned) if row["id"] in source.ids]
    assert len(seeds) == len(source.ids) > 1
    for row in seeds:
        assert any(error <= row["trainval_error"] and flops <= row["flops"] for error, flops in ours)


def test_seeds_below_the_last_rung_are_trained_on_at_this_runs_cost(evonas: Evonas, pruned: Path) -> None:
    options = ["--population", 6, "--children", 4, "--generations", 1, "--rungs", "2,10"]
    assert evonas("evolve", "--seed-from", pruned, *options, "--out", "r").exit_code == 0
    with open_run(Path("r")) as run:
        own = [r for r in run.store.records() if not r.imported]
    promoted = {r.id for r in own if r.operator == "seed"}
    assert promoted
    front = [(row["id"], row["budget"]) for row in rows(evonas, Path("r"))]
    assert len({id for id, _ in front}) == len(front)
    assert {budget for id, budget in front if id in promoted} <= {10}
    (entry,) = json.loads(evonas("compare", "r", pruned, "--json").stdout)["groups"]["r"]
    assert entry["evaluations"] == 7 + len(own)


def test_what_the_seeds_cost_is_kept_through_generations_of_runs(evonas: Evonas, pruned: Path, seeded: Path) -> None:
    with open_run(pruned) as run:
        first = run.store.records()
        elapsed = run.store.elapsed
    updates = sum(r.metrics["edge_updates"] for r in first)
    with open_run(seeded) as run:
        (source,) = run.store.info.seeds
        own = [r for r in run.store.records() if not r.imported]
    assert source.spent == pytest.approx((elapsed, sum(r.seconds for r in first), 7, updates))
    assert evonas("evolve", "--seed-from", seeded, *NUMBERS, "--generations", 0, "--out", "third").exit_code == 0
    assert f"members of {seeded.resolve()}, which took" in evonas("front", "third").stdout
    compared = json.loads(evonas("compare", "third", pruned, "--json").stdout)["groups"]
    (third,) = compared["third"]
    assert third["evaluations"] == 7 + len(own)
    assert third["edge_updates"] == pytest.approx(updates + sum(r.metrics["edge_updates"] for r in own))
    assert third["elapsed"] > compared["pruned"][0]["elapsed"]


def test_runs_that_seeded_each_other_give_each_founder_and_cost_once(
    evonas: Evonas, pruned: Path, seeded: Path
) -> None:
    both = ["--seed-from", pruned, "--seed-from", seeded, "--population", 30, "--generations", 0]
    assert evonas("evolve", *both, "--out", "r").exit_code == 0
    with open_run(pruned) as first, open_run(seeded) as second, open_run(Path("r")) as run:
        sources = run.store.info.seeds
        assert [source.run for source in sources] == [str(path.resolve()) for path in (pruned, seeded)]
        came = [(of.store, id) for of, source in zip((first, second), sources, strict=True) for id in source.ids]
        genotypes = [run.store.individual(r.id).genotype for r in run.store.records()]
        assert genotypes == [store.member(id).genotype for store, id in came]
        assert len({genotype.digest for genotype in genotypes}) == len(genotypes)
        n_own = sum(not r.imported for r in second.store.records())
    assert [source.spent.evaluations for source in sources] == [7, n_own]


def test_the_best_of_several_seed_runs_are_taken_up_to_the_population(evonas: Evonas, pruned: Path) -> None:
    other = ["--method", "rigl", "--founder-edges", "60,600", "--members", 6, "--epochs", 8]
    assert evonas("seed", *other, "--out", "rigl").exit_code == 0
    both = ["--seed-from", pruned, "--seed-from", "rigl", "--population", 4, "--generations", 0]
    assert evonas("evolve", *both, "--out", "r").exit_code == 0
    with open_run(Path("r")) as run:
        assert [Path(source.run).name for source in run.store.info.seeds] == ["pruned", "rigl"]
        assert sum(len(source.ids) for source in run.store.info.seeds) == 4 == len(run.store.records())


def test_a_seeded_run_needs_its_seeds_no_more_and_resumes_exactly(
    evonas: Evonas, pruned: Path, seeded: Path, contents: Contents
) -> None:
    shutil.copytree(pruned, "copy")
    options = ["--seed-from", "copy", *NUMBERS, "--time-limit", 0.001]
    assert "time limit is reached" in evonas("evolve", *options, "--out", "r").stdout
    shutil.rmtree("copy")
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert contents(Path("r")) == contents(seeded)


def test_an_import_that_fails_leaves_no_run(
    evonas: Evonas, pruned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RunStore, "add_evaluations", interrupted)
        assert evonas("evolve", "--seed-from", pruned, *NUMBERS, "--out", "r").exit_code == 130
    assert list(tmp_path.iterdir()) == []


# -- bad input


def refused(evonas: Evonas, *arguments: object) -> str:
    """The one sentence with which a command is refused; nothing is written."""
    before = sorted(Path().rglob("*"))
    result = evonas(*arguments)
    assert result.exit_code == 2, result.output
    assert sorted(path for path in Path().rglob("*") if path.suffix != ".lock") == [
        path for path in before if path.suffix != ".lock"
    ]
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("split_seed = 1", "has another split_seed than this one: expected 1, got 0"),
        ("n_train = 500", "has another data set, n_train or n_validation (fingerprint) than this one"),
        ("objectives = ['val_loss', 'flops']", "another list of objectives than this one: expected val_loss,flops"),
        ("[space_options]\nnorm = 'none'", "has another norm than this one: expected none, got layer-affine"),
        ("dataset = 'own.npz'", "has another input shape than this one: expected (5,), got (1, 8, 8)"),
        ("constraints = ['flops<=100']", "has an empty front: no evaluation has succeeded and keeps the constraints"),
        ("constraints = ['int8_flash<=20000']", "did not measure int8_flash of its individual"),
        ("searcher = 'random'", "only the searcher nsga2 can be seeded from runs, got 'random'"),
    ],
)
def test_a_seed_run_that_does_not_fit_is_refused(evonas: Evonas, pruned: Path, toml: str, message: str) -> None:
    np.savez("own.npz", x_train=np.random.default_rng(0).normal(size=(90, 5)), y_train=np.arange(90) % 3)
    Path("run.toml").write_text(toml)
    assert message in refused(evonas, "evolve", "run.toml", "--seed-from", pruned, "--out", "r")


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
def test_what_was_measured_later_of_a_seed_run_keeps_its_bound_and_goes_on_to_the_next(
    evonas: Evonas, pruned: Path
) -> None:
    shutil.copytree(pruned, "copy")
    assert evonas("measure", "copy", "--latency-command", f"'{sys.executable}' -c 'print(1)'").exit_code == 0
    bound = ["--constraint", "int8_flash<=1e6"]
    for source, out in (("copy", "first"), ("first", "second")):
        result = evonas("evolve", "--seed-from", source, *bound, *NUMBERS, "--generations", 0, "--out", out)
        assert result.exit_code == 0, result.output
        assert all(0 < row["int8_flash"] <= 1e6 for row in rows(evonas, Path(out)))


def test_a_seed_run_of_a_space_that_this_one_cannot_take_is_refused(evonas: Evonas, pruned: Path) -> None:
    message = "has another search space than this one: expected cell, got neuron"
    assert message in refused(evonas, "evolve", "--space", "cell", "--seed-from", pruned, "--out", "r")


def test_a_seed_run_may_go_on_meanwhile(evonas: Evonas, pruned: Path) -> None:
    shutil.copytree(pruned, "copy")
    with FileLock("copy/run.lock"):
        assert evonas("evolve", "--seed-from", "copy", *NUMBERS, "--generations", 0, "--out", "r").exit_code == 0


def test_a_seed_run_named_twice_or_none_at_all_is_refused(evonas: Evonas, pruned: Path) -> None:
    shutil.copytree(pruned, "copy")
    twice = ["--seed-from", Path("copy").resolve(), "--seed-from", "copy"]
    assert "the seed run copy is named twice" in refused(evonas, "evolve", *twice, "--out", "r")
    assert "nowhere is not a run" in refused(evonas, "evolve", "--seed-from", "nowhere", "--out", "r")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "prun"], "the space neuron has no seeder 'prun', did you mean 'prune'?"),
        (["--founder-edges", "many"], "--founder-edges must be two whole numbers, like 1000,40000, got 'many'"),
        (["--founder-edges", "600,60"], "option founder_edges of the neuron space: expected (fewest, most)"),
    ],
)
def test_a_bad_option_of_seed_is_refused(evonas: Evonas, options: list[object], message: str) -> None:
    assert message in refused(evonas, "seed", *options, "--out", "r")


@pytest.mark.parametrize(
    ("toml", "names"), [("children = 9\npopulation = 9", "population, children"), ("searcher = 'nsga2'", "searcher")]
)
def test_a_file_for_another_search_is_refused(evonas: Evonas, toml: str, names: str) -> None:
    Path("run.toml").write_text(toml)
    message = f"`evonas seed` sets {names} itself: remove that from the file and give --members"
    assert message in refused(evonas, "seed", "run.toml", "--out", "r")


def test_a_seeder_for_another_searcher_is_refused(evonas: Evonas) -> None:
    Path("run.toml").write_text("seeder = 'prune'")
    message = "seeder must be 'random' unless searcher is, got 'prune' with 'nsga2'"
    assert message in refused(evonas, "evolve", "run.toml", "--out", "r")
