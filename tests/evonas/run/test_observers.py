"""Observers that keep the course of a run elsewhere: what they write, and that the search never depends on it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from toy_runs import Play

from evonas.config import RunConfig
from evonas.front import default_reference, front, hypervolume
from evonas.run.observers import GenerationObserver, create_observers
from evonas.store import Record
from evonas.testing.toy import OBJECTIVES
from evonas.types import UserError

#: All that an earlier session has left.
FAILED = Record(0, 1, 0, "sample", (), "failed", {}, 1.0, 5.0, "out of luck")


class Kept:
    """A board that keeps what is written; fails at the third generation where it is told to."""

    def __init__(self, *, broken: bool = False) -> None:
        self.written: list[tuple[int, Mapping[str, float]]] = []
        self.ending = ""
        self._broken = broken

    def write(self, values: Mapping[str, float], generation: int) -> None:
        if self._broken and generation == 2:
            raise ConnectionError("no answer\nfrom the server")
        self.written.append((generation, values))

    def close(self, ending: str) -> None:
        self.ending = ending


def observed(board: Kept) -> GenerationObserver:
    observer = GenerationObserver("kept", lambda config, resumed: board)
    observer.begun(RunConfig(), OBJECTIVES, [], 0.0)
    return observer


def test_each_generation_is_summed_up(play: Play) -> None:
    board = Kept()
    with observed(board) as observer:
        records = play(observers=[observer]).records()
    assert [generation for generation, _ in board.written] == [0, 1, 2, 3, 4]
    assert board.ending == "finished"
    quality, cost = OBJECTIVES.items
    for generation, values in board.written:
        so_far = [r for r in records if r.generation <= generation]
        members = front(so_far, OBJECTIVES)
        reference = OBJECTIVES.reference(default_reference(so_far, OBJECTIVES))
        born = [r for r in so_far if r.generation == generation and r.status == "ok"]
        assert values == {
            "hypervolume": pytest.approx(hypervolume(so_far, OBJECTIVES, reference)), "front": len(members),
            "evaluations": len(so_far), "failed": sum(r.status == "failed" for r in so_far),
            f"best/{quality.metric}": min(r.metrics[quality.metric] for r in members),
            f"best/{cost.metric}": min(r.metrics[cost.metric] for r in members),
            f"generation/{quality.metric}": min(r.metrics[quality.metric] for r in born),
            f"generation/{cost.metric}": min(r.metrics[cost.metric] for r in born),
        }


def test_a_board_that_fails_is_noted_once_and_changes_nothing(play: Play) -> None:
    board = Kept(broken=True)
    message = "kept failed .* the search goes on: no answer from the server"
    with pytest.warns(UserWarning, match=message) as noted, observed(board) as observer:
        found = play(observers=[observer]).records()
    assert len(noted) == 1
    assert [generation for generation, _ in board.written] == [0, 1]
    assert [r.metrics for r in found] == [r.metrics for r in play("other").records()]


@pytest.mark.parametrize(("error", "ending"), [(KeyboardInterrupt, "interrupted"), (UserError, "failed")])
def test_a_board_is_told_how_the_session_ended(error: type[BaseException], ending: str) -> None:
    board = Kept()
    with pytest.raises(error), observed(board):
        raise error
    assert board.ending == ending


def test_an_observer_without_its_package_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("mlflow", "tensorboard"):
        with pytest.raises(UserError, match=rf"needs the package {name}, .* pip install 'evonas\[{name}\]'"):
            create_observers([name], Path("run"))
    with pytest.raises(UserError, match="unknown observer 'mlfow', did you mean 'mlflow'"):
        create_observers(["mlfow"], Path("run"))


def fake(monkeypatch: pytest.MonkeyPatch, name: str, **contents: Any) -> None:
    """A module that can be imported."""
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    vars(module).update(contents)
    monkeypatch.setitem(sys.modules, name, module)


def observe(name: str, directory: Path, *, records: Sequence[Record] = ()) -> None:
    (observer,) = create_observers([name, name], directory)
    with observer:
        observer.begun(RunConfig(population=7, space_options={"edges": [1, 2]}), OBJECTIVES, [*records], 5.0)
        observer.asked(3, 1, 1)
        observer.told()


def test_mlflow_gets_a_run_with_settings_and_numbers_and_goes_on_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, Any]] = []
    found = [SimpleNamespace(info=SimpleNamespace(run_id="17"))]
    fake(
        monkeypatch, "mlflow", start_run=lambda **options: calls.append(("start", options)),
        log_params=lambda values: calls.append(("settings", values)),
        log_metrics=lambda values, step: calls.append((f"generation {step}", values)),
        end_run=lambda status: calls.append(("end", status)),
        search_runs=lambda filter_string, **_: found if str(tmp_path) in filter_string else [],
    )
    observe("mlflow", tmp_path)
    (_, begun), (_, settings), (step, numbers), end = calls
    assert begun == {"run_id": None, "run_name": tmp_path.name, "tags": {"evonas.run": str(tmp_path)}}
    assert (settings["population"], settings["space_options.edges"]) == ("7", "[1, 2]")
    assert (step, numbers) == ("generation 3", {"hypervolume": 0.0, "front": 0, "evaluations": 0, "failed": 0})
    assert end == ("end", "FINISHED")
    calls.clear()
    observe("mlflow", tmp_path, records=[FAILED])
    assert calls[0][1]["run_id"] == "17"
    assert [name for name, _ in calls] == ["start", "generation 3", "end"]


def test_tensorboard_gets_event_files_in_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            calls.append(("folder", folder))

        def __getattr__(self, name: str) -> Any:
            return lambda *values: calls.append((name, *values))

    fake(monkeypatch, "tensorboard")
    fake(monkeypatch, "torch.utils.tensorboard", SummaryWriter=SummaryWriter)
    observe("tensorboard", tmp_path)
    assert calls[0] == ("folder", str(tmp_path / "tensorboard"))
    assert ("add_scalar", "hypervolume", 0.0, 3) in calls
    assert calls[-1] == ("close",)
    (tmp_path / "tensorboard").rmdir()
    (tmp_path / "tensorboard").symlink_to(tmp_path)
    with pytest.warns(UserWarning, match="tensorboard failed"):
        observe("tensorboard", tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_itself_reads_what_was_written(tmp_path: Path) -> None:
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    observe("tensorboard", tmp_path)
    events = accumulators.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("evaluations")] == [(3, 0.0)]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself_has_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "tracked").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    observe("mlflow", tmp_path / "run")
    observe("mlflow", tmp_path / "run", records=[FAILED])
    (found,) = mlflow.search_runs(output_format="list")
    assert (found.info.run_name, found.info.status) == ("run", "FINISHED")
    assert found.data.metrics["front"] == 0
    assert found.data.params["population"] == "7"
