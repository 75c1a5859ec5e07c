"""Images of networks: compiled and linked for a target with the harness that measures them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.compiled import MOST_OUTPUT, PATIENCE, STRICT
from evonas.runtimes.groups import TooMuchOutput, run_group
from evonas.runtimes.targets.description import SUPPORT, Target
from evonas.runtimes.targets.kept import digest_of, keep, read_kept
from evonas.types import Inputs, UserError

#: Options that put every function and table into a section of its own, so that the linker drops unused ones.
SECTIONS = ("-ffunction-sections", "-fdata-sections")
#: Bytes of stack that the harness itself takes at most.
OWN_STACK = 512
#: A program that needs the C library.
PROBE = "#include <math.h>\nint main(void) { volatile float x = 2; return (int)sqrtf(x); }\n"


def require_tools(targets: Sequence[Target]) -> None:
    """Check that this machine can build and run images.

    Raises:
        UserError: A tool or the target's C library is missing (names the Debian packages), or the target's own sources
            do not compile.
    """
    for target in targets:
        if lacks := target.missing_tools() or _missing_library(target):
            packages = f": install the Debian packages {', '.join(target.packages)}" if target.packages else ""
            raise UserError(f"the target {target.name} needs {' and '.join(lacks)}, which this machine lacks{packages}"
                            f"{'' if packages else ': install it, or put it on the PATH'}")
        try:
            _harness(target, "network")
        except RuntimeError as error:
            raise UserError(f"the target {target.name} cannot be used: {error}") from None


def describe_tools(target: Target) -> str:
    """A target with its compiler, and a digest of all else that figures depend on.

    Raises:
        RuntimeError: The compiler cannot be run.
    """
    version = _version(target, tuple(target.command)).decode(errors="replace").partition("\n")[0]
    return f"{target.name}, {version[:200]}, {fingerprint(target)[:12]}"


@lru_cache(maxsize=64)
def _missing_library(target: Target) -> list[str]:
    """The C library, if a program that needs its headers and functions cannot be linked for the target."""
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        (Path(folder) / "probe.c").write_text(PROBE)
        try:
            _run(target, [*target.command, *target.flags, *target.link_flags, "probe.c", "-lm", "-o", "probe"], folder)
        except RuntimeError as error:
            return ["its C library"] if re.search(r"math\.h|cannot find -l|specs", str(error)) else []
    return []


@contextmanager
def built(
    target: Target, files: Mapping[str, bytes], export: ExportTarget, samples: Inputs, n_outputs: int
) -> Iterator[Path]:
    """The image of an exported network, which exists as long as the context.

    Args:
        files: Its C, contents by suffix.
        export: Purpose of the export, which names functions and files.
        samples: Samples that the image runs it on, ``(n, *input_shape)``, in the type that it takes.
        n_outputs: Number of its outputs.

    Raises:
        RuntimeError: It does not compile, or is too large for the target.
    """
    stem = export.stem or export.name
    contents = [*_harness(target, export.name), _object_of(target, "samples.c", _samples(samples, n_outputs))]
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        for suffix, content in files.items():
            (Path(folder) / f"{stem}{suffix}").write_bytes(content)
        objects = [f"object-{number}.o" for number in range(len(contents))]
        for name, content in zip(objects, contents, strict=True):
            (Path(folder) / name).write_bytes(content)
        image = Path(folder) / "image.elf"
        compiler = [*target.command, *STRICT, *SECTIONS, *target.flags]
        _run(target, [*compiler, *_link(target), f"{stem}.c", *objects, "-lm", "-o", str(image)], folder)
        yield image


def fingerprint(target: Target) -> str:
    """Digest of all that images of a target depend on beside their networks."""
    return _fingerprint(target, tuple(target.command))


@lru_cache(maxsize=64)
def _version(target: Target, command: tuple[str, ...]) -> bytes:
    return _run(target, [*command, "--version"], None)


@lru_cache(maxsize=64)
def _fingerprint(target: Target, command: tuple[str, ...]) -> str:
    said = _version(target, command)
    scripts = [] if target.linker_script is None else [target.linker_script]
    texts = [path.read_bytes() for path in (*sorted(SUPPORT.iterdir()), *scripts) if path.is_file()]
    for source in target.sources:  # with the headers that it includes
        texts.append(_run(target, [*command, *STRICT, *target.flags, f"-I{SUPPORT}", "-E", str(source)], None))
    return digest_of(target.model_dump_json().encode(), said, *texts)


def _harness(target: Target, name: str) -> list[bytes]:
    """Objects of the harness, which calls the network by its name, and of the target's own sources."""
    defined = (f"-Devonas_network={name}_run", f"-DEVONAS_STACK={target.stack}")
    harness = _object_of(target, "harness.c", (SUPPORT / "harness.c").read_bytes(), defined)
    own = [_object_of(target, path.name, path.read_bytes(), (f"-I{path.parent}",)) for path in target.sources]
    return [harness, *own]


def _object_of(target: Target, file: str, content: bytes, options: Sequence[str] = ()) -> bytes:
    """The object of a source, compiled once for all processes of the user.

    Args:
        file: Name of the source.
        content: The source.
        options: Further options.
    """
    digest = digest_of(fingerprint(target).encode(), file.encode(), content, *(option.encode() for option in options))
    if (known := read_kept(f"{digest}.o")) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="evonas-") as folder:
        (Path(folder) / file).write_bytes(content)
        compiler = [*target.command, *STRICT, *SECTIONS, *target.flags, f"-I{SUPPORT}", *options]
        _run(target, [*compiler, "-c", file, "-o", "object.o"], folder)
        made = (Path(folder) / "object.o").read_bytes()
    keep(f"{digest}.o", made)
    return made


def _link(target: Target) -> list[str]:
    script = target.linker_script
    if script is None:
        return list(target.link_flags)
    room = f"-Wl,--defsym=evonas_stack={target.stack + OWN_STACK}"
    return [*target.link_flags, "-T", str(script), f"-L{script.parent}", f"-L{SUPPORT}", room]


def _samples(samples: Inputs, n_outputs: int) -> bytes:
    """C of samples, of their numbers, and of the room for outputs."""
    data = samples.tobytes()
    numbers = ",".join(map(str, data))
    sizes = {"evonas_n_samples": len(samples), "evonas_sample_bytes": len(data) // len(samples),
             "evonas_n_outputs": n_outputs}
    lines = [
        '#include "evonas_port.h"',
        f"extern const unsigned char evonas_samples[{len(data)}];",
        f"extern const uint32_t {', '.join(sizes)};",
        f"extern evonas_output evonas_outputs[{n_outputs}];",
        f"const unsigned char evonas_samples[{len(data)}] EVONAS_CONSTANT = {{{numbers}}};",
        *(f"const uint32_t {name} EVONAS_CONSTANT = {value};" for name, value in sizes.items()),
        f"evonas_output evonas_outputs[{n_outputs}];",
    ]
    return "\n".join([*lines, ""]).encode("ascii")


def _run(target: Target, command: Sequence[str], folder: str | None) -> bytes:
    """Run a compiler.

    Raises:
        RuntimeError: It fails; the message is its first error.
    """
    try:
        done = run_group(command, cwd=folder, timeout=PATIENCE, most=MOST_OUTPUT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the compiler of {target.name} took longer than {PATIENCE:g} s") from None
    except (OSError, ValueError, TooMuchOutput) as error:
        raise RuntimeError(f"the compiler of {target.name} failed: {error}") from None
    if done.returncode:
        lines = (done.stderr.decode(errors="replace").strip() or "no message").splitlines()
        said = next(filter(re.compile(r"overflowed|no room|\berror:(?! ld returned)").search, lines), lines[0])
        raise RuntimeError(f"the compiler of {target.name} failed with code {done.returncode}: {said.strip()[:500]}")
    return done.stdout
