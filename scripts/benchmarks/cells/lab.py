"""Searches and trainings from scratch, each computed once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from evonas.cli.console import say
from evonas.data import load, test_split
from evonas.data.samples import Splits
from evonas.evaluation.base import Evaluator, Job, merge
from evonas.evaluation.final import FinalTraining, OutputEvaluator
from evonas.individual import Individual, Trial
from evonas.report.comparison_tables import mean_text
from evonas.run.plugins import create_space
from evonas.serialization.files import atomic_write
from evonas.supernet.checkpoint import FILE, TrainedHypernet, load_hypernet
from evonas.supernet.search import SupernetSearch
from evonas.supernet.settings import METHODS
from evonas.training import Recipe, Stop
from evonas.types import UserError
from scripts.benchmarks.stored import store
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.space import CellSpace

DATA: Mapping[str, Any] = {"dataset": "fashion-mnist", "n_train": 4000, "n_validation": 1000}
#: Epochs of a training from scratch.
EPOCHS = 8


@dataclass(frozen=True)
class Lab:
    """Searches and trainings in a folder; existing results are not computed again.

    Attributes:
        out: The folder.
        options: Options of the space.
        search_epochs: Epochs of a search.
        n_train: Training images; None takes the number in :data:`DATA`.
    """

    out: Path
    options: Mapping[str, Any]
    search_epochs: int
    n_train: int | None = None

    @cached_property
    def splits(self) -> Splits:
        return load(**self._data)

    @cached_property
    def space(self) -> CellSpace:
        space = create_space("cell", self.splits.task, self.options)
        assert isinstance(space, CellSpace)
        return space

    @cached_property
    def _final(self) -> Evaluator[CellGenotype]:
        test = test_split.load_test(**self._data)
        return merge(
            FinalTraining(self.space, self.splits, Recipe()),
            OutputEvaluator(self.space, test, self.splits.task, "test"),
        )

    @property
    def _data(self) -> Any:
        return {"name": DATA["dataset"], "n_train": self.n_train or DATA["n_train"], "validation": DATA["n_validation"]}

    @property
    def _setting(self) -> dict[str, Any]:
        """Settings on which all results depend."""
        return {**self.space.weight_options, **self._data, "fingerprint": self.splits.fingerprint}

    def searched(self, method: str, seed: int, *, name: str = "", **settings: Any) -> TrainedHypernet:
        """Return the logits of a search; a stopped search continues. Its reports are written to ``epochs.jsonl``.

        Args:
            method: Method of the search.
            seed: Seed of the search.
            name: First part of the folder's name; empty takes the method.
            settings: Settings of the method.
        """
        space, directory = self.space, self.out / f"{name or method}-{seed}"
        directory.mkdir(parents=True, exist_ok=True)
        self._check(directory, method, settings)

        def report(epoch: int, n_epochs: int, metrics: Mapping[str, float]) -> None:
            with (directory / "epochs.jsonl").open("a") as file:
                file.write(json.dumps({"epoch": epoch, **metrics}) + "\n")
            say(f"{directory}: epoch {epoch}/{n_epochs}")

        if not (directory / FILE).exists():
            SupernetSearch(space, method, METHODS[method](**settings)).search(
                self.splits, Recipe(), n_members=1, epochs=self.search_epochs, seed=np.random.SeedSequence(seed),
                stop=Stop(), directory=directory, report=report,
            )
        return load_hypernet(directory, space.choices)

    def _check(self, directory: Path, method: str, settings: Mapping[str, Any]) -> None:
        """Raise an error for results with other settings.

        Args:
            directory: Folder of the search.
            method: Method of the search.
            settings: Settings of the method.
        """
        path = directory / "settings.json"
        complete = asdict(METHODS[method](**settings))
        mine = json.loads(json.dumps({"method": method, "epochs": self.search_epochs, **complete, **self._setting}))
        if not path.exists():
            atomic_write(path, json.dumps(mine).encode())
            return
        found = json.loads(path.read_bytes())
        for name in {**mine, **found}:
            if found.get(name) != mine.get(name):
                raise UserError(
                    f"{directory} was made with {name} = {found.get(name)}, expected {mine.get(name)}: choose another "
                    "--out, or delete it"
                )

    def measured(self, genotype: CellGenotype, seed: int) -> dict[str, float]:
        """Return operations by name, costs, and the test accuracy in % after training from scratch."""
        path = self.out / "trained.json"
        known: dict[str, float] = json.loads(path.read_bytes()) if path.exists() else {}
        key = json.dumps([genotype.digest, seed, EPOCHS, asdict(Recipe()), self._setting])
        if key not in known:
            trial = Trial(Individual(0, genotype, 0, "supernet"), EPOCHS, replicate=seed)
            evaluation = self._final(Job(trial, np.random.SeedSequence(seed), None, Stop()))
            known[key] = 100 * evaluation.metrics["test_accuracy"]
            atomic_write(path, json.dumps(known).encode())
            say(f"trained from scratch: {known[key]:.2f} %")
        counts = self.space.arch_of(genotype).sum(axis=0)
        operations = dict(zip(self.space.choices.operations, counts.tolist(), strict=True))
        return {**operations, **self.space.cost(genotype), "accuracy": known[key]}


def write(stem: Path, sentence: str, header: str, rows: Sequence[str]) -> None:
    """Write a table below a sentence about it, as JSON and as Markdown.

    Args:
        stem: File without suffix.
        sentence: Explanation of the table.
        header: Names of the columns, with bars between them.
        rows: Rows, with bars between cells.
    """
    document = {"sentence": sentence, "header": header, "rows": list(rows)}
    text = markdown(document)
    store(stem, document, text, indent=1)
    say(text)


def markdown(document: Mapping[str, Any]) -> str:
    """Return the table of a document that :func:`write` has stored, below its sentence."""
    header, rows = document["header"], document["rows"]
    lines = [document["sentence"], "", f"| {header} |", "|---" * (header.count("|") + 1) + "|"]
    return "\n".join([*lines, *(f"| {row} |" for row in rows)]) + "\n"


def mean(rows: Sequence[Mapping[str, float]], key: str, digits: str = ".1f") -> str:
    """Return mean and deviation over seeds as text.

    Args:
        rows: Results of each seed.
        key: Name of the value.
        digits: Format of the numbers.
    """
    return mean_text([row[key] for row in rows], digits)
