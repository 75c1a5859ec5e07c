"""The device that torch trains on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from evonas.config.run_config import check_config
from evonas.training import device
from evonas.training.device import adopt, check_name, current, find, has_cuda, name_now, using
from evonas.types import UserError


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(device.VARIABLE, raising=False)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch as it is built without CUDA, where no function for CUDA may be called."""

    def called(*_: object) -> None:
        raise AssertionError("a function for CUDA was called")

    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: False)
    for name in ("is_available", "device_count", "current_device", "init", "_lazy_init"):
        monkeypatch.setattr(torch.cuda, name, called)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_names_of_devices(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "gpu", "cuda:", "cuda:-1", "CPU", "cuda:1 ", "mps", "cuda:x"])
def test_other_names_are_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="device must be auto, cpu, cuda or cuda:K"):
        check_name(name)
    with pytest.raises(UserError, match="device must be auto"):
        check_config({"device": name}, source="the configuration")


@pytest.mark.usefixtures("no_cuda")
def test_without_cuda_auto_is_the_cpu_and_a_gpu_is_refused_in_one_sentence() -> None:
    assert not has_cuda()
    assert find("auto") == find("cpu") == torch.device("cpu")
    for name in ("cuda", "cuda:1"):
        with pytest.raises(UserError, match=r"finds no CUDA device on this machine: give --device cpu$"):
            find(name)
        with pytest.raises(UserError, match="no CUDA device"), using(name):
            raise AssertionError
    assert device.VARIABLE not in os.environ


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_found_by_their_number() -> None:
    assert find("auto") == find("cuda") == torch.device("cuda")
    assert find("cuda:1") == torch.device("cuda", 1)
    assert find("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match="this machine has 2: give a number below 2"):
        find("cuda:2")


@pytest.mark.usefixtures("two_gpus")
def test_a_device_is_in_use_in_a_context_and_in_what_it_starts() -> None:
    assert current() == torch.device("cpu")
    with using("cuda:1"):
        assert current() == torch.device("cuda", 1)
        code = "import os; print(os.environ['EVONAS_DEVICE'])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"cuda:1\n"
        with using("cpu"):
            assert current() == torch.device("cpu")
        assert name_now() == "cuda:1"
        with using("auto"):  # leaves what the environment names
            assert name_now() == "cuda:1"
    assert name_now() == "cpu"
    with pytest.raises(RuntimeError), using("cuda"):
        raise RuntimeError
    assert name_now() == "cpu"
    with using("auto"):
        assert current() == torch.device("cuda")


def test_a_worker_takes_the_device_of_its_driver_and_its_own_where_that_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(device.VARIABLE, "cuda:1")
    monkeypatch.setattr(device, "OWN", "cuda:1")
    for asked, taken in (("cpu", "cpu"), ("auto", "cuda:1"), ("cuda", "cuda"), ("auto", "cuda:1")):
        adopt(asked)
        assert name_now() == taken
    with pytest.raises(ValueError, match="got 'tpu'"):
        adopt("tpu")
    assert name_now() == "cuda:1"


def test_what_asked_for_a_device_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "has_cuda", lambda: False)
    monkeypatch.setenv(device.VARIABLE, "cuda")
    with pytest.raises(UserError, match=r"^the variable EVONAS_DEVICE asks for .*: set it to cpu"), using("auto"):
        raise AssertionError
    with pytest.raises(UserError, match=r"by --device or the variable EVONAS_DEVICE, .* or set EVONAS_DEVICE to cpu$"):
        current()
    with using("cpu"):
        assert current() == torch.device("cpu")
    assert name_now() == "cuda"


def test_a_variable_that_names_no_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(device.VARIABLE, "tpu")
    with pytest.raises(UserError, match="EVONAS_DEVICE: device must be auto, cpu"):
        current()


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, evonas.training.device; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[3]).returncode == 0
