"""Small tables that ship in packages: scikit-learn's, and those of river and mlxtend if these are installed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

from evonas.types import UserError

Kind = Literal["classification", "regression"]
Data = tuple[NDArray[Any], NDArray[Any]]
#: Rows of shuttle that are used, drawn once.
SHUTTLE_ROWS = 12_000


@dataclass(frozen=True)
class Table:
    """Data set: ``read()`` gives features ``(n, n_features)`` and labels or targets ``(n,)``.

    Attributes:
        kind: Kind of the task.
        package: Package that has the table.
        read: Reads the data.
    """

    kind: Kind
    package: str
    read: Callable[[], Data]


def find_tables(names: Sequence[str] | None) -> tuple[dict[str, Table], list[str]]:
    """The tables to use by name, and a sentence for each that is left out because its package is not there.

    Args:
        names: Tables that must all be there; None is every table that is.

    Raises:
        UserError: A name is unknown, or its package is not installed.
    """
    missing = {name: t for name, t in TABLES.items() if find_spec(t.package) is None}
    if names is None:
        said = [f"{name} is left out: it ships in {t.package}, which is not installed" for name, t in missing.items()]
        return {name: table for name, table in TABLES.items() if name not in missing}, said
    for name in names:
        if name not in TABLES:
            raise UserError(f"--tables: unknown table {name!r}, there are: {', '.join(TABLES)}")
        if name in missing:
            package = TABLES[name].package
            raise UserError(f"--tables: {name} ships in {package}, which is not installed: `pip install {package}`")
    return {name: TABLES[name] for name in names}, []


def _file(package: str, *parts: str) -> Path:
    """Return a file of an installed package without an import, which would need the package's own dependencies."""
    spec = find_spec(package)
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    return Path(places[0], *parts)


def _sklearn(name: str) -> Data:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return np.asarray(x, float), y


def _friedman(which: int) -> Data:
    make = {1: partial(datasets.make_friedman1, noise=1.0), 2: partial(datasets.make_friedman2, noise=100.0)}[which]
    x, y = make(n_samples=1000, random_state=0)
    return x, y


def _river(name: str, *, target: str | int = -1, drop: tuple[str, ...] = ()) -> Data:
    path = _file("river", "datasets", name)
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            frame = pd.read_csv(file)
    else:
        frame = pd.read_csv(path)
    y = frame.pop(frame.columns[target] if isinstance(target, int) else target).to_numpy()
    return frame.drop(columns=list(drop)).to_numpy(float), y


def _shuttle() -> Data:
    x, y = _river("shuttle.csv.gz")
    rows = np.random.default_rng(0).permutation(len(y))[:SHUTTLE_ROWS]
    return x[rows], y[rows]


def _bananas() -> Data:
    """Read lines like ``-1.0 1:0.5 2:-1.3``."""
    with zipfile.ZipFile(_file("river", "datasets", "banana.zip")) as archive:
        lines = [line.split() for line in archive.read(archive.namelist()[0]).decode().splitlines()]
    rows = [line for line in lines if len(line) >= 3]
    x = np.array([[float(value.partition(":")[2]) for value in row[1:3]] for row in rows])
    return x, np.array([int(float(row[0])) for row in rows])


def _mlxtend(name: str, *, drop: tuple[int, ...] = ()) -> Data:
    frame = pd.read_csv(_file("mlxtend", "data", "data", name), header=None).drop(columns=list(drop))
    return frame.iloc[:, :-1].to_numpy(float), frame.iloc[:, -1].to_numpy()


#: Tables by name.
TABLES: Mapping[str, Table] = MappingProxyType({
    "breast_cancer": Table("classification", "sklearn", partial(_sklearn, "breast_cancer")),
    "wine": Table("classification", "sklearn", partial(_sklearn, "wine")),
    "digits": Table("classification", "sklearn", partial(_sklearn, "digits")),
    "phishing": Table("classification", "river", partial(_river, "phishing.csv.gz")),
    "segment": Table("classification", "river", partial(_river, "segment.csv.zip", target="category")),
    "bananas": Table("classification", "river", _bananas),
    "mnist_5k": Table("classification", "mlxtend", partial(_mlxtend, "mnist_5k.csv.gz")),
    "shuttle": Table("classification", "river", _shuttle),
    "diabetes": Table("regression", "sklearn", partial(_sklearn, "diabetes")),
    "friedman1": Table("regression", "sklearn", partial(_friedman, 1)),
    "friedman2": Table("regression", "sklearn", partial(_friedman, 2)),
    "approval": Table("regression", "river", partial(_river, "trump_approval.csv.gz", target="five_thirty_eight")),
    "boston": Table("regression", "mlxtend", partial(_mlxtend, "boston_housing.csv")),
    "autompg": Table("regression", "mlxtend", partial(_mlxtend, "autompg.csv.gz", drop=(7,))),
})
