"""``evonas seed`` with a method that is one training for the whole family."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from signalled import signalled
from sklearn.datasets import load_diabetes
from typer.testing import CliRunner, Result

from evonas.cli.app import app
from evonas.run.open import open_run

Evonas = Callable[..., Result]
Contents = Callable[[Path], list[Any]]
#: Two starts, each with networks of its own.
FAMILY = ["--method", "relevance", "--founder-edges", "80,2000", "--members", 13, "--search-epochs", 4, "--epochs", 8]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of ``FAMILY``, never interrupted; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "whole"
    result = CliRunner().invoke(app, ["seed", *map(str, FAMILY), "--out", str(directory)])
    assert result.exit_code == 0, result.output
    return directory


def test_members_are_trained_from_one_searchs_weights_over_the_range_of_edges(whole: Path) -> None:
    with open_run(whole) as run:
        records = run.store.records()
        assert run.config.search_epochs == 4
    assert {r.operator for r in records} == {"relevance"}
    assert [sorted(r.id for r in records if r.budget == budget) for budget in (0, 8)] == [[*range(13)]] * 2
    edges = sorted(r.metrics["edges"] for r in records if r.budget == 8)
    assert 70 < edges[0] < 150
    assert 1000 < edges[-1] <= 2000
    first = {r.id: r.metrics["edges"] for r in records if r.budget == 0}
    assert all(first[r.id] >= 3 * r.metrics["edges"] for r in records if r.budget == 8), "they are not pruned yet"
    error = np.mean([r.metrics["val_error"] for r in records if r.budget == 8])
    assert error < 0.3


@pytest.mark.parametrize(
    ("moment", "seconds"), [("search, epoch 5/8", 0.0), ("generation 0/2: front", 0.1)], ids=["stage 1", "stage 2"]
)
def test_a_run_that_was_killed_with_two_workers_goes_on_to_the_same_end(
    evonas: Evonas, whole: Path, contents: Contents, moment: str, seconds: float
) -> None:
    done = signalled(signal.SIGKILL, moment, "seed", *FAMILY, "--jobs", 2, "--out", "r", seconds=seconds)
    assert done.returncode == -signal.SIGKILL, done.stdout
    before = len(contents(Path("r")))
    assert evonas("resume", "r").exit_code == 0
    assert contents(Path("r")) == contents(whole)
    assert before == 1 if moment.startswith("search") else 1 < before < len(contents(whole))


def test_the_time_limit_counts_the_search_and_can_be_raised(evonas: Evonas, whole: Path, contents: Contents) -> None:
    result = evonas("seed", *FAMILY, "--time-limit", 0.001, "--out", "r")
    assert result.exit_code == 0, result.output
    assert "evonas resume r --time-limit" in result.stdout
    assert evonas("resume", "r", "--time-limit", 1000).exit_code == 0
    assert contents(Path("r")) == contents(whole)


def test_what_the_search_cost_is_in_the_comparison(evonas: Evonas, whole: Path) -> None:
    assert evonas("evolve", "--seed-from", whole, "--population", 5, "--children", 3, "--generations", 1,
                  "--epochs", 2, "--out", "r").exit_code == 0
    compared = json.loads(evonas("compare", "r", whole, "--json").stdout)["groups"]
    with open_run(whole) as run, open_run(Path("r")) as child:
        records, ours = run.store.records(), child.store.records()
        (source,) = child.store.info.seeds
    searched = sum(r.metrics["edge_updates"] for r in records if r.budget == 0)
    trained = sum(r.metrics["edge_updates"] for r in records if r.budget == 8)
    assert searched > 0
    (family,), (evolved,) = compared["whole"], compared["r"]
    assert family["edge_updates"] == pytest.approx(searched + trained)
    assert family["elapsed"] == max(r.elapsed for r in records) > 0
    own = [r for r in ours if not r.imported]
    assert evolved["edge_updates"] == pytest.approx(
        searched + trained + sum(r.metrics["edge_updates"] for r in own)
    )
    assert {r.budget for r in ours if r.imported} == {8}
    assert len(source.ids) == sum(r.imported for r in ours) > 1


def test_a_poisoned_test_set_changes_nothing(evonas: Evonas, contents: Contents) -> None:
    rng = np.random.default_rng(0)
    train = {"x_train": rng.normal(size=(90, 5)), "y_train": np.arange(90) % 3}
    poison = {"x_test": np.full((4, 5), 1e30), "y_test": np.full(4, 2)}
    test = {"x_test": rng.normal(size=(9, 5)), "y_test": np.arange(9) % 3}
    for name, held_out in (("clean", test), ("poisoned", poison)):
        np.savez(f"{name}.npz", allow_pickle=True, **train, **held_out)
        numbers = ["--founder-edges", "12,60", "--members", 3, "--search-epochs", 2, "--epochs", 2]
        result = evonas("seed", "--method", "relevance", "--dataset", f"{name}.npz", *numbers, "--out", name)
        assert result.exit_code == 0, result.output
    assert contents(Path("poisoned")) == contents(Path("clean"))


def test_the_prior_of_the_gates_can_be_chosen(evonas: Evonas) -> None:
    numbers = ["--founder-edges", "80,100", "--members", 2, "--search-epochs", 1, "--epochs", 1]
    numbers += ["--method", "relevance"]
    Path("run.toml").write_text('[search_options]\nprior = "hard-concrete"\n')
    found = {}
    for prior, settings in (("dirichlet", []), ("hard-concrete", ["run.toml"])):
        assert evonas("seed", *settings, *numbers, "--out", prior).exit_code == 0
        with open_run(Path(prior)) as run:
            assert run.config.search_options == {"prior": prior}
            found[prior] = [run.store.individual(id).genotype for id in range(2)]
    assert found["dirichlet"] != found["hard-concrete"]


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table for a regression: 442 patients, 10 features, and how the disease went."""
    x, y = load_diabetes(return_X_y=True)
    path = tmp_path_factory.mktemp("data") / "diabetes.csv"
    columns = [*(f"x{i}" for i in range(x.shape[1])), "progression"]
    np.savetxt(path, np.column_stack([x, y]), delimiter=",", header=",".join(columns), comments="")
    return path


def test_a_table_is_regressed_with_one_simplex_a_vertex(evonas: Evonas, diabetes: Path) -> None:
    result = evonas("seed", "--method", "vertex-relaxation", "--dataset", diabetes, "--target", "progression",
                    "--founder-edges", "20,120", "--members", 3, "--search-epochs", 20, "--epochs", 30,
                    "--search-option", "functions=identity,dense-relu", "--search-option", "vertices=2",
                    "--search-option", "prior=entropy", "--out", "r")
    assert result.exit_code == 0, result.output
    with open_run(Path("r")) as run:
        options = run.config.search_options
        assert list(options["functions"]) == ["identity", "dense-relu"]
        assert (options["vertices"], options["prior"], options["learn_decay"]) == (2, "entropy", True)
        records = [record for record in run.store.records() if record.budget == 30]
        assert {record.operator for record in records} == {"vertex-relaxation"}
        edges = sorted(record.metrics["edges"] for record in records)
        assert 15 < edges[0] < edges[-1] <= 120
        error = min(record.metrics["val_mse"] for record in records)
    assert error < 0.75 * np.loadtxt(diabetes, delimiter=",", skiprows=1)[:, -1].var()


def test_a_killed_search_by_vertices_goes_on_to_the_same_end(
    evonas: Evonas, contents: Contents, diabetes: Path
) -> None:
    options = ["--method", "vertex-relaxation", "--dataset", diabetes, "--target", "progression",
               "--founder-edges", "12,400", "--members", 5, "--search-epochs", 10, "--epochs", 2]
    assert evonas("seed", *options, "--out", "whole").exit_code == 0
    done = signalled(signal.SIGKILL, "search, epoch 11/20", "seed", *options, "--out", "r")
    assert done.returncode == -signal.SIGKILL, done.stdout
    assert Path("r/seeder/start-0.safetensors").exists()
    assert evonas("resume", "r").exit_code == 0
    assert contents(Path("r")) == contents(Path("whole"))


@pytest.mark.parametrize(("options", "message"), [
    (["--method", "vertex-relaxation", "--search-option", "functions=relu"], "functions must be a list"),
    (["--method", "vertex-relaxation", "--search-option", "functions=relu,identity"],
     "search_options: functions must be different ones, dense or dense-relu among them"),
    (["--method", "vertex-relaxation", "--search-option", "functions=dense,tanh"], "functions.1 must be 'identity'"),
    (["--method", "vertex-relaxation", "--search-option", "vertice=2"], "did you mean 'vertices'?"),
    (["--method", "vertex-relaxation", "--search-option", "epochs=2"], "which is a setting of a run: give --epochs"),
    (["--method", "vertex-relaxation", "--search-option", "candidates=3"],
     "leave it out, or give --search-option candidates=VALUE to `evonas seed --method "),
    (["--method", "vertex-relaxation", "--search-option", "=2"], "cannot read --search-option"),
    (["--method", "prune", "--search-option", "prior=entropy"],
     "search_options belong to a search that gives a whole family"),
    (["--method", "prune", "--search-epochs", 3], "search_epochs belong to a search that gives a whole family"),
    (["bad.toml", "--method", "relevance"], "search_options: prior must be 'dirichlet', 'gumbel-softmax'"),
    (["bad.toml", "--method", "set"], "search_options belong to a search that gives a whole family"),
    (["--method", "relevanc"], "the space neuron has no seeder 'relevanc', did you mean 'relevance'?"),
])
def test_a_bad_option_is_refused(evonas: Evonas, options: list[object], message: str) -> None:
    Path("bad.toml").write_text('[search_options]\nprior = "spike"\n')
    result = evonas("seed", *options, "--out", "r")
    assert result.exit_code == 2
    assert message in result.stderr
    assert not Path("r").exists()


def test_a_family_cannot_grow_on_resume(evonas: Evonas, whole: Path) -> None:
    result = evonas("resume", whole, "--generations", 3)
    assert result.exit_code == 2
    assert "comes from one search" in result.stderr
