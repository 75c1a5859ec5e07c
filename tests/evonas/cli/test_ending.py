"""What the end of a search says: where the run is and stands, and what goes on; and endings of files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from evonas.cli.ending import ending
from evonas.run.open import config_of, open_run
from tests.evonas.cli.conftest import Evonas, Refused


def last(text: str) -> str:
    (line,) = [line for line in text.splitlines() if line.startswith("The ")]
    return line


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
@pytest.mark.parametrize("generations", [None, 2, 1, 0])
def test_a_run_that_has_nothing_left_to_do_says_where_it_stands(
    evonas: Evonas, run: Path, generations: int | None, quiet: list[str]
) -> None:
    result = evonas("resume", run, *([] if generations is None else ["--generations", generations]), *quiet)
    assert result.exit_code == 0, result.output
    where = "generation 2 of 2" if generations in (None, 2) else f"generation 2, beyond the {generations} that are"
    assert last(result.stdout).startswith(f"The run is complete: {run}; it stands at {where}")
    assert last(result.stdout).endswith(f"a larger number goes on: evonas resume {run} --generations 4")
    assert evonas("resume", run, "--generations", 4, *quiet).exit_code == 0
    with open_run(run) as opened:
        assert max(r.generation for r in opened.store.records()) == 4


def test_a_run_by_evaluations_stands_at_an_evaluation(evonas: Evonas) -> None:
    small = ["--n-train", 100, "--population", 4, "--children", 2, "--epochs", 1]
    assert last(evonas("evolve", *small, "--evaluations", 7, "--out", "r").stdout) == "The run is complete: r"
    for options in ([], ["--evaluations", 7]):
        said = last(evonas("resume", "r", *options).stdout)
        assert said.startswith("The run is complete: r; it stands at evaluation 7 of 7, and a larger number goes on: ")
        assert said.endswith("evonas resume r --evaluations 14")
    said = last(evonas("resume", "r", "--evaluations", 3).stdout)
    assert "it stands at evaluation 7, beyond the 3 that are asked for" in said
    assert last(evonas("resume", "r", "--evaluations", 9).stdout) == "The run is complete: r"


def test_more_time_is_more_than_the_run_has_taken(run: Path) -> None:
    with open_run(run) as opened:
        taken = opened.store.elapsed
        said = ending(opened, Path("my run"), finished=False, n_done=0)
    begin = "The time limit is reached: my run; go on with: evonas resume 'my run' --time-limit"
    more = re.fullmatch(rf"{begin} (\d+)", said)
    assert more is not None, said
    assert float(more[1]) > taken > 0


def test_hints_name_the_run_and_the_next_steps(evonas: Evonas) -> None:
    small = ["--n-train", 100, "--population", 4, "--children", 2, "--generations", 1, "--epochs", 1]
    result = evonas("evolve", *small, "--out", "my run")
    assert "(evonas front 'my run' --columns id," in result.stdout
    steps = result.stdout.splitlines()[-1]
    assert steps.startswith("next: evonas report 'my run' (a page to look at), evonas export 'my run' ID --out ")
    assert "predict" not in steps, "these samples are no table"
    id = int(re.findall(r"like (\d+)", steps)[0])
    assert evonas("export", "my run", id, "--out", "network.safetensors").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "x.xyz"], "ends in .safetensors, .json, .onnx, .tflite, .c, got 'x.xyz': these are the formats"),
        (["--out", "x.pt"], "expected a file that ends in .safetensors"),
        (["--out", "x.ONNX"], "got 'x.ONNX', did you mean '.onnx'"),
        (["--out", "x.onnx", "--format", "torch"],
         r"--out must end in \.safetensors for the format torch, got x\.onnx, which is that of the format onnx"),
        (["--out", "x.json", "--format", "torch"], "which is that of the format json: rename it, or name another"),
        (["--out", "x.safetensors", "--format", "json"], r"--out must end in \.json for the format json"),
        (["--out", "x.xyz", "--format", "json"], r"--out must end in \.json for the format json, got x\.xyz: rename"),
        (["--out", "x.json", "--format", "onnx"], r"--out must end in \.onnx for the format onnx"),
        (["--out", "x.safetensors", "--format", "c"], r"--out must end in \.c for the format c"),
        (["--out", "x.safetensors", "--precision", "int8"],
         r"must be float32 for the format torch, .*; for int8 give --out .*NAME\.c"),
        (["--out", "x.safetensors", "--precision", "int4"],
         r"for the format torch, got 'int4'; .* give --out NAME\.c$"),
        (["--out", "x.json", "--precision", "ternary"], r"for the format json, got 'ternary'; .* give --out NAME\.c"),
    ],
)
def test_an_ending_that_says_another_format_is_refused(
    refused: Refused, run: Path, best: int, options: list[object], message: str
) -> None:
    refused("export", run, best, *options, message=message)


@pytest.mark.parametrize(
    ("name", "begin"), [("n.json", b"{"), ("n.onnx", b"\x08"), ("n.c", b"/* n.c"), ("n.safetensors", None), ("n", None)]
)
def test_the_ending_says_the_format(evonas: Evonas, run: Path, best: int, name: str, begin: bytes | None) -> None:
    result = evonas("export", run, best, "--out", name)
    assert result.exit_code == 0, result.output
    if begin is None:
        from evonas import load

        assert load(name).header["source"]["id"] == best
    else:
        assert Path(name).read_bytes().startswith(begin)


def test_a_report_is_a_page(refused: Refused, run: Path) -> None:
    refused("report", run, "--out", "r.pdf", message="--out must end in .html or .htm, since that is what is written")


def test_ids_that_are_no_individuals_say_which_are(refused: Refused, run: Path) -> None:
    from evonas import Run

    refused("show", run, 999, message="individual 999 was not evaluated in this run: the nearest are 11, 12, 13")
    for id in ("nope", 1.5, True, None):
        with pytest.raises(ValueError, match="expected the id of an individual, a whole number, got"):
            Run(run).load(id)  # type: ignore[arg-type]
    assert Run(run).load(np.int64(1)).header["source"]["id"] == 1  # type: ignore[arg-type]
    assert config_of(run).generations == 2
