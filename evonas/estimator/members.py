"""The networks of a front in memory, with what exporting them needs: no folder has to stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evonas.data.samples import Splits
from evonas.estimator.refit import Final, packages
from evonas.run.api import packages as search_packages
from evonas.run.lowered_export import write_network
from evonas.run.open import OpenRun
from evonas.run.package import Package
from evonas.types import UserError

if TYPE_CHECKING:
    from torch import nn

#: Validation samples that are kept to check exported programs on.
CHECKED = 1000


@dataclass(frozen=True)
class Members:
    """Networks of a front by their ids.

    Attributes:
        together: Ids of those that predict: several of an ensemble.
        splits: What they were trained for, with some of its validation samples and no others.
    """

    together: tuple[int, ...]
    packages: Mapping[int, Package]
    splits: Splits

    def package(self, id: int) -> Package:
        """One of the networks; raises :class:`UserError` where there is none of this id, and says which there are."""
        if isinstance(id, int | np.integer) and not isinstance(id, bool) and id in self.packages:
            return self.packages[int(id)]
        there = ", ".join(map(str, sorted(self.packages)))
        raise UserError(f"expected the id of a member of front_, got {id!r}: there are {there} (the index of front_ "
                        f"and what predicts; networks of other individuals, as in finalists_, are not kept)")

    def module(self, id: int) -> nn.Module:
        """It as a module from samples in the units of the data to outputs in theirs, in evaluation mode."""
        return self.package(id).module(raw=True)

    def write(self, id: int, path: str | Path, format: str | None, precision: str) -> tuple[Path, ...]:
        """Write a network to a file, in the format of its suffix where none is given; returns what was written.

        Raises:
            UserError: As :func:`evonas.run.lowered_export.write_network`; or the suffix stands for no format.
        """
        return write_network(self.package(id), lambda: self.splits, Path(path).expanduser(), format, precision).paths


def members_of(run: OpenRun, splits: Splits, ids: Iterable[int], final: Final, *, kept: object) -> Members:
    """Members of a run; those that were trained on all samples with the weights of that training.

    Args:
        run: That has just ended.
        splits: Its data set.
        ids: Of the members.
        final: What was picked.
        kept: None where the run is not: then the members do not name its files.
    """
    found = search_packages(run, sorted(int(id) for id in ids)) | packages(run, final)
    if kept is None:
        found = {id: replace(p, source={**p.source, "dataset": "samples given to fit"}) for id, p in found.items()}
    rows = np.arange(len(splits.validation))
    checked = replace(splits, train=splits.validation.take(rows[:0]), validation=splits.validation.take(rows[:CHECKED]))
    return Members(tuple(final.networks), found, checked)
