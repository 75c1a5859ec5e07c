"""What docstrings refer to exists."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
REFERENCE = re.compile(r":(?:data|func|class|meth|mod|attr|exc):`~?((?:evonas|search_spaces)\.[\w.]+)`")
REFERENCES = sorted({
    name for folder in ("evonas", "search_spaces") for path in (ROOT / folder).rglob("*.py")
    for name in REFERENCE.findall(path.read_text())
})


def exists(name: str) -> bool:
    """Whether a dotted name is a module, something in it, or a field of one of its classes."""
    try:
        resolve_name(name)
    except ImportError:
        return False
    except AttributeError:
        owner, _, field = name.rpartition(".")
        holder: Any = resolve_name(owner) if exists(owner) else None
        return isinstance(holder, type) and field in getattr(holder, "__annotations__", {})
    return True


@pytest.mark.parametrize("name", REFERENCES)
def test_what_a_docstring_refers_to_exists(name: str) -> None:
    assert exists(name)


def test_what_is_not_there_is_seen() -> None:
    assert not exists("evonas.export.c_text.ENDING")
    assert not exists("evonas.nothing.here")
    assert exists("evonas.data.samples.Scaling.fill")
    assert exists("evonas.capabilities.export.ExportTarget.name")
