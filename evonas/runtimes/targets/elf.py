"""Sections of linked images in the format ELF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

#: Flags and type of a section: it is written to, it takes memory when the program runs, it has no bytes in the file.
_WRITE, _ALLOC, _NOBITS = 1, 2, 8
#: Formats of header and section header, by the byte that says whether addresses have 32 or 64 bits.
_HEADERS = {1: ("HHIIIIIHHHHHH", "IIIIIIIIII"), 2: ("HHIQQQIHHHHHH", "IIQQQQIIQQ")}
#: Beginnings of names of sections that are no part of a network: those of the harness, and room that scripts set aside.
_OUTSIDE = ("evonas", ".heap", ".stack")


class Sizes(NamedTuple):
    """Bytes that an image takes without what measures it.

    Attributes:
        flash: Code, constants and the initial values of variables.
        ram: Variables.
    """

    flash: int
    ram: int


def sizes_of(image: bytes) -> Sizes:
    """Sizes of a linked image.

    Raises:
        ValueError: It is no ELF file, or is damaged.
    """
    try:
        sections = list(_sections(image))
    except (struct.error, KeyError, IndexError):
        raise ValueError("the linked image is no ELF file") from None
    flash = ram = 0
    for name, kind, flags, size in sections:
        if not flags & _ALLOC or name.startswith(_OUTSIDE):
            continue
        flash += 0 if kind == _NOBITS else size
        ram += size if flags & _WRITE else 0
    return Sizes(flash, ram)


def _sections(image: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, type, flags and size of each section."""
    if image[:4] != b"\x7fELF":
        raise IndexError
    header, section = _HEADERS[image[4]]
    order = {1: "<", 2: ">"}[image[5]]
    parts = struct.unpack_from(order + header, image, 16)
    first, size, number, of_names = parts[5], parts[10], parts[11], parts[12]
    rows = [struct.unpack_from(order + section, image, first + i * size) for i in range(number)]
    names = rows[of_names][4]
    for row in rows:
        begin = names + row[0]
        yield image[begin : image.index(b"\0", begin)].decode("ascii", "replace"), row[1], row[2], row[5]
