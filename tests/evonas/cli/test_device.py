"""The device of a run: refused in one sentence where there is none, kept with the run, changed on resume."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from evonas.run.open import config_of
from evonas.training import device
from tests.evonas.cli.conftest import call


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(device.VARIABLE, raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)


def evonas(*arguments: object) -> tuple[int, str]:
    result = call(*arguments)
    return result.exit_code, " ".join(result.output.split())


SMALL = (
    "--dataset", "digits", "--n-train", 64, "--n-validation", 32, "--population", 2, "--children", 1, "--epochs", 1,
    "--objectives", "val_error,edges",
)


@pytest.mark.parametrize(("options", "said"), [
    (("--device", "cuda"), "the device cuda was asked for, but torch finds no CUDA device on this machine"),
    (("--device", "cuda:1"), "the device cuda:1 was asked for"),
    (("--device", "gpu"), "device must be auto, cpu, cuda or cuda:K with the number of a GPU, got 'gpu'"),
    (("--trainer", "cuda"), "the trainer 'cuda' needs a CUDA device, and this machine has none"),
])
def test_what_the_machine_lacks_is_refused_in_one_sentence_and_nothing_is_written(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    code, output = evonas("evolve", *SMALL, *options, "--generations", 0, "--out", tmp_path / "run")
    assert code == 2
    assert said in output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("options", [(), ("--trainer", "torch"), ("--trainer", "cuda"), ("--space", "cnn")])
@pytest.mark.parametrize("name", ["cuda", "cuda:7"])
def test_a_variable_that_asks_for_what_the_machine_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], name: str
) -> None:
    monkeypatch.setenv(device.VARIABLE, name)
    code, output = evonas("evolve", *SMALL, *options, "--generations", 0, "--out", tmp_path / "run")
    assert code == 2
    assert f"the variable EVONAS_DEVICE asks for the device {name}, but torch finds no CUDA device" in output
    assert output.endswith("set it to cpu or unset it, or give --device cpu")
    assert not (tmp_path / "run").exists()


def test_the_device_is_kept_with_the_run_and_another_one_may_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, output = evonas("evolve", *SMALL, "--device", "cpu", "--generations", 0, "--out", run)
    assert code == 0, output
    assert config_of(run).device == "cpu"
    code, output = evonas("resume", run, "--device", "cuda")
    assert code == 2
    assert "finds no CUDA device" in output
    assert config_of(run).device == "cpu"
    code, output = evonas("resume", run, "--device", "auto", "--generations", 1)
    assert code == 0, output
    assert config_of(run).device == "auto"
    code, output = evonas("retrain", run, "--epochs", 1, "--device", "cuda")
    assert code == 2
    assert "finds no CUDA device" in output
    assert device.VARIABLE not in os.environ
