"""Rows of the benchmark: each is measured once, and stored as soon as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from evonas.config import RunConfig
from evonas.serialization.files import atomic_write
from evonas.types import UserError
from scripts.benchmarks.front.schedule import Search

from .emlearn_models import KINDS, measure_models
from .networks import measure_run
from .settings import COMMON, Setting, setting_of

#: Results: ``{dataset, minutes, jobs, budgets: [[flash, ram, instructions]], rows: [Row]}``.
Document: TypeAlias = dict[str, Any]
OURS = "evonas"
METHODS = (OURS, *KINDS)


@dataclass(frozen=True)
class Row:
    """A method's best under a budget with one seed.

    Attributes:
        method: One of :data:`METHODS`.
        seed: Seed of the search, or of the trainings.
        budget: Bytes of flash of the budget.
        model: The model in words.
        seconds: Time of choosing and training, beside that of a search.
        val_accuracy: Accuracy by which it was chosen, a share; this and the others are None if no model is as small.
        test_accuracy: Accuracy of the program that is linked, a share.
        flash, ram: Bytes of the linked image, and of variables with the stack.
        instructions: Of a sample, median.
        id: Individual of the run; None without one.
    """

    method: str
    seed: int
    budget: int
    model: str
    seconds: float
    val_accuracy: float | None = None
    test_accuracy: float | None = None
    flash: int | None = None
    ram: int | None = None
    instructions: float | None = None
    id: int | None = None


@dataclass(frozen=True)
class Benchmark:
    """Methods on one data set.

    Attributes:
        dataset: Name or file of the data set.
        minutes: Time of a search.
        n_seeds: Seeds 0, 1, ... of each method.
        jobs: Networks that are trained at a time.
        data_root: Folder of the data sets.
        out: Folder of the runs and the results.
    """

    dataset: str
    minutes: float
    n_seeds: int
    jobs: int
    data_root: Path | None
    out: Path

    @property
    def setting(self) -> Setting:
        """Return the setting of the data set."""
        return setting_of(self.dataset)

    def file(self, suffix: str) -> Path:
        """Return the path of a result."""
        return self.out / f"microcontroller-{Path(self.dataset).stem}.{suffix}"

    def search(self, seed: int) -> Search:
        """Return the search of one seed."""
        config = RunConfig(
            dataset=self.dataset, data_root=self.data_root, seed=seed, jobs=self.jobs, time_limit=60 * self.minutes,
            **{**COMMON, **self.setting.search},
        )
        return Search(config, self.out / f"{self.file('json').stem}-{seed}", [])

    def document(self) -> Document:
        """Return the stored results, or those of no row.

        Raises:
            UserError: They are of other settings.
        """
        told = {
            "dataset": Path(self.dataset).stem, "minutes": self.minutes, "jobs": self.jobs,
            "budgets": [list(budget) for budget in self.setting.budgets],
        }
        file = self.file("json")
        if not file.exists():
            return {**told, "rows": []}
        try:
            stored: Document = json.loads(file.read_bytes())
            for row in stored["rows"]:
                Row(**row)
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise UserError(f"{file} holds no results of this benchmark ({error}): choose another --out") from None
        for name, value in told.items():
            if stored.get(name) != value:
                raise UserError(f"{file} was made with {name} = {stored.get(name)}, expected {value}: choose another "
                                "--out, or delete it")
        return stored

    def measure(self, methods: Sequence[str], report: Callable[[str], None]) -> Document:
        """Measure what is missing, all methods of a seed before the next, and store each row at once."""
        document = self.document()
        for seed in range(self.n_seeds):
            for method in methods:
                known = {row["budget"] for row in document["rows"] if (row["method"], row["seed"]) == (method, seed)}
                if known == {budget.flash for budget in self.setting.budgets}:
                    report(f"{self.dataset}, {method}, seed {seed}: measured before")
                    continue
                kept = [row for row in document["rows"] if (row["method"], row["seed"]) != (method, seed)]
                document["rows"] = kept
                for values in self._measured(method, seed, report):
                    row = Row(method, seed, **values)
                    document["rows"].append(asdict(row))
                    self.out.mkdir(parents=True, exist_ok=True)
                    atomic_write(self.file("json"), (json.dumps(document, indent=1) + "\n").encode())
                    report(f"{self.dataset}, {method}, seed {seed}, {row.budget:,} bytes: {row.model}"
                           + ("" if row.test_accuracy is None else f", {row.test_accuracy:.2%}"))
        return document

    def _measured(self, method: str, seed: int, report: Callable[[str], None]) -> Iterator[dict[str, Any]]:
        """Return the values of the rows of a method and a seed, each as soon as it is measured.

        Args:
            method: One of :data:`METHODS`.
            seed: The seed.
            report: Called with what a search says.
        """
        if method != OURS:
            return measure_models(method, self.dataset, self.setting, seed, self.data_root)
        search = self.search(seed)
        search.directory.parent.mkdir(parents=True, exist_ok=True)
        search.go_on(report)
        return measure_run(search.directory, self.setting, self.jobs, self.data_root)
