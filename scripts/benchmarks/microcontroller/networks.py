"""The best network of a run under a budget: chosen by validation, fine-tuned, linked, and run on the target."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from evonas.capabilities.export import ExportedModel
from evonas.data import test_split
from evonas.data.samples import Samples, Splits
from evonas.evaluation.metrics import measure
from evonas.evaluation.on_targets import few_samples, measure_on_targets, run_checked
from evonas.export.data_units import export_target
from evonas.export.formats import make_program
from evonas.run.api import package
from evonas.run.finetune import finetuned
from evonas.run.open import OpenRun, data_config, load_splits, open_run
from evonas.run.package import Package
from evonas.runtimes.targets import Figures, Target, built_in_targets
from evonas.space import Phenotype
from evonas.store import Record
from evonas.training import Stop
from evonas.training.loop import predict
from evonas.types import IntegerType, UserError

from .settings import PRECISIONS, TARGET, Budget, Setting

#: Largest share by which an estimate of the flash is off, and the least that weights of 4 bits take of the flash of
#: those of 8.
ESTIMATED, SAVED = 0.03, 0.5


class Built(NamedTuple):
    """Network on the target.

    Attributes:
        network: The network.
        precision: Type of its weights.
        program: Its C.
        figures: Those of the linked image, which gives what the program's module gives.
        val_accuracy: Accuracy of the integers on the validation samples.
    """

    network: Package
    precision: IntegerType
    program: ExportedModel
    figures: Figures
    val_accuracy: float


@dataclass(frozen=True, eq=False)
class Bench:
    """An opened run with its samples.

    Attributes:
        run: The run.
        splits: Its samples.
        setting: How networks are chosen.
        jobs: Networks that are fine-tuned at a time.
    """

    run: OpenRun
    splits: Splits
    setting: Setting
    jobs: int

    @property
    def target(self) -> Target:
        """Return the target of all rows."""
        return built_in_targets()[TARGET]

    def best(self, budget: Budget) -> Built:
        """Return the network of integers that validation chooses, after its trial epochs of fine-tuning.

        Raises:
            UserError: No network of the run keeps to the budget.
        """
        found = {precision: self._promising(budget, precision) for precision in PRECISIONS}
        with ThreadPoolExecutor(self.jobs) as pool:
            tried = pool.map(self._tried, [(one, each) for each, networks in found.items() for one in networks])
            built = [one for one in tried if budget.holds(one.figures)]
        if not built:
            raise UserError(f"no network of {self.run.store.directory} keeps to {budget}: search longer")
        return max(built, key=lambda one: (one.val_accuracy, -one.figures.flash))

    def final(self, chosen: Built, budget: Budget) -> Built:
        """Return the chosen network, fine-tuned on all training samples; as it was if it grows beyond the budget.

        Weights that become zeros are no edges, so that training changes the flash a little.
        """
        config = data_config(self.run)
        everything = test_split.load_for_retraining(config.dataset, **config.split)
        id = int(chosen.network.source["id"])
        network = finetuned(
            self.run, package(self.run, id, "search"), chosen.precision, self.setting.final_epochs, everything
        )
        built = self.build(network, chosen.precision)
        return built if budget.holds(built.figures) else chosen

    def build(self, network: Package, precision: IntegerType) -> Built:
        """Link a network, run it on the target, and measure its integers on the validation samples."""
        program, figures = self._linked(network, precision)
        return Built(network, precision, program, figures, self.accuracy(program, self.splits.validation))

    def accuracy(self, program: ExportedModel, samples: Samples) -> float:
        """Return the share of samples that the integers of a program classify rightly."""
        return measure(predict(program.compile(), samples), samples, self.splits.task, "its")["its_accuracy"]

    def _linked(self, network: Package, precision: IntegerType) -> tuple[ExportedModel, Figures]:
        """Return a network's program, and its figures on the target, where it must give what its module gives."""
        export, space = replace(export_target(self.splits, "network"), precision=precision), self.run.space
        program = make_program(space, self.splits.task, space.decode(network.genotype), network.weights, "c", export)
        return program, run_checked(program, export, few_samples(self.splits), self.target)

    def _tried(self, one: tuple[Package, IntegerType]) -> Built:
        """Fine-tune a network for a type of weights; the run's files are not read."""
        network, precision = one
        tuned = finetuned(self.run, network, precision, self.setting.trial_epochs, self.splits)
        return self.build(tuned, precision)

    def _promising(self, budget: Budget, precision: IntegerType) -> list[Package]:
        """Return the most accurate networks of the run that keep to a budget as they are."""
        found = [record for record in self.run.store.records() if record.status == "ok"]
        found.sort(key=lambda record: -record.metrics["val_accuracy"])
        within: list[Package] = []
        for record in found:
            most = (1 + ESTIMATED) * budget.flash
            if self._estimate(record, precision, most) <= most:
                network = package(self.run, record.id, "search")
                if budget.holds(self._linked(network, precision)[1]):
                    within.append(network)
            if len(within) == self.setting.n_candidates:
                break
        return within

    def _estimate(self, record: Record, precision: IntegerType, most: float) -> float:
        """Return the bytes of flash before linking, or infinity if they are certainly too many.

        Args:
            record: The network.
            precision: Type of its weights.
            most: Bytes above which all numbers are alike.
        """
        name = f"{precision}_flash_estimate@{TARGET}"
        if name in record.metrics:
            return record.metrics[name]
        known = record.metrics.get(f"int8_flash_estimate@{TARGET}", 0.0)
        if precision == "int4" and known > most / SAVED:  # nothing needs to be built to know that it is too large
            return math.inf
        member = self.run.store.member(record.id)
        weights = self.run.store.weights(*member.evaluation.key)
        assert weights is not None
        phenotype = Phenotype(member.genotype, weights)
        return measure_on_targets(self.run.space, self.splits, phenotype, [name], [self.target], Stop())[name]


def measure_run(path: Path, setting: Setting, jobs: int, data_root: Path | None) -> Iterator[dict[str, Any]]:
    """Yield what the best network of a finished run reaches under each budget; the test set is used for that alone.

    Args:
        path: Directory of the run.
        setting: Setting of its data set.
        jobs: Networks that are fine-tuned at a time.
        data_root: Folder of the data sets.

    Yields:
        The values of a row, see :class:`scripts.benchmarks.microcontroller.rows.Row`.
    """
    with open_run(path, data_root=data_root) as run:
        bench = Bench(run, load_splits(run), setting, jobs)
        test = test_split.load_test(data_config(run).dataset, **data_config(run).split)
        for budget in setting.budgets:
            began = time.monotonic()
            chosen = bench.best(budget)
            built = bench.final(chosen, budget)
            edges = round(run.space.cost(run.space.decode(built.network.genotype))["edges"])
            yield {
                "budget": budget.flash, "model": f"{built.precision}, {edges} edges",
                "val_accuracy": chosen.val_accuracy, "test_accuracy": bench.accuracy(built.program, test),
                **figures_of(built.figures), "seconds": time.monotonic() - began, "id": int(built.network.source["id"]),
            }


def figures_of(figures: Figures) -> dict[str, Any]:
    """Return the figures that a row holds."""
    return {"flash": figures.flash, "ram": figures.ram, "instructions": figures.instructions}
