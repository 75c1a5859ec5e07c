"""C under any name compiles as it was written, beside others, or the name is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from evonas.runtimes.compiled import STRICT, find_compiler

CC = find_compiler() or ["cc"]
pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")


@pytest.mark.parametrize("name", [
    "network", "my-net", "net.v2", "My Net (1)", "a" * 150, "x", "net_", "Net2", "small,fast", "a-b.c_d", "tables",
])
def test_what_is_written_compiles_under_its_own_name(
    evonas: Callable[..., Result], finished: Path, name: str
) -> None:
    result = evonas("export", finished, 0, "--format", "c", "--out", f"{name}.c")
    assert result.exit_code == 0, result.output
    assert f'#include "{name}.h"' in Path(f"{name}.c").read_text()
    subprocess.run([*CC, *STRICT, "-c", f"{name}.c", "-o", "x.o"], check=True, timeout=60)


@pytest.mark.parametrize(("name", "why"), [
    ("3net", "expected a letter from A to Z"), ("größe", "expected a letter from A to Z"),
    ("-net", "expected a letter from A to Z"), ("_net", "expected a letter from A to Z"),
    ("a\"b", "expected a letter from A to Z"), ("a\nb", "expected a letter from A to Z"),
    ("int", "it is a word of C or C++"), ("Int-", "it is a word of C or C++"), ("class", "it is a word of C or C++"),
    ("stdio", "it is a header of the C library"), ("math", "it is a header of the C library"),
    ("stdint", "it is a header of the C library"), ("printf", "it is a name of the C library"),
    ("main", "it is a name of the C library"), ("a" * 240, "at most 200 characters, got 240"),
])
def test_a_name_that_cannot_work_is_refused_before_anything_is_written(
    evonas: Callable[..., Result], finished: Path, name: str, why: str
) -> None:
    before = set(Path().iterdir())
    result = evonas("export", finished, 0, "--format", "c", "--out", f"{name}.c")
    assert result.exit_code == 2
    assert why in result.output
    assert set(Path().iterdir()) == before


def test_an_empty_stem_is_refused(evonas: Callable[..., Result], finished: Path) -> None:
    assert "--out must end in .c" in evonas("export", finished, 0, "--format", "c", "--out", ".c").output


MAIN = """
#include "one.h"
#include "two.h"
#include <stdio.h>
%s
int main(void)
{
    static const one_input x[ONE_INPUTS];
    static const two_input y[TWO_INPUTS];
    one_output first[ONE_OUTPUTS], again[ONE_OUTPUTS];
    two_output second[TWO_OUTPUTS];
    one_run(x, first);
    two_run(y, second);
    one_run(x, again);
    printf("%%g %%g %%d\\n", (double)first[0], (double)second[0], first[0] == again[0]);
    return (int)(one_classify(x) + two_classify(y)) * 0;
}
"""


@pytest.mark.parametrize(
    "precisions", [{"one": "float32", "two": "int8-weights"}, {"one": "int8", "two": "int4"}], ids=["floats", "whole"]
)
@pytest.mark.parametrize("flags", [[], ["-march=native"], ["-DONE_PORTABLE", "-DTWO_PORTABLE", "-march=native"]])
def test_two_networks_work_in_one_program_and_in_one_translation_unit(
    evonas: Callable[..., Result], finished: Path, flags: list[str], precisions: dict[str, str]
) -> None:
    for id, (name, precision) in enumerate(precisions.items()):
        options = ["--format", "c", "--precision", precision, "--out", f"{name}.c"]
        assert evonas("export", finished, id, *options).exit_code == 0
    Path("program.c").write_text(MAIN % "")
    Path("unit.c").write_text(MAIN % '#include "one.c"\n#include "two.c"')
    printed, level = [], "-O0" if flags else "-O2"  # to optimise each of them takes longer than all else
    for sources in (["program.c", "one.c", "two.c"], ["unit.c"]):
        subprocess.run([*CC, *STRICT, level, *flags, *sources, "-lm", "-o", "program"], check=True, timeout=120)
        printed.append(subprocess.run(["./program"], check=True, capture_output=True, timeout=30).stdout)
    assert printed[0] == printed[1]
    assert printed[0].split()[-1] == b"1"
