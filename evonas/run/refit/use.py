"""The picked networks in the forms for use: packages, a module, a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evonas.run.api import package
from evonas.run.open import OpenRun
from evonas.run.package import Package
from evonas.run.refit.final import Final

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn


def packages(run: OpenRun, final: Final) -> dict[int, Package]:
    """The picked networks for export, by id.

    Metrics of the search do not hold for other weights: networks trained on all samples, including those held back
    before, have only the metrics that follow from the structure.

    Args:
        run: The run, open.
        final: Result of :func:`evonas.run.refit.settle` for it.
    """
    found = {}
    for id, network in final.networks.items():
        known = package(run, id, "search")
        if not final.refitted:
            found[id] = known
            continue
        trained = "weights trained anew on all samples" if final.is_fresh else "weights trained on with all samples"
        found[id] = replace(
            known, genotype=run.space.encode(network.genotype), weights=network.weights,
            metrics=dict(run.space.cost(network.genotype)), source={**known.source, "weights": trained},
        )
    return found


def module(run: OpenRun, final: Final) -> nn.Module:
    """A module from samples to outputs, both in the units of the data; for several networks their mean.

    Its attribute ``header`` is that of the first, see :func:`evonas.load`.
    """
    modules = [each.module(raw=True) for each in packages(run, final).values()]
    if len(modules) == 1:
        return modules[0]
    from evonas.export.module import Averaged  # imports torch

    together = Averaged(modules, is_classifier=run.task.kind == "classification")
    together.header = modules[0].header
    return together.eval()


def standings(final: Final) -> pd.DataFrame:
    """The race as a table, the picked network first: ``id``, ``epochs``, ``loss``, ``behind``, ``error``.

    ``loss`` is the mean over samples while they were held out (see :func:`evonas.run.refit.folds.losses`),
    ``behind`` the difference to that of the best, ``error`` the standard error of this difference.
    """
    import pandas as pd

    columns = ("id", "epochs", "loss", "behind", "error")
    rows = [(s.entrant.id, s.entrant.epochs, s.loss, s.behind, s.error) for s in final.standings]
    return pd.DataFrame(rows, columns=list(columns))
