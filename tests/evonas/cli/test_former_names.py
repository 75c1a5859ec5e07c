"""Former names on the command line work, each with one note; runs that hold them are read, and converted as a whole."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import evonas as library
from evonas.config import RunConfig
from evonas.run.open import open_run
from evonas.run.package import load
from tests.evonas.cli.conftest import Evonas, Refused, call

Contents = Callable[[Path], Sequence[tuple[Any, ...]]]
#: Present names in stored texts, and what stood there in runs of the formats 2 to 4.
STORED = {
    '"trainval_': '"fitness_', "grow_and_prune": "inflate", '"adaptive_operators":': '"adapt":',
    '"parent_selection":': '"parents":', '"front-gap"': '"gap"', '"lr_reference_edges"': '"full_rate_edges"',
    '"min_edges_for_augmentation"': '"augmented_edges"',
}
FORMER = re.compile(r"fitness_|inflate|\badapt\b|\bbirth\b|\"parents\":|\"gap\"|full_rate|augmented_edges")
#: A program that opens a run for writing, and is killed when half of its values have been renamed.
KILLED = """
import os, signal, sys
from pathlib import Path
from evonas.store import RunStore, upgrade
rename, seen = upgrade.present_metrics, []
def killed(metrics):
    seen.append(metrics)
    if len(seen) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(metrics)
upgrade.present_metrics = killed
RunStore(Path(sys.argv[1]), None, writing=True)
"""


def notes(text: str) -> list[str]:
    return sorted(line.removeprefix("note: ") for line in text.splitlines() if " is now " in line)


def dump(run: Path) -> str:
    """The whole database as statements of SQL."""
    database = sqlite3.connect(run / "run.db")
    text = "\n".join(database.iterdump())
    database.close()
    return text


def aged(run: Path) -> Path:
    """The run as the version before wrote it: in format 4, with the former names."""

    def former(text: str) -> str:
        for present, old in STORED.items():
            text = text.replace(present, old)
        return text

    database = sqlite3.connect(run / "run.db")
    database.create_function("former", 1, former)
    with database:
        database.execute("UPDATE meta SET value = '4' WHERE key = 'format'")
        database.execute("UPDATE meta SET value = former(value) WHERE key IN ('config', 'goals')")
        database.execute("ALTER TABLE individuals RENAME COLUMN generation TO birth")
        database.execute("UPDATE individuals SET operator = former(operator)")
        database.execute("UPDATE evaluations SET metrics = former(metrics)")
        database.execute("UPDATE states SET state = former(state)")
    database.close()
    return run


@pytest.fixture(scope="module")
def adaptive(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose header, rows and searcher's state hold every kind of name that has changed; not to be changed."""
    directory = tmp_path_factory.mktemp("runs") / "adaptive"
    settings = settings.with_name("adaptive.toml")
    settings.write_text("""
dataset = "digits"
n_train = 300
population = 4
children = 4
generations = 3
epochs = 3
seed = 3
adaptive_operators = true
[training]
lr_reference_edges = 300.0
[space_options]
edges = [64, 600]
operators = {grow_and_prune = 1.0, grow_and_prune_skips = 1.0, prune = 1.0}
steps = [1.0, 0.5]
""")
    result = call("evolve", settings, "--out", directory)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def old(adaptive: Path, tmp_path: Path) -> Path:
    """A copy of ``adaptive`` in format 4, which has all former names."""
    run = aged(Path(shutil.copytree(adaptive, tmp_path / "old")))
    text = dump(run)
    for name in ('"fitness_error"', "inflate", "inflate x0.5", '"adapt"', "birth INTEGER", '"gap"', "full_rate_edges"):
        assert name in text, name
    assert "trainval" not in text
    return run


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """The configurations of the runs that commands would begin."""
    found: list[RunConfig] = []
    monkeypatch.setattr("evonas.cli.search._search", lambda out, start, **_: start([]))
    for name in ("evolve", "seed"):
        monkeypatch.setattr(f"evonas.run.start.{name}", lambda config, out, **_: found.append(config))
    return found


@pytest.mark.parametrize(
    ("former", "present", "expected"),
    [
        (["--adapt"], ["--adaptive-operators"], ["--adapt is now --adaptive-operators"]),
        (["--no-adapt"], ["--no-adaptive-operators"], ["--no-adapt is now --no-adaptive-operators"]),
        (["--parents", "gap"], ["--parent-selection", "front-gap"],
         ["--parents is now --parent-selection", "gap is now front-gap"]),
        (["--parents=tournament"], ["--parent-selection=tournament"], ["--parents is now --parent-selection"]),
        (["--objectives", "fitness_error,flops"], ["--objectives", "trainval_error,flops"],
         ["fitness_error is now trainval_error"]),
        (["--constraint", "fitness_error<=0.2,flops<=9e3"], ["--constraint", "trainval_error<=0.2,flops<=9e3"],
         ["fitness_error is now trainval_error"]),
        (["--space-option", "operators.inflate=3"], ["--space-option", "operators.grow_and_prune=3"],
         ["inflate is now grow_and_prune"]),
        (["--space-option", "operators={inflate_neurons = 3, inflate = 1}"],
         ["--space-option", "operators={grow_and_prune_neurons = 3, grow_and_prune = 1}"],
         ["inflate is now grow_and_prune", "inflate_neurons is now grow_and_prune_neurons"]),
    ],
)
def test_former_options_and_values_of_evolve_work_with_one_note_each(
    evonas: Evonas, begun: list[RunConfig], former: list[str], present: list[str], expected: list[str]
) -> None:
    result = evonas("evolve", *former)
    assert result.exit_code == 0, result.output
    assert notes(result.stderr) == expected
    assert "is now" not in result.stdout
    quiet = evonas("evolve", *present)
    assert quiet.exit_code == 0, quiet.output
    assert notes(quiet.output) == []
    assert begun[0].to_json() == begun[1].to_json()


def test_the_sizes_of_founders_have_one_name(evonas: Evonas, begun: list[RunConfig]) -> None:
    assert notes(evonas("seed", "--edges", "60,600").stderr) == ["--edges is now --founder-edges"]
    assert notes(evonas("seed", "--founder-edges", "60,600").stderr) == []
    assert [config.space_options for config in begun] == [{"founder_edges": (60, 600)}] * 2


def test_former_names_in_a_file_are_noted(evonas: Evonas, begun: list[RunConfig]) -> None:
    Path("run.toml").write_text("adapt = true\n[training]\nfull_rate_edges = 9.0\n")
    result = evonas("evolve", "run.toml", "--no-adaptive-operators")
    assert notes(result.stderr) == ["adapt is now adaptive_operators", "full_rate_edges is now lr_reference_edges"]
    assert (begun[0].adaptive_operators, begun[0].recipe.lr_reference_edges) == (False, 9.0)


def test_former_options_are_in_no_help(evonas: Evonas) -> None:
    for command in ("evolve", "seed"):
        text = evonas(command, "--help").stdout
        assert not re.search(r"--(adapt|parents|edges)\b(?!ive)", text)


def test_an_option_that_never_was_is_refused(refused: Refused) -> None:
    refused("resume", "r", "--adapt", message="no such option: --adapt")


def test_former_names_of_metrics_and_columns_are_understood_and_not_shown(
    evonas: Evonas, finished: Path, tmp_path: Path
) -> None:
    shown = evonas("front", finished, "--columns", "id,birth,fitness_error", "--json")
    assert notes(shown.stderr) == ["birth is now generation", "fitness_error is now trainval_error"]
    rows = json.loads(shown.stdout)
    assert rows
    assert all(list(row) == ["id", "generation", "trainval_error"] for row in rows)
    born = evonas("front", finished, "--columns", "id,born")
    assert notes(born.stderr) == ["born is now generation"]
    assert "generation" in born.stdout
    best = evonas("front", finished, "--best-under", "fitness_error=1", "--json")
    assert notes(best.stderr) == ["fitness_error is now trainval_error"]
    same = evonas("front", finished, "--best-under", "flops=1e9", "--json")
    assert json.loads(best.stdout) == json.loads(same.stdout)
    far = evonas("front", finished, "--reference", "fitness_error=2,flops=1e6")
    assert notes(far.stderr) == ["fitness_error is now trainval_error"]
    assert "(reference trainval_error=2, flops=1e+06;" in far.stdout
    plot = evonas("front", finished, "--plot", tmp_path / "p.png", "--cost", "fitness_error")
    assert (plot.exit_code, notes(plot.stderr)) == (0, ["fitness_error is now trainval_error"])


def test_an_old_run_is_read_by_its_present_names_and_stays_as_it_is(
    evonas: Evonas, contents: Contents, adaptive: Path, old: Path
) -> None:
    before = (old / "run.db").read_bytes()
    assert contents(old) == contents(adaptive)
    assert evonas("front", old, "--json").stdout == evonas("front", adaptive, "--json").stdout
    table = library.Run(old).evaluations()
    assert {"generation", "trainval_error"} <= set(table.columns)
    assert not any(FORMER.search(name) for name in (*table.columns, *table.operator))
    with open_run(old) as run, open_run(adaptive) as other:
        assert run.config == other.config
        assert [run.store.individual(r.id) for r in run.store.records()] == [
            other.store.individual(r.id) for r in other.store.records()
        ]
    assert (old / "run.db").read_bytes() == before


def test_an_old_run_is_converted_to_what_it_would_be_now(adaptive: Path, old: Path) -> None:
    with open_run(old, writing=True):
        pass
    assert dump(old) == dump(adaptive)
    assert not FORMER.search(dump(old))


def test_an_old_run_goes_on_to_the_same_end(
    evonas: Evonas, contents: Contents, adaptive: Path, old: Path, tmp_path: Path
) -> None:
    new = shutil.copytree(adaptive, tmp_path / "new")
    for run in (old, new):
        result = evonas("resume", run, "--generations", 4)
        assert result.exit_code == 0, result.output
        assert notes(result.output) == []
    assert contents(old) == contents(new)
    assert not FORMER.search(dump(old))


def test_a_conversion_that_is_killed_leaves_the_old_run(contents: Contents, adaptive: Path, old: Path) -> None:
    before = dump(old)
    done = subprocess.run([sys.executable, "-c", KILLED, old], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert dump(old) == before
    assert contents(old) == contents(adaptive)
    with open_run(old, writing=True):
        pass
    assert dump(old) == dump(adaptive)


def test_a_reader_of_an_old_run_goes_on_reading_while_it_is_converted(adaptive: Path, old: Path) -> None:
    with open_run(old) as reader, open_run(adaptive) as other:
        with open_run(old, writing=True):
            pass
        assert reader.store.records() == other.store.records()
        ids = [r.id for r in other.store.records()]
        assert [reader.store.member(id) for id in ids] == [other.store.member(id) for id in ids]
        assert reader.store.state == other.store.state


def test_an_exported_network_of_an_earlier_version_is_loaded(
    evonas: Evonas, adaptive: Path, tmp_path: Path
) -> None:
    path = tmp_path / "n.safetensors"
    id = library.Run(adaptive).knee()
    assert evonas("export", adaptive, id, "--out", path).exit_code == 0
    data = path.read_bytes()
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    text = header["__metadata__"]["evonas"]
    for present, former in STORED.items():
        text = text.replace(present, former)
    assert "inflate" in text
    header["__metadata__"]["evonas"] = text
    packed = json.dumps(header).encode()
    packed += b" " * (-len(packed) % 8)
    (tmp_path / "old.safetensors").write_bytes(len(packed).to_bytes(8, "little") + packed + data[8 + n :])
    new, old = (load(tmp_path / name).header for name in ("n.safetensors", "old.safetensors"))
    assert new == old
    assert "trainval_error" in new["metrics"]
