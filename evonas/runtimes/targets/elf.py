"""Sections of linked images in the format ELF."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

#: Flags and type of a section: it is written to, it takes memory when the program runs, it has no bytes in the file.
_WRITE, _ALLOC, _NOBITS = 1, 2, 8
#: Type of the section with the symbols.
_SYMBOLS = 2
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
    except (struct.error, KeyError, IndexError, ValueError):
        raise ValueError("the linked image is no ELF file") from None
    flash = ram = 0
    for name, kind, flags, size in sections:
        if not flags & _ALLOC or name.startswith(_OUTSIDE):
            continue
        flash += 0 if kind == _NOBITS else size
        ram += size if flags & _WRITE else 0
    return Sizes(flash, ram)


def sizes_of_symbols(image: bytes) -> dict[str, int]:
    """Bytes of the functions and tables of a linked image, by name.

    Raises:
        ValueError: It is no ELF file, or is damaged.
    """
    try:
        order, rows = _rows(image)
        symbol, place = {1: ("IIIBBH", 2), 2: ("IBBHQQ", 5)}[image[4]]
        found: dict[str, int] = {}
        for row in rows:
            if row[1] == _SYMBOLS:
                names = rows[row[6]][4]
                for entry in struct.iter_unpack(order + symbol, image[row[4] : row[4] + row[5]]):
                    found[_name(image, names + entry[0])] = entry[place]
    except (struct.error, KeyError, IndexError, ValueError):
        raise ValueError("the linked image is no ELF file") from None
    return found


def _sections(image: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, type, flags and size of each section."""
    _, rows = _rows(image)
    order, header = {1: "<", 2: ">"}[image[5]], _HEADERS[image[4]][0]
    names = rows[struct.unpack_from(order + header, image, 16)[12]][4]
    for row in rows:
        yield _name(image, names + row[0]), row[1], row[2], row[5]


def _rows(image: bytes) -> tuple[str, list[tuple[int, ...]]]:
    """The order of bytes, and the headers of all sections."""
    if image[:4] != b"\x7fELF":
        raise IndexError
    header, section = _HEADERS[image[4]]
    order = {1: "<", 2: ">"}[image[5]]
    parts = struct.unpack_from(order + header, image, 16)
    first, size, number = parts[5], parts[10], parts[11]
    return order, [struct.unpack_from(order + section, image, first + i * size) for i in range(number)]


def _name(image: bytes, begin: int) -> str:
    return image[begin : image.index(b"\0", begin)].decode("ascii", "replace")
