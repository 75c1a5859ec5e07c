"""Distillation: runs that are taught by the best networks of another run."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from evonas.config import RunConfig, build_config
from evonas.data import load
from evonas.data.samples import Samples
from evonas.evaluation.training import predict
from evonas.run.distillation import OwnTeacher
from evonas.run.open import open_run
from evonas.store import TeacherSource
from evonas.types import UserError

Evonas = Callable[..., Result]
Contents = Callable[[Path], list[Any]]
FAMILY = ["--founder-edges", "64,300", "--members", 3, "--epochs", 6]
TEACHER = ["--teacher-members", 2]


def called(evonas: Evonas, *arguments: object) -> Result:
    result = evonas(*arguments)
    assert result.exit_code == 0, result.output
    return result


def teacher_of(run: Path) -> TeacherSource:
    with open_run(run) as opened:
        teacher = opened.store.info.teacher
    assert teacher is not None
    return teacher


def outputs_of(run: Path) -> np.ndarray:
    with open_run(run) as opened:
        outputs = opened.store.teacher_outputs()
    assert outputs is not None
    return outputs


def probabilities(run: Path, id: int, samples: Samples) -> np.ndarray:
    with open_run(run) as opened:
        member = opened.store.member(id)
        weights = opened.store.weights(*member.evaluation.key)
        assert weights is not None
        exponentials = np.exp(predict(opened.space, member.genotype, weights, samples).astype(np.float64))
    return exponentials / exponentials.sum(1, keepdims=True)


@pytest.fixture
def taught(evonas: Evonas, finished: Path) -> Path:
    """A family that learnt from the best two networks of ``finished``."""
    called(evonas, "seed", *FAMILY, "--teacher", finished, *TEACHER, "--out", "taught")
    return Path("taught")


def test_the_probabilities_of_the_best_members_on_the_training_samples_are_averaged(
    evonas: Evonas, finished: Path, taught: Path
) -> None:
    with open_run(finished) as run:
        errors = {r.id: r.metrics["val_error"] for r in run.store.records() if r.status == "ok"}
    ids = sorted(errors, key=lambda id: (errors[id], id))[:2]
    assert teacher_of(taught)[:2] == (str(finished.resolve()), tuple(ids))
    expected = np.mean([probabilities(finished, id, load("digits").train) for id in ids], axis=0)
    np.testing.assert_allclose(outputs_of(taught), expected, rtol=1e-4, atol=1e-6)
    printed = called(evonas, "front", taught).stdout
    assert f"taught by 2 members of {finished.resolve()}" in printed
    assert f"at the cost also of {finished.resolve()}, which took" in printed


def test_one_individual_can_be_the_teacher_whatever_is_measured(evonas: Evonas, finished: Path) -> None:
    called(evonas, "seed", *FAMILY, "--teacher", f"{finished}:1", "--objectives", "val_error,ram", "--out", "r")
    assert teacher_of(Path("r")).ids == (1,)
    with open_run(Path("r")) as run:
        assert all(r.metrics["ram"] > 0 for r in run.store.records())
    np.testing.assert_allclose(
        outputs_of(Path("r")), probabilities(finished, 1, load("digits").train), rtol=1e-4, atol=1e-6
    )


def test_a_teacher_changes_what_is_learnt_by_its_weight(
    evonas: Evonas, finished: Path, taught: Path, contents: Contents
) -> None:
    called(evonas, "seed", *FAMILY, "--out", "alone")
    called(evonas, "seed", *FAMILY, "--teacher", finished, *TEACHER, "--teacher-weight", 0, "--out", "weightless")
    assert contents(Path("weightless")) == contents(Path("alone"))
    assert contents(taught) != contents(Path("alone"))


def test_workers_in_threads_and_in_processes_learn_from_the_same_teacher(
    evonas: Evonas, finished: Path, taught: Path, contents: Contents
) -> None:
    options = [*FAMILY, "--teacher", finished, *TEACHER]
    called(evonas, "seed", *options, "--jobs", 2, "--out", "threads")
    assert contents(Path("threads")) == contents(taught)
    called(evonas, "seed", *options, "--trainer", "torch", "--out", "one")
    called(evonas, "seed", *options, "--trainer", "torch", "--jobs", 2, "--out", "processes")
    assert contents(Path("processes")) == contents(Path("one"))


def test_a_taught_run_needs_its_teacher_no_more_and_resumes_exactly(
    evonas: Evonas, finished: Path, taught: Path, contents: Contents
) -> None:
    shutil.copytree(finished, "copy")
    called(evonas, "seed", *FAMILY, "--teacher", "copy", *TEACHER, "--time-limit", 0.001, "--out", "r")
    shutil.rmtree("copy")
    called(evonas, "resume", "r", "--time-limit", 1000)
    assert contents(Path("r")) == contents(taught)


def test_a_changed_file_of_the_teachers_outputs_is_refused(evonas: Evonas, taught: Path) -> None:
    file = taught / "teacher.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert "teacher.safetensors is torn or was changed" in refused(evonas, "resume", taught)
    file.unlink()
    assert "teacher.safetensors is missing" in refused(evonas, "resume", taught)


def test_what_the_teacher_cost_is_counted_once_through_generations_of_runs(
    evonas: Evonas, finished: Path, taught: Path
) -> None:
    numbers = ["--population", 4, "--children", 2, "--generations", 1, "--epochs", 2]
    called(evonas, "evolve", "--seed-from", taught, "--teacher", finished, *numbers, "--out", "third")
    command = ["compare", "third", taught, finished, "--json"]
    told = refused(evonas, *command)
    assert "not all runs had the same teacher (taught were third by a run, " in told
    assert told.rstrip().endswith("give all one by --teacher, or compare them by --any-teacher")
    result = called(evonas, *command, "--any-teacher")
    groups = json.loads(result.stdout)["groups"]
    own = []
    for path in (finished, taught, Path("third")):
        with open_run(path) as run:
            own.append(sum(r.metrics["edge_updates"] for r in run.store.records() if not r.imported))
    for name, parts in (("finished", own[:1]), ("taught", own[:2]), ("third", own)):
        (entry,) = groups[name]
        assert entry["edge_updates"] == pytest.approx(sum(parts))
    assert "note: not all runs had the same teacher (taught were third by a run, taught by a run, " in result.stderr


def test_retraining_with_a_teacher_is_another_kind_of_retraining(evonas: Evonas, finished: Path, run: Path) -> None:
    command = ["retrain", run, "--ids", 1, "--seeds", 1, "--epochs", 20]
    called(evonas, *command)
    called(evonas, *command, "--teacher", finished, "--teacher-weight", 0.9)
    assert "1/1" not in called(evonas, *command, "--teacher", finished, "--teacher-weight", 0.9).stdout
    with open_run(run) as opened:
        plain, distilled = opened.store.retrainings()
    assert plain.start == "fresh"
    assert distilled.start.startswith("fresh-teacher")
    assert distilled.metrics["train_loss"] > plain.metrics["train_loss"]  # targets that are not certain


def test_regression_is_taught_by_predictions(evonas: Evonas) -> None:
    x = np.random.default_rng(0).normal(size=(120, 5))
    np.savez("own.npz", x_train=x, y_train=x @ np.arange(10.0).reshape(5, 2))
    called(evonas, "seed", "--dataset", "own.npz", *FAMILY, "--out", "first")
    called(evonas, "seed", "--dataset", "own.npz", *FAMILY, "--teacher", "first", *TEACHER, "--out", "second")
    said, y = outputs_of(Path("second")), load("own.npz").train.y
    assert said.shape == y.shape
    assert ((said - y) ** 2).mean() < (y**2).mean()


# -- bad input


def refused(evonas: Evonas, *arguments: object) -> str:
    """The one sentence with which a command is refused."""
    result = evonas(*arguments)
    assert result.exit_code == 2, result.output
    assert not Path("r").exists()
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("split_seed = 1", "another split_seed, so that it may have learnt this run's validation samples, than this"),
        ("n_train = 500", "has another data set, n_train or n_validation (fingerprint) than this one"),
        ("dataset = 'shape.npz'", "has another input shape than this one: expected (5,), got (1, 8, 8)"),
        ("dataset = 'classes.npz'", "has another number of outputs than this one: expected 3, got 10"),
        ("dataset = 'kind.npz'", "has another kind of task than this one: expected regression, got classification"),
        ("[training]\nteacher_weight = 1.5", "teacher_weight must be a share from 0 to 1, got 1.5"),
        ("teacher_members = 0", "teacher_members must be greater than or equal to 1, got 0"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused(evonas: Evonas, finished: Path, toml: str, message: str) -> None:
    x = np.random.default_rng(0).normal(size=(90, 5))
    np.savez("shape.npz", x_train=x, y_train=np.arange(90) % 10)
    np.savez("classes.npz", x_train=np.resize(x, (90, 1, 8, 8)), y_train=np.arange(90) % 3)
    np.savez("kind.npz", x_train=x, y_train=x[:, 0])
    Path("run.toml").write_text(toml)
    assert message in refused(evonas, "seed", "run.toml", "--teacher", finished, "--out", "r")


def test_a_teacher_that_is_not_there_is_refused(evonas: Evonas, finished: Path) -> None:
    options = ["seed", *FAMILY, "--out", "r"]
    assert "nowhere is not a run" in refused(evonas, *options, "--teacher", "nowhere")
    assert "has no evaluated individual 999" in refused(evonas, *options, "--teacher", f"{finished}:999")
    called(evonas, "seed", "--members", 2, "--time-limit", 0.001, "--out", "empty")
    assert "empty has an empty front: no evaluation has succeeded" in refused(evonas, *options, "--teacher", "empty")


def test_options_of_a_teacher_without_one_are_refused(evonas: Evonas, run: Path) -> None:
    alone = ["evolve", "--no-self-distillation", "--out", "r"]
    for command in (["seed", "--out", "r"], alone, ["evolve", "--searcher", "random", "--out", "r"], ["retrain", run]):
        assert "name one with --teacher" in refused(evonas, *command, "--teacher-weight", 0.3)


# -- a run that teaches itself


def test_the_best_of_a_run_so_far_are_chosen_again_at_generations_that_double() -> None:
    assert [OwnTeacher.since(generation) for generation in range(9)] == [0, 1, 2, 2, 4, 4, 4, 4, 8]


def test_the_best_of_earlier_generations_alone_are_averaged(finished: Path) -> None:
    samples, best = load("digits").train, {}
    with open_run(finished) as run:
        teacher = OwnTeacher(run.store, run.space, samples, run.task, n_members=4)
        records = [r for r in run.store.records() if r.status == "ok"]
        for since in (1, 2, 3, 2):  # backwards, too: it remembers outputs, not who was best
            errors = {r.id: r.metrics["val_error"] for r in records if r.generation < since}
            best[since] = sorted(errors, key=lambda id: (errors[id], id))[:4]
            expected = np.mean([probabilities(finished, id, samples) for id in best[since]], axis=0)
            np.testing.assert_allclose(teacher.outputs(since), expected, rtol=1e-4, atol=1e-6)
    assert best[1] != best[2]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_resumed_run_asks_the_same_teachers_as_one_that_was_never_interrupted(
    evonas: Evonas, settings: Path, contents: Contents, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    asked, outputs = [], OwnTeacher.outputs

    def spied(teacher: OwnTeacher[Any], since: int) -> Any:
        asked.append(since)
        return outputs(teacher, since)

    monkeypatch.setattr(OwnTeacher, "outputs", spied)
    called(evonas, "evolve", settings, "--generations", 5, "--out", "whole")
    assert asked == [1, 2, 4]
    called(evonas, "evolve", settings, "--generations", 3, "--jobs", jobs, "--out", "resumed")
    called(evonas, "resume", "resumed", "--generations", 5)
    assert asked[3:] == [1, 2, 4]
    assert contents(Path("resumed")) == contents(Path("whole"))


def test_a_run_from_before_there_was_self_distillation_goes_on_without(
    evonas: Evonas, settings: Path, contents: Contents
) -> None:
    called(evonas, "evolve", settings, "--no-self-distillation", "--out", "whole")
    called(evonas, "evolve", settings, "--no-self-distillation", "--generations", 1, "--out", "old")
    connection = sqlite3.connect("old/run.db")
    with connection:
        connection.execute("UPDATE meta SET value = json_remove(value, '$.self_distillation') WHERE key = 'config'")
    connection.close()
    called(evonas, "resume", "old", "--generations", 2)
    assert contents(Path("old")) == contents(Path("whole"))


def test_what_is_printed_says_which_runs_teach_themselves(evonas: Evonas, finished: Path, taught: Path) -> None:
    assert "taught by the best of its own earlier generations" in called(evonas, "front", finished).stdout
    assert "its own" not in called(evonas, "front", taught).stdout
    told = f"not all runs had the same teacher (taught were {finished} by itself, taught by a run)"
    assert told in refused(evonas, "compare", finished, taught)
    assert f"note: {told}" in called(evonas, "compare", finished, taught, "--any-teacher").stderr


@pytest.mark.parametrize(("name", "value"), [("shift", 1), ("flip", True), ("shift", 0)])
def test_by_default_no_run_teaches_itself_that_moves_its_images(name: str, value: Any) -> None:
    config = RunConfig(training={name: value})
    assert config.teaches_itself == (not value)
    assert config.model_copy(update={"self_distillation": True}).teaches_itself


@pytest.mark.parametrize("other", [{"searcher": "random"}, {"teacher": "run"}])
def test_self_distillation_where_it_cannot_be_is_refused(other: dict[str, str]) -> None:
    assert not RunConfig(**other).teaches_itself
    with pytest.raises(UserError, match="self_distillation is for the searcher 'nsga2' without a teacher"):
        build_config(None, {**other, "self_distillation": True})


def test_a_loss_whose_targets_change_is_no_objective(evonas: Evonas, settings: Path) -> None:
    options = ["evolve", settings, "--objectives", "train_loss,flops", "--out", "r"]
    assert "train_loss is measured against a teacher that this run changes" in refused(evonas, *options)
    called(evonas, *options, "--no-self-distillation")


def test_self_distillation_changes_what_children_learn_and_founders_learn_alone(
    evonas: Evonas, settings: Path, finished: Path, contents: Contents
) -> None:
    called(evonas, "evolve", settings, "--no-self-distillation", "--out", "alone")
    called(evonas, "evolve", settings, "--teacher-weight", 0, "--out", "weightless")
    alone, weightless, taught = contents(Path("alone")), contents(Path("weightless")), contents(finished)
    assert weightless == alone
    n_founders = sum(row[2] == 0 for row in taught[:-1])
    assert taught[:n_founders] == alone[:n_founders]
    assert all(row[-1] != other[-1] for row, other in zip(taught[n_founders:-1], alone[n_founders:-1], strict=True))


def test_processes_learn_from_the_run_itself_as_one_worker_does(
    evonas: Evonas, settings: Path, contents: Contents
) -> None:
    options = ["evolve", settings, "--trainer", "torch", "--epochs", 2, "--generations", 1]
    called(evonas, *options, "--out", "one")
    called(evonas, *options, "--jobs", 2, "--out", "processes")
    assert contents(Path("processes")) == contents(Path("one"))


def test_a_given_teacher_takes_the_place_of_the_run_itself(
    evonas: Evonas, settings: Path, finished: Path, contents: Contents
) -> None:
    called(evonas, "evolve", settings, "--teacher", finished, "--out", "by-default")
    called(evonas, "evolve", settings, "--teacher", finished, "--no-self-distillation", "--out", "off")
    assert contents(Path("by-default")) == contents(Path("off")) != contents(finished)
