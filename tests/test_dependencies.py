"""What the packages import is what they say they depend on: a user has nothing else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

#: Extras that files of the packages import, not those of developers.
EXTRAS = ("onnx", "dask", "litert", "torch-sparse", "cuda", "mlflow", "tensorboard", "testing")
ROOT = Path(__file__).parents[1]


def imported(package: str) -> set[str]:
    """Names of other top-level modules that a package's files import anywhere."""
    names: set[str] = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"evonas", "search_spaces"}


def test_every_import_is_of_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][name] for name in EXTRAS)]
    declared = {re.split(r"[^\w.-]", text)[0].lower() for texts in lists for text in texts}
    providers = packages_distributions()
    for name in imported("evonas") | imported("search_spaces"):
        known = {name.replace("_", "-"), *(d.lower() for d in providers.get(name, ()))}
        assert known & declared or name == "_typeshed", f"{name} comes from none of {sorted(declared)}"
