"""Every space that the project registers is under the contract of spaces."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENTRY_POINTS = tomllib.loads((HERE.parents[1] / "pyproject.toml").read_text())["project"]["entry-points"]


@pytest.mark.parametrize("name", ENTRY_POINTS["evonas.search_spaces"])
def test_every_space_is_under_the_contract(name: str) -> None:
    classes = [
        node for file in (HERE / name).glob("test_*.py") for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    known = {"SpaceContract"}
    for _ in classes:  # classes may derive from each other
        known |= {c.name for c in classes if {base.id for base in c.bases if isinstance(base, ast.Name)} & known}
    assert any(c.name.startswith("Test") and c.name in known for c in classes)


@pytest.mark.parametrize("name", ENTRY_POINTS["evonas.tables"])
def test_every_table_is_tested_missing_and_altered(name: str) -> None:
    text = (HERE / name / "test_table.py").read_text()
    for part in ("test_an_altered_table_is_refused", "test_missing_files_and_data_sets_are_named"):
        assert f"def {part}(" in text
