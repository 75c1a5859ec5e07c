"""Flash of networks before they are linked: their tables, and code whose size is known from a reference.

Programs of networks of a space have the same code as long as they have the same features; they differ in their tables
and a few numbers. A reference is such a program with tables and numbers of its own, so that one link for each kind of
code tells what the code, the startup and the functions of libraries take, no matter which network came first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.targets.building import built, digest_of, fingerprint, shared_file
from evonas.runtimes.targets.description import Target
from evonas.runtimes.targets.elf import sizes_of
from evonas.serialization.files import atomic_write

#: Entries of a reference's tables, and values of its macros: more than a compiler unrolls or folds.
ENTRIES, NUMBER = 64, 24
_TABLE = re.compile(r"^(static const (\w+) (\w+))\[\d+\] = \{[^{}]*\};", re.MULTILINE)
_ROOM = re.compile(r"^(static \w+ \w+)\[\d+\];", re.MULTILINE)
_MACRO = re.compile(r"^(#define \w+) \d+$", re.MULTILINE)
_BYTES = {"float": 4, "double": 8, "int": 4, "unsigned": 4}


def code_bytes(target: Target, files: Mapping[str, bytes], export: ExportTarget) -> int:
    """Bytes of flash that the program of a network takes beside its tables, from the link of a reference.

    Args:
        target: The target.
        files: C of the network, contents by suffix.
        export: Purpose of the export, which names functions and files.

    Raises:
        RuntimeError: The reference cannot be built.
    """
    source, table_bytes = _reference(files[".c"].decode("ascii"))
    header = _MACRO.sub(rf"\1 {NUMBER}", files[".h"].decode("ascii"))
    digest = digest_of(fingerprint(target).encode(), export.name.encode(), source.encode(), _plain(header))
    kept = shared_file(f"{digest}.code")
    with suppress(OSError, ValueError):
        return int(kept.read_text())
    reference = {".c": source.encode(), ".h": header.encode()}
    with built(target, reference, export, np.zeros((1, 8 * NUMBER), np.uint8), NUMBER) as image:
        found = sizes_of(image.read_bytes()).flash - table_bytes
    with suppress(OSError):  # the folder is full, or gone
        atomic_write(kept, str(found).encode())
    return found


def _reference(source: str) -> tuple[str, int]:
    """The source with the reference's tables and numbers, and the bytes of these tables."""
    total = 0

    def table(match: re.Match[str]) -> str:
        nonlocal total
        width = _BYTES.get(match[2]) or _bits(source, match[2]) // 8
        total += ENTRIES * width
        numbers = ", ".join(str((7 * i + i // 3) % 11) for i in range(ENTRIES))
        return f"{match[1]}[{ENTRIES}] = {{{numbers}}};"

    source = _MACRO.sub(rf"\1 {NUMBER}", _TABLE.sub(table, source))
    return _ROOM.sub(rf"\1[{ENTRIES}];", source), total


def _bits(source: str, type_: str) -> int:
    """Bits of an integer type of C99, or of one that the source names after it."""
    named = re.search(rf"^typedef (\w+) {re.escape(type_)};", source, re.MULTILINE)
    if named is not None:
        return 8 * _BYTES[named[1]] if named[1] in _BYTES else _bits(source, named[1])
    width = re.search(r"\d+", type_)
    if width is None:
        raise RuntimeError(f"the C of this network has a table of the type {type_}, whose size is unknown")
    return int(width[0])


def _plain(header: str) -> bytes:
    """A header without comments, which tell sizes, and without the names of classes and inputs."""
    return re.sub(r"/\*.*?\*/|^#define .*_NAMES .*$", "", header, flags=re.DOTALL | re.MULTILINE).encode()
