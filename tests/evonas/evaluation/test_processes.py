"""Processes that train beside the driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from short_trials import Located

from evonas.config import RunConfig
from evonas.evaluation import Job
from evonas.evaluation.executor import evaluate_all
from evonas.evaluation.local import Local
from evonas.evaluation.processes import Processes
from evonas.individual import Individual, Trial
from evonas.run.open import open_run
from evonas.run.start import evolve
from evonas.testing.toy import Digits
from evonas.training import Stop


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes begin with the first short trial, on a machine of any size."""
    monkeypatch.setattr("evonas.evaluation.processes.FIRST_SECONDS", 0.0)
    monkeypatch.setattr("evonas.evaluation.processes._n_cores", lambda: 2)


#: Makes this machine as a place for some trials at a time, and shows its processes.
Machine: TypeAlias = Callable[[int], tuple[Local, Processes[Any]]]


def jobs_of(ids: range) -> Iterator[Job[Digits]]:
    for id in ids:
        yield Job(Trial(Individual(id, Digits((id % 10,) * 8), 0, ""), 1), np.random.SeedSequence(id), None, Stop())


@pytest.fixture
def machine() -> Iterator[Machine]:
    """The processes end with the test."""
    made: list[Local] = []

    def make(n: int) -> tuple[Local, Processes[Any]]:
        made.append(Local(n))
        return made[-1], made[-1]._processes

    yield make
    for local in made:
        local.close()


def started(processes: Processes[Any], evaluator: Any) -> bool:
    """Whether processes have started and taken an evaluator, within a minute of short trials."""
    processes.note(0.001)
    deadline = time.monotonic() + 60
    while not processes.take(evaluator) and time.monotonic() < deadline and processes._workers:
        time.sleep(0.01)
    return processes.take(evaluator)


@pytest.mark.parametrize("n", [1, 2])
def test_short_trials_run_in_processes_and_draw_what_threads_draw(machine: Machine, n: int) -> None:
    evaluator = Located(os.getpid())
    local, processes = machine(n)
    assert started(processes, evaluator)
    results = evaluate_all(evaluator, jobs_of(range(40)), stop=Stop(), place=local)
    found = {e.id: e for e in results}
    here = {e.id: e for e in evaluate_all(evaluator, jobs_of(range(40)), stop=Stop())}
    assert sorted(found) == sorted(here) == list(range(40))
    assert all(found[id].metrics["draw"] == here[id].metrics["draw"] for id in here)
    pids = {e.metrics["pid"] for e in found.values()}
    assert len(pids) == n
    assert os.getpid() not in pids
    assert {e.metrics["pid"] for e in here.values()} == {os.getpid()}


def test_long_trials_stay_in_threads(machine: Machine) -> None:
    _, processes = machine(1)
    processes.note(0.5)
    processes.note(0.001)
    assert not processes._workers
    assert not processes.take(Located(os.getpid()))


@pytest.mark.parametrize("place", ["_n_cores", "parent_process"])
def test_one_core_and_a_process_of_a_pool_have_no_processes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(f"evonas.evaluation.processes.{place}", lambda: 1)
    _, processes = machine(1)
    assert not started(processes, Located(os.getpid()))
    assert not processes._workers


def test_another_evaluator_is_taken_before_its_jobs(machine: Machine) -> None:
    local, processes = machine(1)
    assert started(processes, Located(os.getpid()))
    deadly = Located(os.getpid(), deadly=(3,))
    found = [*evaluate_all(deadly, jobs_of(range(2)), stop=Stop(), place=local)]
    assert [e.status for e in found] == ["ok", "ok"]
    assert processes._evaluator is deadly


@pytest.mark.parametrize("n", [1, 2])
def test_trials_that_kill_their_process_fail_alone_and_the_others_go_on(machine: Machine, n: int) -> None:
    evaluator = Located(os.getpid(), deadly=(5, 8))
    local, processes = machine(n)
    assert started(processes, evaluator)
    results = evaluate_all(evaluator, jobs_of(range(12)), stop=Stop(), place=local)
    found = {e.id: e for e in results}
    assert started(processes, evaluator)  # others have begun
    assert sorted(found) == list(range(12))
    assert sorted(id for id, e in found.items() if e.status == "failed") == [5, 8]
    assert all("the worker process died" in (found[id].error or "") for id in (5, 8))
    assert os.getpid() not in {e.metrics.get("pid") for e in found.values()}


def test_results_that_cannot_be_sent_are_those_of_threads(machine: Machine) -> None:
    evaluator = Located(os.getpid(), unsent=4)
    local, processes = machine(1)
    assert started(processes, evaluator)
    found = {e.id: e for e in evaluate_all(evaluator, jobs_of(range(9)), stop=Stop(), place=local)}
    assert sorted(found) == list(range(9))
    assert all(e.status == "ok" for e in found.values())
    assert found[0].metrics["pid"] != os.getpid()
    assert found[4].metrics["pid"] == os.getpid()


def test_a_process_that_cannot_start_leaves_all_to_threads(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    first, n_open = subprocess.Popen, len(os.listdir("/proc/self/fd"))
    calls: list[int] = []

    def second_fails(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("no more processes")
        return first(*args, **options)

    monkeypatch.setattr("evonas.evaluation.processes.subprocess.Popen", second_fails)
    _, processes = machine(3)
    assert not started(processes, Located(os.getpid()))
    assert not processes._workers
    assert len(calls) == 2
    assert len(os.listdir("/proc/self/fd")) <= n_open


@dataclass(frozen=True)
class OnlyHere(Located):
    """An evaluator that no other process can import, as one of a notebook."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _missing, ()


def _missing() -> object:
    raise ModuleNotFoundError("No module named 'notebook'")


@pytest.mark.parametrize("evaluator", [OnlyHere(os.getpid()), Located(os.getpid(), padding=bytes(2**26))])
def test_what_processes_cannot_have_stays_in_threads(machine: Machine, evaluator: Located) -> None:
    local, processes = machine(1)
    assert not started(processes, evaluator)
    assert not processes._workers
    results = [*evaluate_all(evaluator, jobs_of(range(3)), stop=Stop(), place=local)]
    assert {e.metrics["pid"] for e in results} == {os.getpid()}


def test_an_error_of_the_driver_ends_the_processes(machine: Machine) -> None:
    evaluator = Located(os.getpid())
    local, processes = machine(2)
    assert started(processes, evaluator)
    programs = [worker.process for worker in processes._workers]

    def jobs() -> Iterator[Job[Digits]]:
        yield from jobs_of(range(3))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(evaluate_all(evaluator, jobs(), stop=Stop(), place=local))
    assert [program.poll() for program in programs] == [-signal.SIGKILL] * 2


def test_a_process_ends_with_a_driver_that_is_killed() -> None:
    program = (
        "import os, time; from evonas.evaluation import processes as p; p.FIRST_SECONDS = 0.0; p._n_cores = lambda: 2\n"
        "side = p.Processes(1); side.note(0.001); print(side._workers[0].process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        pid = int(driver.stdout.readline())
        driver.kill()
    deadline = time.monotonic() + 60
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_search_that_changes_to_processes_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(dataset="digits", population=8, children=6, generations=14, epochs=1, n_train=200)
    used: list[bool] = []
    take = Processes.take

    def watched(self: Processes[Any], evaluator: Any) -> bool:
        deadline = time.monotonic() + 60
        while self._workers and not take(self, evaluator) and time.monotonic() < deadline:
            time.sleep(0.01)  # the process has time to start
        used.append(take(self, evaluator))
        return used[-1]

    monkeypatch.setattr("evonas.evaluation.processes.SHORT", 1000.0)  # trials of a busy machine are short, too
    monkeypatch.setattr(Processes, "take", watched)
    evolve(config, tmp_path / "processes")
    assert sum(used) > 5
    monkeypatch.setattr(Processes, "take", lambda self, evaluator: False)
    evolve(config, tmp_path / "threads")
    assert measured(tmp_path / "processes") == measured(tmp_path / "threads")


def measured(directory: Path) -> dict[tuple[int, int], Any]:
    """The metrics of a run, by id and budget."""
    with open_run(directory) as run:
        return {(record.id, record.budget): dict(record.metrics) for record in run.store.records()}
