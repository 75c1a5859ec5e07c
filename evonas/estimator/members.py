"""The networks of a front in memory, with the data that their export needs, so that no folder has to remain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evonas.data.samples import Splits
from evonas.run.api import packages as search_packages
from evonas.run.lowering.export import write_network
from evonas.run.open import OpenRun
from evonas.run.package import Package
from evonas.run.refit import Final, packages
from evonas.types import UserError

if TYPE_CHECKING:
    from torch import nn

#: Number of validation samples that are kept to check exported programs.
CHECKED = 1000


@dataclass(frozen=True)
class Members:
    """Networks of a front by their ids.

    Attributes:
        together: Ids of the networks that predict: several for an ensemble.
        packages: The networks with the data for their export, by id.
        splits: The data set, with the training samples that calibrate exports, some validation samples and no others.
    """

    together: tuple[int, ...]
    packages: Mapping[int, Package]
    splits: Splits

    def package(self, id: int) -> Package:
        """One of the networks; raises :class:`UserError` with all ids if this is none of them."""
        if isinstance(id, int | np.integer) and not isinstance(id, bool) and id in self.packages:
            return self.packages[int(id)]
        there = ", ".join(map(str, sorted(self.packages)))
        raise UserError(f"expected the id of a member of front_, got {id!r}: there are {there} (the index of front_ "
                        f"and what predicts; networks of other individuals, as in finalists_, are not kept)")

    def module(self, id: int) -> nn.Module:
        """The network as a module from samples to outputs, both in the units of the data, in evaluation mode."""
        return self.package(id).module(raw=True)

    def write(self, id: int, path: str | Path, format: str | None, precision: str) -> tuple[Path, ...]:
        """Write a network to a file, and return the paths of all files written.

        Args:
            id: Id of the network.
            path: Path of the file.
            format: Name of the format; None follows from the suffix.
            precision: What the program computes with.

        Raises:
            UserError: See :func:`evonas.run.lowering.export.write_network`; or the suffix belongs to no format.
        """
        return write_network(self.package(id), lambda: self.splits, Path(path).expanduser(), format, precision).paths


def members_of(run: OpenRun, splits: Splits, ids: Iterable[int], final: Final, *, kept: object) -> Members:
    """Members of a run; those that were trained on all samples have the weights of that training.

    Args:
        run: The run, which has just ended.
        splits: Its data set.
        ids: Ids of the members.
        final: The picked networks.
        kept: None if the run is removed: then the members do not name its files.
    """
    found = search_packages(run, sorted(int(id) for id in ids)) | packages(run, final)
    if kept is None:
        found = {id: replace(p, source={**p.source, "dataset": "samples given to fit"}) for id, p in found.items()}
    rows = np.arange(len(splits.validation))
    checked = replace(splits, train=splits.calibration, validation=splits.validation.take(rows[:CHECKED]))
    return Members(tuple(final.networks), found, checked)
