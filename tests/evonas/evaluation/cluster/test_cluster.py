"""A Dask cluster as the place where trials run."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from short_trials import Located
from toy_runs import Play, contents

from evonas.config import RunConfig, build_config
from evonas.evaluation import Job
from evonas.evaluation.executor import evaluate_all
from evonas.individual import Evaluation, Individual, Trial
from evonas.run.open import config_of
from evonas.run.start import evolve, resume
from evonas.store import RunStore
from evonas.testing.toy import Digits, ToyEvaluator, ToySpace
from evonas.training import Stop
from evonas.training.device import VARIABLE
from evonas.types import Floats, UserError

distributed = pytest.importorskip("distributed", reason="a cluster needs evonas[dask]")
cluster_module = pytest.importorskip("evonas.evaluation.cluster.place", reason="a cluster needs evonas[dask]")
cluster_flow = pytest.importorskip("evonas.evaluation.cluster.flow", reason="a cluster needs evonas[dask]")
cluster_worker = pytest.importorskip("evonas.evaluation.cluster.worker", reason="a cluster needs evonas[dask]")
dask_settings = pytest.importorskip("dask.config", reason="a cluster needs evonas[dask]")
Cluster = cluster_module.Cluster
EVALUATE = cluster_worker.evaluate_there


def jobs_of(ids: range) -> Iterator[Job[Digits]]:
    for id in ids:
        yield Job(Trial(Individual(id, Digits((id % 10,) * 8), 0, ""), 1), np.random.SeedSequence(id), None, Stop())


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    """A cluster of two workers, which are threads of this process."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, silence_logs=logging.CRITICAL,
        scheduler_kwargs={"allowed_failures": 3, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as local:
        yield local


@pytest.fixture
def cluster(dask: Any) -> Iterator[Any]:
    """The same, as a place."""
    client = distributed.Client(dask, set_as_default=False)
    place = Cluster(client, "inproc")
    place.look()
    yield place
    place.close()


def test_trials_on_a_cluster_give_what_they_give_here(cluster: Any) -> None:
    evaluator = Located(os.getpid())
    there, here = (
        {e.id: e.metrics["draw"] for e in evaluate_all(evaluator, jobs_of(range(20)), stop=Stop(), **options)}
        for options in ({"place": cluster}, {})
    )
    assert there == here
    assert sorted(there) == list(range(20))


@pytest.mark.parametrize("rungs", [(1,), (1, 3)])
def test_a_run_is_the_same_on_one_core_two_threads_and_a_cluster(
    cluster: Any, play: Play, rungs: tuple[int, ...]
) -> None:
    one, two, many = (
        contents(play(name, rungs=rungs, **options))
        for name, options in (("one", {}), ("two", {"n_jobs": 2}), ("many", {"place": cluster}))
    )
    assert one == two == many


def test_an_asynchronous_run_evaluates_every_trial_once(cluster: Any, play: Play) -> None:
    store = play(place=cluster, asynchronous=True, evaluator=ToyEvaluator(threads=False))
    assert sorted(r.id for r in store.records()) == list(range(8 + 4 * 6))


@pytest.mark.parametrize(
    ("behaviour", "message"), [("raise", "ArithmeticError: an unlucky sum"), ("nan", "not finite")]
)
def test_a_bad_trial_fails_alone(cluster: Any, play: Play, behaviour: str, message: str) -> None:
    store = play(evaluator=ToyEvaluator(behaviour), generations=3, place=cluster)
    failed = {r.id for r in store.records() if r.status == "failed"}
    assert failed == {r.id for r in store.records() if sum(store.individual(r.id).genotype.values) % 5 == 0} != set()
    assert all(message in (r.error or "") for r in store.records() if r.id in failed)


@pytest.mark.parametrize("behaviour", ["sleep", "busy"])
def test_a_trial_over_its_time_limit_fails_alone_also_if_it_never_looks_at_it(cluster: Any, behaviour: str) -> None:
    begin = time.monotonic()
    results = evaluate_all(Slow(behaviour), jobs_of(range(3)), stop=Stop(), place=cluster, trial_timeout=0.2)
    found = {e.id: e for e in results}
    assert [found[id].status for id in range(3)] == ["failed", "ok", "ok"]
    assert "TrialTimeout: the trial took longer than its time limit" in (found[0].error or "")
    assert time.monotonic() - begin < 30


@dataclass(frozen=True)
class Slow:
    """The trial 0 takes a minute; ``ended`` tells that it has been stopped."""

    behaviour: str
    metric_names = ("pid",)
    shares_memory = False

    def work(self, trial: Trial[Digits]) -> float:
        return 1.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        end = time.monotonic() + 60 * (job.trial.individual.id == 0)
        try:
            while time.monotonic() < end:
                if self.behaviour == "sleep":
                    job.stop.check()
                    time.sleep(0.01)
        finally:
            if job.trial.individual.id == 0:
                ended.set()
        return job.result({"pid": float(os.getpid())})


ended = threading.Event()


def test_the_end_of_the_run_stops_what_runs_on_workers(cluster: Any) -> None:
    ended.clear()
    stop, found = Stop(), set()
    for evaluation in evaluate_all(Slow("sleep"), jobs_of(range(4)), stop=stop, place=cluster):
        found.add(evaluation.id)
        if len(found) == 3:
            stop.request()
    assert found == {1, 2, 3}
    assert ended.wait(20)


def test_an_error_of_the_driver_cancels_what_runs_on_workers(dask: Any) -> None:
    ended.clear()
    place = Cluster(distributed.Client(dask, set_as_default=False), "inproc")
    place.look()
    results = evaluate_all(Slow("sleep"), jobs_of(range(4)), stop=Stop(), place=place)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    assert ended.wait(20)
    assert place.client.status == "closed"


@dataclass(frozen=True)
class Large(Located):
    """An evaluator with an array that is sent by itself."""

    data: Floats = field(default_factory=lambda: np.arange(2**19, dtype=np.float32))
    offset: float = 0.0

    def __call__(self, job: Job[Digits]) -> Evaluation[Digits]:
        assert self.data.flags.writeable
        return job.result({"sum": float(self.data.sum()) + self.offset})


def test_large_arrays_travel_once_whichever_evaluator_has_them(cluster: Any) -> None:
    data = np.arange(2**19, dtype=np.float32)
    held = []
    for offset in (0.0, 1.0):
        evaluator = Large(os.getpid(), data=data, offset=offset)
        results = evaluate_all(evaluator, jobs_of(range(6)), stop=Stop(), place=cluster)
        assert {e.metrics["sum"] for e in results} == {float(data.sum()) + offset}
        held.append({key for key in cluster.client.who_has() if str(key).startswith("evonas-data-")})
    assert len(held[0]) == 2  # the evaluator and its array
    assert len(held[0] & held[1]) == 1


def test_results_and_evaluators_that_cannot_travel_are_said_in_a_sentence(cluster: Any) -> None:
    found = {e.id: e for e in evaluate_all(Located(0, unsent=3), jobs_of(range(5)), stop=Stop(), place=cluster)}
    assert {id for id, e in found.items() if e.status == "failed"} <= {3}  # within one process it need not travel
    evaluator = Located(0, padding=threading.Lock())  # type: ignore[arg-type]
    with pytest.raises(UserError, match="the evaluator cannot be sent to workers"):
        list(evaluate_all(evaluator, jobs_of(range(2)), stop=Stop(), place=cluster))


def test_workers_that_join_get_trials(dask: Any, cluster: Any) -> None:
    n_before = len(cluster.threads)
    dask.scale(n_before + 1)
    try:
        stop, found = Stop(), list[int]()
        slow = ToyEvaluator(seconds=0.1, threads=False)
        for evaluation in evaluate_all(slow, jobs_of(range(1000)), stop=stop, place=cluster):
            found.append(evaluation.id)
            if len(cluster.threads) > n_before:
                stop.request()
        assert len(found) == len(set(found)) < 1000
        assert len(cluster.threads) == n_before + 1
        assert all(cluster.client.run(lambda: None))  # all of them answer
    finally:
        dask.scale(n_before)
        while len(cluster.client.nthreads()) > n_before:
            time.sleep(0.05)


def test_other_versions_are_refused_at_the_beginning_and_left_out_later(
    dask: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {**cluster_module.versions(), "numpy": "0.1"}
    monkeypatch.setattr(cluster_module, "versions", lambda: theirs)
    new = Cluster(cluster.client, "inproc")
    other = {**theirs, "numpy": "0.2"}
    monkeypatch.setattr(new.client, "run", lambda *args, workers, **options: dict.fromkeys(workers, other))
    with pytest.raises(UserError, match=r"has numpy 0.2 in the place of 0.1, with which the same seed would not give"):
        new.look()
    late = Cluster(cluster.client, "inproc")
    late._looked = 0.0  # it has looked before
    with pytest.warns(UserWarning, match=r"numpy 0.2 in the place of 0.1.*left out"):
        late.look()
    assert not late.threads


refusals: list[str] = []


def refuse_some(order: Any, head: bytes, *parts: Any) -> Any:
    """Evaluate, but answer as workers of other versions do as often as ``refusals`` has addresses."""
    return cluster_worker.Refused(refusals.pop(), "numpy 0.2") if refusals else EVALUATE(order, head, *parts)


def test_refusals_fail_no_trial_and_other_workers_get_none(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_flow, "evaluate_there", refuse_some)
    refusals[:] = [f"tcp://127.0.0.1:{port}" for port in range(2, 12)]
    asked: list[tuple[set[str], bool]] = []
    submit = cluster.client.submit

    def noted(*args: Any, **options: Any) -> Any:
        if "workers" in options:
            asked.append((set(options["workers"]), options["allow_other_workers"]))
        return submit(*args, **options)

    monkeypatch.setattr(cluster.client, "submit", noted)
    with pytest.warns(UserWarning, match="is left out"):
        found = [*evaluate_all(Located(os.getpid()), jobs_of(range(1)), stop=Stop(), place=cluster)]
    assert [e.status for e in found] == ["ok"]
    assert asked[0][1]
    assert asked[1:] == [(set(cluster.threads), False)] * 10


def test_a_trial_goes_on_elsewhere_once_all_workers_that_may_take_it_have_gone(cluster: Any) -> None:
    there = set(cluster.threads)
    with pytest.warns(UserWarning, match="is left out"):
        cluster.refuse("tcp://127.0.0.1:2", "numpy 0.2")
    cluster.threads, cluster._looked = {"tcp://127.0.0.1:3": 1}, time.monotonic()  # it goes before the next look
    stop = Stop().within(20.0)
    found = [*evaluate_all(Located(os.getpid()), jobs_of(range(3)), stop=stop, place=cluster)]
    assert [e.status for e in found] == ["ok"] * 3
    assert set(cluster.threads) == there


class Silent:
    """A client whose scheduler has no worker, or which fails."""

    status = "running"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def nthreads(self) -> dict[str, int]:
        if self.error is not None:
            raise self.error
        return {}


def test_minutes_without_a_look_do_not_count_as_minutes_without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=time.monotonic())
    monkeypatch.setattr(cluster_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    place = Cluster(Silent(), "tcp://host:1")
    clock.now += cluster_module.MOST_SECONDS + 1  # the driver does other things
    place.look()
    clock.now += cluster_module.MOST_SECONDS - 1
    with pytest.warns(UserWarning, match="has no worker: waiting for one"):
        place.look()
    clock.now += 2
    with pytest.raises(UserError, match="has had no worker for 10 minutes"):
        place.look()


@pytest.mark.parametrize("kind", [TypeError, ValueError, RuntimeError, AttributeError])
def test_a_defect_is_not_said_to_be_a_scheduler_that_does_not_answer(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="a defect"):
        Cluster(Silent(kind("a defect")), "tcp://host:1").look()


def test_a_scheduler_that_has_gone_is_said_in_a_sentence(cluster: Any) -> None:
    with pytest.raises(UserError, match="does not answer any more"):
        Cluster(Silent(distributed.comm.CommClosedError("in a stream")), "tcp://host:1").look()
    cluster.client.close()
    cluster._looked = 0.0
    with pytest.raises(UserError, match="does not answer any more"):
        cluster.look()


@pytest.mark.parametrize("address", ["tls://127.0.0.1:1", "http://127.0.0.1:1", "tcp://127.0.0.1", "local:0"])
def test_an_address_that_dask_cannot_use_is_one_sentence(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "ANSWER_SECONDS", 0.5)
    with (
        pytest.raises(UserError, match=f"no scheduler answers at {address} "), cluster_module.connected(address),
    ):
        pass


def test_encryption_that_dask_requires_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "ANSWER_SECONDS", 0.5)
    with (
        dask_settings.set({"distributed.comm.require-encryption": True}),
        pytest.raises(UserError, match="no scheduler answers"), cluster_module.connected("tcp://127.0.0.1:1"),
    ):
        pass


def test_an_address_without_a_scheduler_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "ANSWER_SECONDS", 0.5)
    config = RunConfig(dataset="digits", cluster="tcp://127.0.0.1:1")
    with pytest.raises(UserError, match=r"no scheduler answers at tcp://127.0.0.1:1"):
        evolve(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("text", ["local", "local:0", "host:8786", "http://host:1", "tcp://host"])
def test_what_is_no_cluster_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="cluster: expected the address of a Dask scheduler"):
        build_config(None, {"cluster": text})


def test_a_cluster_is_used_only_if_the_user_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run directory may come from a stranger, whose scheduler would be believed."""
    config = RunConfig(dataset="digits", n_train=60, population=4, generations=1, children=2, epochs=1, jobs=2)
    assert "cluster" not in config.model_copy(update={"cluster": "tcp://host:1"}).to_json()
    evolve(config, tmp_path / "run")
    with RunStore(tmp_path / "run", ToySpace(), writing=True) as store:
        store.set_config({**store.info.config, "cluster": "tcp://127.0.0.1:1"})
    assert config_of(tmp_path / "run").cluster is None
    assert resume(tmp_path / "run", {"generations": 2})


@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:cluster. local.2 has no worker. waiting for one")  # others begin late if it is busy
def test_processes_that_are_killed_cost_their_trials_alone_and_a_deadly_trial_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Real processes: one is killed while it trains; one trial kills every process that takes it."""
    evaluator = Located(os.getpid(), deadly=(5,))
    with cluster_module.connected("local:2") as place:
        found: dict[int, Evaluation[Digits]] = {}
        killed: list[float] = []
        for evaluation in evaluate_all(evaluator, jobs_of(range(30)), stop=Stop(), place=place):
            found[evaluation.id] = evaluation
            if len(found) >= 10 and not killed and evaluation.status == "ok":
                killed.append(evaluation.metrics["pid"])
                os.kill(int(killed[0]), signal.SIGKILL)
        assert place.address == "local:2"
        monkeypatch.setenv(VARIABLE, "cuda:3")  # once the workers have begun
        asked = list(evaluate_all(evaluator, jobs_of(range(30, 34)), stop=Stop(), place=place))
        monkeypatch.delenv(VARIABLE)
    assert {e.metrics["gpu"] for e in asked} == {3.0}
    assert {e.metrics["gpu"] for e in found.values() if e.status == "ok"} == {-1.0}
    here = {e.id: e for e in evaluate_all(Located(os.getpid()), jobs_of(range(30)), stop=Stop())}
    assert sorted(found) == list(range(30))
    assert [id for id, e in found.items() if e.status == "failed"] == [5]
    assert found[5].error == "4 worker processes died with it, as they do when memory runs out"
    assert all(found[id].metrics["draw"] == here[id].metrics["draw"] for id in found if id != 5)
    assert os.getpid() not in {e.metrics["pid"] for e in found.values() if e.status == "ok"}
