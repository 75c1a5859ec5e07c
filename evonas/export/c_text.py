"""Text of exported C: templates whose lines depend on a network's features, tables, texts and comments."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Collection, Mapping, Sequence
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Characters that stand for themselves in a comment: those that could end it, begin another, join lines or be one of a
#: trigraph do not.
_HARMLESS = frozenset(map(chr, range(32, 127))) - frozenset("*?\\")
_LINE_WIDTH = 100
#: Characters of a line that every compiler of C99 takes, less those that a definition has beside its names.
MOST_NAMES = 4095 - 300
#: Characters that stand for themselves in a constant.
_PLAIN = f"{string.ascii_letters}{string.digits} _.,:;()<>=+-"


def fill(template: str, features: Collection[str], values: Mapping[str, object]) -> str:
    """Fill a template with ``${values}``.

    A line that begins with ``@feature`` is kept only for networks with that feature.

    Args:
        template: C with placeholders.
        features: Features of the network.
        values: Values by the name of their placeholder.
    """
    lines = []
    for line in template.splitlines():
        feature, _, text = line[1:].partition(" ") if line.startswith("@") else ("", "", line)
        if not feature or feature in features:
            lines.append(text)
    return Template("\n".join(lines) + "\n").substitute(values)


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the name of a type in C99."""
    return {"float32": "float", "float64": "double"}.get(dtype.name, f"{dtype.name}_t")


def narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Return integers ``(n,)`` in the narrowest type that holds them, unsigned if none is negative."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return values.astype(np.min_scalar_type(min(low, -1 - high) if low < 0 else high))


def table(name: str, values: NDArray[Any]) -> str:
    """Return a constant array; float32 comes back bit for bit."""
    suffix = "f" if values.dtype == np.float32 else ""
    numbers = textwrap.fill(", ".join(f"{v!s}{suffix}" for v in values), _LINE_WIDTH - 4, break_on_hyphens=False)
    return f"static const {c_type(values.dtype)} {name}[{len(values)}] = {{\n{textwrap.indent(numbers, '    ')}\n}};\n"


def strings(texts: Sequence[str]) -> str:
    """Texts of any characters as C's constants, in UTF-8 with commas between them, all in one line of ASCII."""
    return ", ".join(f'"{"".join(map(_in_string, text.encode("utf-8", "replace")))}"' for text in texts)


def _in_string(byte: int) -> str:
    """Return a byte of a constant; bytes that could end it, or have another meaning in C, are in octal digits."""
    return chr(byte) if chr(byte) in _PLAIN else f"\\{byte:03o}"


def comment(lines: Sequence[str]) -> str:
    """Text of any origin as the inside of a comment, in ASCII, which it cannot end."""
    plain = ["".join(map(_in_comment, line)) for line in lines]
    width = _LINE_WIDTH - 3
    wrapped = [part for line in plain for part in textwrap.wrap(line, width, break_long_words=False) or [""]]
    return "\n".join(f" * {line}".rstrip() for line in wrapped)


def _in_comment(character: str) -> str:
    """A character of a comment: what is not harmless is written as C99 names it, by its number."""
    if character in _HARMLESS:
        return character
    if character.isspace():
        return " "
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
