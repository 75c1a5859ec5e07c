"""How an estimator searches: in which time, told to whom, kept where."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clock import Clock
from sklearn.model_selection import GridSearchCV, cross_val_score

from evonas import EvoClassifier, Run, RunObserver
from evonas.individual import Evaluation
from evonas.types import MOST
from tests.evonas.estimator.conftest import TINY

Samples = tuple[np.ndarray, np.ndarray]
QUICK: dict[str, Any] = {**TINY, "epochs": 2, "random_state": 0}


class Watch(RunObserver):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.generations = 0
        self.evaluations: list[Evaluation[Any]] = []

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        self.evaluations.append(evaluation)

    def told(self) -> None:
        self.generations += 1


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({}, 20), ({"time_limit": 9}, MOST), ({"time_limit": 9, "generations": 3}, 3), ({"generations": 0}, 0)],
)
def test_generations_are_bounded_by_the_time_where_they_are_not_given(
    parameters: dict[str, Any], expected: int
) -> None:
    assert EvoClassifier(**parameters)._settings()["generations"] == expected


def test_a_search_ends_with_its_time(images: Samples, tmp_path: Path, clock: Clock) -> None:
    clock.limits_end_after(20)
    classifier = EvoClassifier(population=2, epochs=1, time_limit=1.5, out=tmp_path / "run").fit(*images)
    assert classifier.run_ is not None
    assert 20 <= len(classifier.run_.evaluations()) < 40
    assert classifier.run_.config.generations == MOST
    assert classifier.id_ in classifier.front_.index


def test_a_search_without_time_for_one_network_says_so(images: Samples) -> None:
    with pytest.raises(ValueError, match=r"no network was trained within time_limit, 1e-09 s: give more time"):
        EvoClassifier(time_limit=1e-9, random_state=0).fit(*images)


def test_callbacks_are_told_of_every_evaluation(images: Samples, tmp_path: Path) -> None:
    watch = Watch()
    settings = {**QUICK, "generations": 2, "population": 4}
    classifier = EvoClassifier(**settings, callbacks=[watch], out=tmp_path / "run").fit(*images)
    assert classifier.run_ is not None
    assert [e.id for e in watch.evaluations] == classifier.run_.evaluations().index.tolist()
    assert watch.generations == 3


def test_what_a_callback_raises_ends_the_fit(
    images: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupt(RunObserver):
        def told(self) -> None:
            raise RuntimeError("enough")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(RuntimeError, match="enough"):
        EvoClassifier(**QUICK, callbacks=[Interrupt()]).fit(*images)
    assert list(tmp_path.iterdir()) == []
    for stranger in (print, Watch):
        with pytest.raises(ValueError, match=r"callbacks must be objects with the methods of evonas.RunObserver, got"):
            EvoClassifier(**QUICK, callbacks=[stranger]).fit(*images)  # type: ignore[list-item]


@pytest.mark.usefixtures("clock")
def test_verbose_says_how_far_the_search_is(images: Samples, capsys: pytest.CaptureFixture[str]) -> None:
    settings = {**QUICK, "epochs": 30, "generations": 2}
    EvoClassifier(**settings).fit(*images)
    assert capsys.readouterr().out == ""
    EvoClassifier(**settings, verbose=1).fit(*images)
    some = capsys.readouterr().out.splitlines()
    assert some[0].startswith("generation 0/2")
    assert some[-1].startswith("generation 2/2: front ")
    EvoClassifier(**settings, verbose=2).fit(*images)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if "trials" not in line] == [f"generation {i}/2" for i in range(3)]


@pytest.mark.filterwarnings("error")
def test_clones_that_keep_their_runs_have_directories_of_their_own(images: Samples, tmp_path: Path) -> None:
    x, y = images
    scores = cross_val_score(EvoClassifier(**QUICK, out=tmp_path / "cv"), x, y, cv=3, error_score="raise")
    assert np.isfinite(scores).all()
    search = GridSearchCV(EvoClassifier(**QUICK, out=tmp_path / "cv"), {"population": [2, 3]}, cv=2)
    search.fit(x, y)
    assert search.best_estimator_.run_.path == tmp_path / "cv-8"
    names = ["cv", *(f"cv-{number}" for number in range(2, 9))]
    assert {path.name for path in tmp_path.iterdir()} == {*names, *(f"{name}.npz" for name in names)}
    assert [len(Run(tmp_path / name).evaluations()) for name in names] == [2, 2, 2, 2, 2, 3, 3, 2]


def test_what_is_no_run_is_not_taken_for_one_nor_written_into(images: Samples, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"mine")
    for name, message in (("folder", "exists already"), ("file/run", "cannot make"), ("file", "exists already")):
        with pytest.raises(ValueError, match=message):
            EvoClassifier(**QUICK, out=tmp_path / name).fit(*images)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]
