"""Flash of networks before they are linked: their tables, and code whose size is known from a reference.

Programs of networks of a space have the same code as long as they have the same features; they differ in their tables
and a few numbers. A reference is such a program with tables and numbers of its own, so that one link for each kind of
code tells what the code, the startup and the functions of libraries take, no matter which network came first.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress

import numpy as np

from evonas.capabilities.export import ExportTarget
from evonas.runtimes.targets.building import built, fingerprint
from evonas.runtimes.targets.description import Target
from evonas.runtimes.targets.elf import sizes_of, sizes_of_symbols
from evonas.runtimes.targets.kept import digest_of, keep, read_kept

#: Entries of a reference's tables, and values of its macros: more than a compiler unrolls or folds. Smaller numbers, up
#: to FEW, are kept, and which entries of tables of so few are 0: loops over two layers are unrolled.
ENTRIES, NUMBER, FEW = 64, 24, 4
_TABLE = re.compile(r"^(static const \w+ (\w+))\[(\d+)\] = \{([^{}]*)\};", re.MULTILINE)
_ZEROS = frozenset({"0", "0.0f", "-0.0f", "0.0", "-0.0"})
_ROOM = re.compile(r"^(static \w+ \w+)\[\d+\];", re.MULTILINE)
_VALUES = re.compile(r"^#define (\w+) \{.*\}$", re.MULTILINE)
_COMMENT = re.compile(r"/\*[\s\S]*?\*/")
_MACRO = re.compile(r"^(#define \w+) (\d+)$", re.MULTILINE)


def code_bytes(target: Target, files: Mapping[str, bytes], export: ExportTarget) -> int:
    """Bytes of flash that the program of a network takes beside its tables, from the link of a reference.

    A program whose reference does not compile is linked itself.

    Args:
        target: The target.
        files: C of the network, contents by suffix.
        export: Purpose of the export, which names functions and files.

    Raises:
        RuntimeError: The program cannot be built.
    """
    source, tables = _reference(files[".c"].decode("ascii"))
    header = _MACRO.sub(_macro, files[".h"].decode("ascii"))
    digest = digest_of(fingerprint(target).encode(), export.name.encode(), source.encode(), _plain(header, source))
    name = f"{digest}.code"
    if (known := read_kept(name)) is not None:
        with suppress(ValueError):
            return int(known)
    try:
        found = _linked(target, {".c": source.encode(), ".h": header.encode()}, export, tables)
    except RuntimeError:
        return _linked(target, files, export, tables)
    keep(name, str(found).encode())
    return found


def _linked(target: Target, files: Mapping[str, bytes], export: ExportTarget, tables: Collection[str]) -> int:
    """Bytes of flash of a linked program without its tables."""
    with built(target, files, export, np.zeros((1, 8), np.uint8), NUMBER) as image:
        content = image.read_bytes()
        symbols = sizes_of_symbols(content)  # without tables that are not for this target
        return sizes_of(content).flash - sum(symbols.get(table, 0) for table in tables)


def _reference(source: str) -> tuple[str, set[str]]:
    """The source with the reference's tables and numbers, and the names of these tables."""
    names: dict[str, int] = {}

    def table(match: re.Match[str]) -> str:
        first = names.setdefault(match[2], len(names)) % 100  # no two tables are alike, which would become one
        if int(match[3]) <= FEW:
            numbers = [0 if number.strip() in _ZEROS else NUMBER + i for i, number in enumerate(match[4].split(","))]
        else:
            numbers = [first, *((7 * i + i // 3) % 11 for i in range(1, ENTRIES))]
        return f"{match[1]}[{len(numbers)}] = {{{', '.join(map(str, numbers))}}};"

    source = _MACRO.sub(_macro, _TABLE.sub(table, source))
    return _ROOM.sub(rf"\1[{ENTRIES}];", source), set(names)


def _macro(match: re.Match[str]) -> str:
    return match[0] if int(match[2]) <= FEW else f"{match[1]} {NUMBER}"


def _plain(header: str, source: str) -> bytes:
    """A header without comments, which tell sizes, and without lists that the source leaves to users, like names."""
    used = _VALUES.sub(lambda match: match[0] if match[1] in source else "", header)
    return _COMMENT.sub("", used).encode()
