"""Runs of a benchmark in their order, each completed once, also after interruptions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from evonas.config import RunConfig
from evonas.run.build import assemble
from evonas.run.open import config_of
from evonas.run.start import evolve, resume
from evonas.types import UserError

from .methods import METHODS, DatasetSettings, settings_of


@dataclass(frozen=True)
class Benchmark:
    """Methods at equal wall-clock on one data set.

    Attributes:
        dataset: Name or file of the data set.
        minutes: Time of every method and seed.
        jobs: Trials at a time.
        n_seeds: Runs of a method; their seeds are 0, 1, ...
        methods: Names of :data:`METHODS`.
        data_root: Folder of the data sets.
        out: Folder of the runs and the results.
        teacher: Source of distillation for all, see :mod:`evonas.run.distillation`.
        setting: A setting of the data set, by name, see :func:`scripts.benchmarks.front.methods.settings_of`.
    """

    dataset: str
    minutes: float
    jobs: int
    n_seeds: int
    methods: Sequence[str]
    data_root: Path | None
    out: Path
    teacher: str | None = None
    setting: str | None = None

    @property
    def name(self) -> str:
        """Prefix of the names of runs and results."""
        parts = [Path(self.dataset).stem, self.setting, "distilled" if self.teacher else None]
        return "-".join(part for part in parts if part)

    @property
    def settings(self) -> DatasetSettings:
        """Budgets and settings of the data set."""
        return settings_of(self.dataset, self.setting)

    def searches(self) -> Iterator[Search]:
        """Yield all methods of seed 0 first, so that methods have had about equally many seeds at any time."""
        for seed, method in product(range(self.n_seeds), self.methods):
            yield from self.stages(method, seed)

    def stages(self, method: str, seed: int) -> list[Search]:
        """Return the stages of a method with one seed; the last is the run that counts."""
        stages: list[Search] = []
        for i, stage in enumerate(METHODS[method], 1):
            role = "" if i == len(METHODS[method]) else "-founders"
            config = stage.config(
                dataset=self.dataset, setting=self.setting, data_root=self.data_root, seed=seed, jobs=self.jobs,
                teacher=self.teacher, time_limit=60 * self.minutes * stage.share,
            )
            seeds = [earlier.directory for earlier in stages]
            stages.append(Search(config, self.out / f"{self.name}-{method}-{seed}{role}", seeds))
        return stages

    def runs(self) -> Mapping[str, list[Path]]:
        """Finished run directories that count, by method, in the order of their seeds."""
        return {method: [self.stages(method, s)[-1].directory for s in range(self.n_seeds)] for method in self.methods}

    def file(self, suffix: str) -> Path:
        """Return the path of a result."""
        return self.out / f"{self.name}.{suffix}"


@dataclass(frozen=True)
class Search:
    """Run that has its name as soon as its time is over; until then it is ``NAME.unfinished``.

    Attributes:
        config: Its configuration.
        directory: Its directory.
        seeds: Finished runs whose fronts are its founders.
    """

    config: RunConfig
    directory: Path
    seeds: Sequence[Path]

    def go_on(self, report: Callable[[str], None]) -> None:
        """Begin or resume the run unless it is finished; raise :class:`UserError` if it has other settings."""
        unfinished = self.directory.with_name(f"{self.directory.name}.unfinished")
        if self.directory.exists():
            self._check(self.directory)
            report(f"{self.directory}: finished before")
            return
        if unfinished.exists():
            self._check(unfinished)
            report(f"{self.directory}: goes on")
            resume(unfinished, {"data_root": self.config.data_root})
        else:
            report(f"{self.directory}: {self.config.time_limit:g} seconds")
            evolve(self.config, unfinished, seed_from=self.seeds)
        os.rename(unfinished, self.directory)

    def _check(self, directory: Path) -> None:
        """Raise an error for results with other settings."""
        found, expected = config_of(directory), assemble(self.config, directory).config
        for key in RunConfig.model_fields:
            if key != "data_root" and getattr(found, key) != getattr(expected, key):
                raise UserError(
                    f"{directory} was made with {key} = {getattr(found, key)}, expected {getattr(expected, key)}: "
                    "choose another --out, or delete it"
                )
