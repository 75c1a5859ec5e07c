"""Targets: those that come with the program, and files of users."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evonas.objectives.metrics import target_metric
from evonas.runtimes.targets import Target, built_in_targets, find_target, find_targets, require_tools
from evonas.types import UserError

BOARD = """
name = "board"
compiler = "my-gcc"
sources = ["startup.c"]
linker_script = "board.ld"
run = ["./flash.sh", "--port", "ttyUSB0", "{image}"]
nanojoules_per_cycle = 0.4
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    for name in ("startup.c", "board.ld"):
        (tmp_path / name).touch()
    path = tmp_path / "board.toml"
    path.write_text(BOARD)
    return path


def test_the_built_in_targets_are_there_and_their_names_make_names_of_metrics() -> None:
    assert set(built_in_targets()) == {"host", "cortex-m0", "cortex-m4", "cortex-m7", "rv32imc"}
    for name, target in built_in_targets().items():
        assert target.name == name
        assert target.packages, name
        assert target.description, name
        found = target_metric(f"int8_flash@{name}")
        assert found is not None
        assert found.target == name


def test_paths_in_a_file_are_relative_to_it(board: Path, tmp_path: Path) -> None:
    target = find_target(str(board))
    assert target.sources == (tmp_path / "startup.c",)
    assert target.linker_script == tmp_path / "board.ld"
    assert target.run[0] == str(tmp_path / "flash.sh")
    assert target.compiler == "my-gcc", "a plain name is searched for on the PATH"


def test_a_file_may_change_some_values_of_a_built_in_target(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\nbase = "cortex-m4"\nnanojoules_per_cycle = 0.1\n')
    target, base = find_target(str(tmp_path / "mine.toml")), built_in_targets()["cortex-m4"]
    assert target == base.model_copy(update={"name": "mine", "nanojoules_per_cycle": 0.1})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('name = "Board!"', "name .*"),
        ('name = "cortex-m4"', "the name 'cortex-m4' is that of a built-in target: choose another"),
        ('base = "cortex-m5"', "unknown target 'cortex-m5' as base, did you mean 'cortex-m"),
        ("base = 3", "unknown target 3 as base"),
        ('base = ["host"]', r"unknown target \['host'\] as base, expected text: name a built-in target, one of "),
        ('base = {host = 1}', r"unknown target \{'host': 1\} as base, expected text"),
        ('name = ["board"]', r"name must be .*, got \['board'\]"),
        ("name = {board = 1}", "name must be "),
        ('flagz = ["-O2"]', "unknown key 'flagz', did you mean 'flags'"),
        ("run = []", "run "),
        ('run = ["qemu"]', "run must name the image by '{image}' among its words, got 'qemu'"),
        ('run = "qemu {image}"', "run must be a list, got 'qemu {image}'"),
        ('compiler = ""', "compiler"),
        ('flags = ["-O2\\u0000"]', "a word of a command cannot hold a zero byte"),
        ('sources = ["no.c"]', "there is no file .*no.c: name it relative to the folder of the target's file"),
        ("stack = 12", "stack must be greater than or equal to 64, got 12"),
        ("instructions_per_count = 0", "instructions_per_count must be greater than 0, got 0"),
        ("nanojoules_per_cycle = inf", "nanojoules_per_cycle must be a finite number"),
        ("timeout = -1", "timeout must be greater than 0"),
        ("[[", "cannot read .* as TOML"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_name(board: Path, line: str, message: str) -> None:
    key = line.partition(" = ")[0]
    board.write_text("\n".join([*(old for old in BOARD.splitlines() if not old.startswith(f"{key} = ")), line]))
    with pytest.raises(UserError, match=message) as refused:
        find_target(str(board))
    assert "board.toml" in str(refused.value)
    assert "\n" not in str(refused.value).replace(str(board), "").split("as TOML")[0]


def test_what_no_target_is_called_is_refused(tmp_path: Path, board: Path) -> None:
    with pytest.raises(UserError, match="unknown target 'cortex-m5', did you mean 'cortex-m"):
        find_target("cortex-m5")
    with pytest.raises(UserError, match=r"there is no target .*no\.toml"):
        find_target(str(tmp_path / "no.toml"))
    (tmp_path / "other.toml").write_text('name = "board"\nbase = "host"\n')
    with pytest.raises(UserError, match="two targets are called 'board'"):
        find_targets([str(board), str(tmp_path / "other.toml")])
    assert [target.name for target in find_targets(["host", "host", str(board)])] == ["host", "board"]


@pytest.mark.parametrize("name", ["cortex-m4", "rv32imc"])
def test_missing_tools_are_said_in_one_sentence_with_the_packages(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    target = built_in_targets()[name]
    with pytest.raises(UserError) as refused:
        require_tools([target])
    expected = (f"the target {name} needs {target.compiler} and {target.run[0]}, which this machine lacks: install the "
                f"Debian packages {', '.join(target.packages)}")
    assert str(refused.value) == expected


def test_tools_of_ones_own_that_are_missing_are_said(board: Path) -> None:
    with pytest.raises(UserError, match=re.escape("the target board needs my-gcc and ")):
        require_tools([find_target(str(board))])


def test_sources_of_ones_own_that_do_not_compile_are_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int f(void) { return x; }\n")
    (tmp_path / "bad.toml").write_text('name = "bad"\nbase = "host"\nsources = ["bad.c"]\n')
    target = find_target(str(tmp_path / "bad.toml"))
    if target.missing_tools():
        pytest.skip("no C compiler")
    with pytest.raises(UserError, match=r"the target bad cannot be used: the compiler of bad failed .*: .*error"):
        require_tools([target])


def test_a_target_travels_to_another_process() -> None:
    import pickle

    assert pickle.loads(pickle.dumps(built_in_targets()["rv32imc"])) == built_in_targets()["rv32imc"]
    assert isinstance(hash(built_in_targets()["host"]), int)
    assert Target.model_validate(built_in_targets()["host"].model_dump()) == built_in_targets()["host"]
