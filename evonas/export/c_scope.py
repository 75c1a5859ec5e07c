"""C that shares a translation unit with other exported networks: its own definitions begin with its name."""

from __future__ import annotations

import re

#: Definitions at the beginning of a line: macros, types, enumerations without a name, and static functions and tables.
_DEFINED = re.compile(
    r"^(?:#define (?P<macro>\w+)|enum \{(?P<enum>[^{}=]*)\};|typedef .*?\b(?P<type>\w+);|\} (?P<struct>\w+);|"
    r"static [^=;(\n]*?\b(?P<static>\w+)(?:\[[^=;\n]*)?\s*[(=;])",
    re.MULTILINE,
)
#: Comments and texts, which are left unchanged; and words, of which some are renamed.
_PARTS = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|[A-Za-z_]\w*|[0-9][\w.]*", re.DOTALL)


def scoped(source: str, name: str) -> str:
    """Return the source with its own macros, types, functions and tables named after the network.

    Args:
        source: C99.
        name: Prefix of all names that a source defines for others, which stay as they are.
    """
    own = {"static": name, "type": name, "struct": name, "macro": name.upper(), "enum": name.upper()}
    renamed = {
        word: f"{own[kind]}_{word}"
        for match in _DEFINED.finditer(source) for kind, words in match.groupdict().items()
        for word in re.findall(r"\w+", words or "") if not word.startswith(f"{own[kind]}_")
    }
    return _PARTS.sub(lambda match: renamed.get(match[0], match[0]), source)
