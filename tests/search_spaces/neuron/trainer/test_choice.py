"""Which trainer a name selects."""

from __future__ import annotations

import logging
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from evonas.training.device import VARIABLE
from search_spaces.neuron import trainer as trainers
from search_spaces.neuron.trainer import choose_trainer, native
from search_spaces.neuron.trainer.torch_backend import TorchTrainer


@pytest.fixture(autouse=True)
def nothing_said_yet() -> Iterator[None]:
    trainers._announce_fallback.cache_clear()
    yield
    trainers._announce_fallback.cache_clear()


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "available", lambda: False)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "available", lambda: True)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", ["auto", "native"])
def test_the_native_trainer_is_taken_where_it_is(name: trainers.TrainerName, caplog: pytest.LogCaptureFixture) -> None:
    assert choose_trainer(name).name == "native"
    assert not caplog.records


@pytest.mark.usefixtures("no_library")
def test_auto_falls_back_to_torch_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    assert [choose_trainer("auto").name for _ in range(3)] == ["torch"] * 3
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "C++17 compiler" in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.usefixtures("no_library")
def test_worker_processes_fall_back_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", multiprocessing.current_process)
    assert choose_trainer("auto").name == "torch"
    assert not caplog.records


@pytest.mark.usefixtures("no_library")
def test_native_without_the_library_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="not built; install a C"):
        choose_trainer("native")


@pytest.mark.parametrize("name", ["torch", "dense"])
def test_torch_trainers_are_chosen_by_name(name: trainers.TrainerName, caplog: pytest.LogCaptureFixture) -> None:
    trainer = choose_trainer(name)
    assert isinstance(trainer, TorchTrainer)
    assert trainer.name == name
    assert not caplog.records


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="trainer must be one of auto, native, torch, dense, cuda, got 'gpu'"):
        choose_trainer("gpu")  # type: ignore[arg-type]


def test_cuda_without_a_gpu_or_without_triton_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(trainers, "has_cuda", lambda: False)
    monkeypatch.setattr(trainers, "has_triton", lambda: True)
    with pytest.raises(ValueError, match="needs a CUDA device, and this machine has none: choose trainer 'auto'"):
        choose_trainer("cuda")
    monkeypatch.setattr(trainers, "has_triton", lambda: False)
    with pytest.raises(ValueError, match=r"needs Triton: install evonas\[cuda\]"):
        choose_trainer("cuda")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("device", "triton", "name"), [
    ("auto", True, "native"), ("cpu", True, "native"), ("cuda:1", False, "torch"), ("cuda:1", True, "cuda"),
])
def test_auto_is_a_trainer_of_the_gpu_only_if_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, device: str, triton: bool, name: str
) -> None:
    asked: list[str] = []

    def population_trainer(where: str) -> Population:
        asked.append(where)
        return Population()

    monkeypatch.setenv(VARIABLE, device)
    monkeypatch.setattr(trainers, "has_triton", lambda: triton)
    monkeypatch.setattr(trainers, "current", lambda: torch.device(device))
    monkeypatch.setattr(trainers, "_population_trainer", population_trainer)
    assert choose_trainer("auto").name == name
    assert asked == ["cuda:1"] * (name == "cuda")
    if name == "torch":
        assert choose_trainer("auto").description == "torch, cuda:1"


class Population:
    name = "cuda"


def test_importing_the_package_or_the_native_trainer_does_not_import_torch() -> None:
    code = "import sys, search_spaces.neuron.trainer.native; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
