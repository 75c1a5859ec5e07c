"""What the scripts install where: torch without CUDA if that is all a machine can use, and never a failure for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
#: Stands for the environment's Python: asked for the index it answers as told, and it keeps what pip is asked for.
PYTHON = f"""#!{shutil.which("bash")}
[ "$1" = -c ] && exit $UNREACHABLE
echo "$@" >> calls
case "$*" in *--extra-index-url*) exit $NO_WHEEL ;; esac
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the scripts are for bash")
Install = Callable[..., list[str]]


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Sources ``setup.sh`` in a project of its own, and gives the calls of pip."""

    def run(*, system: str = "Linux", driver: bool = False, reachable: bool = True, wheel: bool = True) -> list[str]:
        native = "search_spaces/neuron/native/abi.cpp"
        for name in ("constraints.txt", "pyproject.toml", "setup.py", "scripts/setup.sh", native):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
        tools = tmp_path / "bin"
        for tool in ("bash", "cat", "cksum", "dirname"):
            found = shutil.which(tool)
            assert found is not None
            script(tools / tool, f'#!/bin/sh\nexec {found} "$@"\n')
        script(tools / "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        script(tools / "uname", f"#!/bin/sh\necho {system}\n")
        if driver:
            script(tools / "nvidia-smi", "#!/bin/sh\n")
        script(tmp_path / ".venv/bin/python", PYTHON)
        environment = {
            **os.environ, "PATH": str(tools), "UNREACHABLE": str(int(not reachable)), "NO_WHEEL": str(int(not wheel))
        }
        command = [str(tools / "bash"), "-c", 'extras="[dev]"; source scripts/setup.sh']
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        assert (done.stderr != "") == (not wheel)
        calls = tmp_path / "calls"
        return calls.read_text().splitlines() if calls.exists() else []

    return run


def test_linux_without_a_driver_gets_the_pinned_torch_without_cuda_first(install: Install) -> None:
    torch, project = install()
    assert f"--extra-index-url {CPU_INDEX}" in torch
    assert {"torch", "--no-deps", "constraints.txt"} <= set(torch.split())
    assert project.endswith("-c constraints.txt -e .[dev]")


@pytest.mark.parametrize(
    "case", [{"driver": True}, {"system": "Darwin"}, {"system": "MINGW64_NT-10.0"}, {"reachable": False}], ids=str
)
def test_else_only_the_usual_index_is_asked(install: Install, case: dict[str, bool | str]) -> None:
    (project,) = install(**case)
    assert "index" not in project
    assert project.endswith("-e .[dev]")


def test_where_torch_without_cuda_cannot_be_installed_the_usual_one_is(install: Install) -> None:
    _, project = install(wheel=False)
    assert "index" not in project


def test_what_is_installed_is_not_installed_again(install: Install) -> None:
    assert len(install()) == 2
    assert len(install()) == 2
