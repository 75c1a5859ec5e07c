"""C that shares a translation unit with other exported networks: what it defines for itself begins with its name."""

from __future__ import annotations

import re

#: What a source defines at the beginning of a line: macros, types, and static functions and tables.
_DEFINED = re.compile(
    r"^(?:#define (?P<macro>\w+)|typedef .*?\b(?P<type>\w+);|"
    r"static [^=;(\n]*?\b(?P<static>\w+)(?:\[[^=;\n]*)?\s*[(=;])",
    re.MULTILINE,
)
#: Comments and texts, which are left alone; and words, of which some are renamed.
_PARTS = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|[A-Za-z_]\w*|[0-9][\w.]*", re.DOTALL)


def scoped(source: str, name: str) -> str:
    """The source with its own macros, types, functions and tables named after the network.

    Args:
        name: Begins all that a source defines for others, and that stays.
    """
    own = {"static": name, "type": name, "macro": name.upper()}
    renamed = {
        word: f"{own[kind]}_{word}"
        for match in _DEFINED.finditer(source) for kind, word in match.groupdict().items()
        if word and not word.startswith(f"{own[kind]}_")
    }
    return _PARTS.sub(lambda match: renamed.get(match[0], match[0]), source)
