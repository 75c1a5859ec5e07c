"""Images on targets: what is measured of them, and how they fail."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from evonas.runtimes.compiled import find_compiler
from evonas.runtimes.targets import Target, built_in_targets, measure_on
from evonas.runtimes.targets.building import built
from evonas.runtimes.targets.elf import sizes_of, sizes_of_symbols
from tests.evonas.runtimes.targets.targets_of_tests import (
    EXPORT,
    SAMPLES,
    measured,
    program,
    reason_to_skip,
    scripted,
    summing,
)

EXPECTED = np.stack([SAMPLES.sum(1), SAMPLES[:, 0]], 1)
needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture(params=["cortex-m0", "cortex-m4", "cortex-m7", "rv32imc", "host"])
def target(request: pytest.FixtureRequest) -> Target:
    target = built_in_targets()[request.param]
    if reason := reason_to_skip(target):
        pytest.skip(reason)
    return target


def test_outputs_sizes_stack_and_instructions_are_measured(target: Target) -> None:
    small, large = measured(target, summing(10)), measured(target, summing(210))
    for figures in (small, large):
        np.testing.assert_array_equal(figures.outputs, EXPECTED)
    assert 700 <= large.ram - small.ram <= 900, "200 floats on the stack"
    if target.name == "host":
        assert small.instructions is None
        return
    assert small.instructions is not None
    assert large.instructions is not None
    assert 3 <= (large.instructions - small.instructions) / 200 <= 20, "each turn of the loop takes a few instructions"
    assert 20 < small.instructions < 500
    assert 100 < small.flash < 4000


def test_figures_are_the_same_again_without_those_that_were_kept(target: Target) -> None:
    if target.instructions_per_count is None:
        pytest.skip("nothing is counted")
    copies = [target.model_copy(update={"description": text}) for text in ("a", "b")]  # not built in: nothing is kept
    first, second = (measured(copy, summing(50)) for copy in copies)
    assert first[:2] == second[:2]
    assert abs((first.instructions or 0) - (second.instructions or 0)) <= 1
    assert measured(target, summing(50))[:2] == first[:2]


def test_tables_count_as_flash_and_buffers_as_ram(target: Target) -> None:
    body = "    buffer[(unsigned)x[0] % 400] = (float)table[(unsigned)x[1] % 100];\n    outputs[0] = buffer[0];\n" \
           "    outputs[1] = x[2];"
    small, large = (
        measured(target, program(body, f"static const int table[{n}] = {{{', '.join(map(str, range(n)))}}};\n"
                                       f"static float buffer[{m}];\n"))
        for n, m in ((100, 400), (1100, 900))
    )
    assert abs(large.flash - small.flash - 4000) <= 16
    assert abs(large.ram - small.ram - 2000) <= 16


def test_a_network_that_uses_too_much_stack_is_said(target: Target) -> None:
    n = target.stack // 4
    with pytest.raises(RuntimeError, match=f"more than the {target.stack} bytes of stack that are watched on"):
        measured(target, summing(n))


def test_a_network_that_does_not_end_is_given_up(target: Target) -> None:
    body = "    volatile int ever = 1;\n    while (ever)\n        outputs[0] = x[0];\n    outputs[1] = 0;"
    with pytest.raises(RuntimeError, match=f"the run on {target.name} took longer than 1 s"):
        measured(target.model_copy(update={"timeout": 1.0}), program(body))


def test_a_network_that_faults_is_said(target: Target) -> None:
    body = "    outputs[0] = x[0];\n    outputs[1] = 0;\n    __builtin_trap();"
    message = "failed with code" if target.name == "host" else f"the network faulted on {target.name}"
    with pytest.raises(RuntimeError, match=message):
        measured(target, program(body))


def test_a_network_that_does_not_fit_is_said(target: Target) -> None:
    if target.linker_script is None:
        pytest.skip("it fits here")
    message = r"the compiler of .* failed with code 1: .*region .?RAM.? (overflowed by|has no room)"
    with pytest.raises(RuntimeError, match=message):
        measured(target, program("    buffer[(unsigned)x[0]] = 1;\n    outputs[0] = outputs[1] = buffer[0];",
                                 "static float buffer[5000000];"))
    if target.name == "cortex-m0":  # what the stack would overwrite does not fit, either
        with pytest.raises(RuntimeError, match="region RAM has no room for the stack"):
            measured(target, program("    buffer[(unsigned)x[0]] = 1;\n    outputs[0] = outputs[1] = buffer[0];",
                                     "static float buffer[3500];"))


def test_warnings_of_the_compiler_are_errors(target: Target) -> None:
    with pytest.raises(RuntimeError, match=r"failed with code 1: .*error: unused variable"):
        measured(target, program("    int unused;\n    outputs[0] = outputs[1] = x[0];"))


def test_a_name_of_its_own_and_a_file_of_another_name_are_used(target: Target) -> None:
    from dataclasses import replace

    files = {suffix: text.replace(b"network", b"mine") for suffix, text in summing().items()}
    files[".c"] = files[".c"].replace(b"mine.h", b"my file.h")
    export = replace(EXPORT, name="mine", stem="my file")
    np.testing.assert_array_equal(measure_on(target, files, export, SAMPLES, 2).outputs, EXPECTED)


@needs_compiler
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo hello", "printed no figures of 4 samples, but 'hello'"),
        ("exit 0", "printed no figures of 4 samples, but ''"),
        ("echo board is busy >&2; exit 3", "the run on own failed with code 3: board is busy"),
        ('"$1" | sed "s/sample/simple/"', "printed no figures of 4 samples"),
        ('"$1" | sed "1,/sample/s/sample.*//"', "printed no figures of 4 samples"),
        ('"$1" | sed "s/ [0-9a-f]*$//"', "printed no figures of 4 samples"),
        ('"$1" | tr a-f A-F', "printed no figures of 4 samples"),
        ("cat /dev/zero", "failed: it printed more than"),
        ("echo evonas-fault", "the network faulted on own"),
    ],
)
def test_what_a_board_prints_instead_of_figures_is_said(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        measured(scripted(tmp_path, script), summing())


@needs_compiler
def test_figures_are_found_among_what_a_board_prints_beside_them(tmp_path: Path) -> None:
    target = scripted(tmp_path, 'echo "booting \\377"; "$1" | sed "s/$/\\r/"; echo done')
    np.testing.assert_array_equal(measured(target, summing()).outputs, EXPECTED)


@needs_compiler
def test_a_run_that_hangs_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    for seconds in (1.0, 10.0, 100.0):  # on a busy machine a script may take longer than the first to begin
        target = scripted(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; sleep 600", timeout=seconds)
        with pytest.raises(RuntimeError, match=f"the run on own took longer than {seconds:.0f} s"):
            measured(target, summing())
        if (tmp_path / "child").exists():
            break
    child = int((tmp_path / "child").read_text())
    for _ in range(1200):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if "Z" in Path(f"/proc/{child}/stat").read_text().split(")")[1]:
            return
        time.sleep(0.05)
    pytest.fail("the child goes on")


@needs_compiler
def test_what_is_no_elf_file_is_said() -> None:
    for damaged in (b"", b"\x7fELF", b"MZ" * 100, b"\x7fELF\x09\x01" + bytes(100)):
        for read in (sizes_of, sizes_of_symbols):
            with pytest.raises(ValueError, match="the linked image is no ELF file"):
                read(damaged)
    with built(built_in_targets()["host"], summing(), EXPORT, SAMPLES, 2) as image:
        content = image.read_bytes()
    assert sizes_of_symbols(content)["network_run"] > 0
    with pytest.raises(ValueError, match="the linked image is no ELF file"):
        sizes_of(content[:200])
