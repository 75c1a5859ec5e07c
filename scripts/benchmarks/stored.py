"""Results of benchmarks as they are stored: a document for programs, and its table for readers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evonas.serialization.files import atomic_write


def store(stem: Path, document: Any, table: str, *, indent: int | None = None) -> None:
    """Write the document as JSON, and its table.

    Args:
        stem: The files' path without suffix.
        document: What JSON can hold.
        table: The table, in Markdown.
        indent: Spaces of each level of the document; None for one line.
    """
    atomic_write(stem.with_suffix(".json"), (json.dumps(document, indent=indent) + "\n").encode())
    atomic_write(stem.with_suffix(".md"), table.encode())
