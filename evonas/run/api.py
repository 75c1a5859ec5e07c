"""A run on disk as Python sees it: its front and evaluations as tables, its networks as modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evonas import front as fronts
from evonas.config import RunConfig
from evonas.data.categories import feature_names
from evonas.data.locating import expanded
from evonas.report.notebook import GOALS, front_html, goals_of
from evonas.run.open import OpenRun, config_of, open_run, require_evaluated, require_samples, untrained
from evonas.run.package import Package
from evonas.run.package import load as load_file
from evonas.serialization import renamed
from evonas.store import Record
from evonas.types import UserError, Weights, meant

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

#: Columns of a table also without rows, which tell the metrics.
FIRST_COLUMNS = ("id", "generation", "operator", "parents", "budget")
#: Weights of an individual: of the search, and of its retrainings.
WEIGHTS = ("search", "fresh", "inherited")


class Run:
    """A run directory, finished or going: every call looks at what it holds by then, and changes nothing.

    Individuals are named by their ids, as everywhere: ``run.load(run.best(under={"flops": 20_000}))``.

    Args:
        path: Directory that ``evonas evolve --out`` wrote.

    Raises:
        UserError: There is no run, or it is damaged.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = expanded(path)
        config_of(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """The front as notebooks show it."""
        with open_run(self.path) as run:
            records, objectives, config = run.store.records(), run.objectives, run.config
        title = f"{self.path.name}: {config.space} on {Path(config.dataset).name}, {len(records)} evaluations"
        return front_html(fronts.front(records, objectives), objectives, title=title, records=records)

    @property
    def config(self) -> RunConfig:
        """Configuration of the run."""
        return config_of(self.path)

    def front(self, *, equal: bool = False, also: Sequence[int] = ()) -> pd.DataFrame:
        """The Pareto front, a row a member by ascending cost; the index is ``id``.

        Members that are equal in all objectives are one row, the first of them. Columns are ``generation``,
        ``operator``, ``parents`` (a list of ids), ``budget`` (epochs), ``equal`` (a list of the ids of
        members that are equal to this one) and every metric. Without members it has no rows. ``attrs["objectives"]``
        says of each objective whether it is minimised (``"min"``) or maximised.

        Args:
            equal: Every member has a row, also those that are equal to another.
            also: Individuals that have a row whether they are on the front or not.
        """
        with open_run(self.path) as run:
            members = _members(run)
            ids = fronts.equals(members, run.objectives)
            shown = members if equal else fronts.distinct(members, run.objectives)
            there, cost = {r.id for r in shown}, run.objectives.items[-1].metric
            others = [r for r in fronts.comparable(run.store.records()) if r.id in also and r.id not in there]
            shown = sorted([*shown, *others], key=lambda r: r.metrics[cost]) if others else shown
            frame = _frame((fronts.row(r, ids.get(r.id, ())) for r in shown), (*FIRST_COLUMNS, "equal"))
            frame.attrs[GOALS] = goals_of(run.objectives)
            return frame

    def evaluations(self) -> pd.DataFrame:
        """Every evaluation in order of completion, failed ones included; the index is ``id``.

        Where the run has rungs, an individual has a row for each budget. The columns are those of :meth:`front` and
        ``status``, ``error``, ``seconds`` (of the trial) and ``elapsed`` (seconds into the run).
        """
        with open_run(self.path) as run:
            return _frame(
                fronts.row(r) | {"status": r.status, "error": r.error, "seconds": r.seconds, "elapsed": r.elapsed}
                for r in run.store.records()
            )

    def best(self, under: Mapping[str, float] = MappingProxyType({})) -> int:
        """The member of the front that is best by the first objective, among those within all bounds.

        Bounds may be on any metric, by which members that are equal in the objectives differ: of these, one that
        :meth:`front` names under ``equal`` may be the only one within.

        Args:
            under: The most of some metrics, e.g. ``{"flops": 20_000}``.

        Raises:
            UserError: The front is empty, a metric is unknown or was measured for some members only, or no member is
                within the bounds.
        """
        if not isinstance(under, Mapping):
            raise UserError(f"under must be bounds by the names of metrics, like {{'flops': 20000}}, got {under!r:.80}")
        with open_run(self.path) as run:
            return fronts.best_under(_members(run), run.objectives, renamed.bounds(under), run=self.path).id

    def knee(self) -> int:
        """The member of the front where more cost begins to buy little; raises :class:`UserError` where it is empty."""
        with open_run(self.path) as run:
            return fronts.knee(_members(run), run.objectives).id

    def load(self, id: int, *, weights: str = "search", raw: bool = False) -> nn.Module:
        """An individual's network with its weights; see :func:`load`.

        Args:
            id: Id of the individual.
            weights: See :func:`load`.
            raw: See :func:`load`.
        """
        with open_run(self.path) as run:
            network = package(run, id, weights)
        try:
            return network.module(raw=raw)
        except ValueError as error:
            raise UserError(f"individual {id} of {self.path} cannot be loaded: {error}") from error


def load(path: Path | str, id: int | None = None, *, weights: str = "search", raw: bool = False) -> nn.Module:
    """A network ready to use, in evaluation mode: an exported one, or an individual of a run.

    Its attribute ``header`` (a dict) has the task, the normalisation, the metrics and where the network came from.

    Args:
        path: A file written by ``evonas export --format torch``, or with ``id`` a run directory.
        weights: Weights of a run's individual: ``"search"``, or those of its latest ``"fresh"`` or ``"inherited"``
            retraining.
        raw: The module takes samples ``(n, *input_shape)`` in the units of the data set's files (pixels, say) and gives
            regression outputs in theirs. Else it takes and gives normalised values, as in the search: for fine-tuning.

    Raises:
        UserError: There is no such file, run, individual or retraining; or it is damaged or from a newer version.
    """
    if id is not None:
        return Run(path).load(id, weights=weights, raw=raw)
    path = expanded(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder: name an individual of the run, as in evonas.load({str(path)!r}, 0)")
    return load_file(path, raw=raw)


def package(run: OpenRun, id: int, weights: str) -> Package:
    """An individual's network for export.

    Args:
        weights: As in :func:`load`; of several retrainings of the latest kind, those of the first seed.

    Raises:
        UserError: No such individual, or it has no such weights.
    """
    if weights not in WEIGHTS:
        raise UserError(f"weights must be {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}, got {weights!r}"
                        f"{meant(weights, WEIGHTS)}")
    (id,) = require_evaluated(run, [id])
    return _package(run, id, weights)


def packages(run: OpenRun, ids: Sequence[int]) -> dict[int, Package]:
    """Networks of the search by id; errors as of :func:`package`."""
    return {id: _package(run, id, "search") for id in require_evaluated(run, ids)}


def _package(run: OpenRun, id: int, weights: str) -> Package:
    require_samples(run)
    member, directory = run.store.member(id), run.store.directory
    if weights == "search":
        found, metrics, origin = run.store.weights(*member.evaluation.key), member.evaluation.metrics, "of the search"
    else:
        found, metrics, origin = _retrained(run, id, weights)
    if found is None:
        raise untrained(run, id)
    dataset = Path(run.config.dataset).name  # a network is given to others, whom folders of this machine do not concern
    source = {"run": directory.name, "id": id, "dataset": dataset, "weights": f"weights {origin}"}
    if run.config.classes:
        source["classes"] = list(run.config.classes)
    if run.config.columns:
        source["columns"] = list(feature_names(run.config.columns, run.config.categories))
    if run.config.categories:
        source["categories"] = {name: list(each) for name, each in run.config.categories.items()}
    if isinstance(run.config.target, tuple):
        source["targets"] = list(run.config.target)
    return Package(
        run.config.space, run.config.space_options, run.task, run.space.encode(member.genotype), found,
        run.store.info.normalisation, dict(metrics), source,
    )


def _retrained(run: OpenRun, id: int, start: str) -> tuple[Weights, Mapping[str, float], str]:
    """Weights, metrics and origin of the latest retraining from ``start``.

    Args:
        run: The run.
        id: Id of the individual.
        start: ``"fresh"`` or ``"inherited"``.
    """
    found = [r for r in run.store.retrainings() if r.id == id and r.start.partition("-")[0] == start]
    if not found:
        option = " --inherit" if start == "inherited" else ""
        command = f"evonas retrain {run.store.directory} --ids {id}{option}"
        raise UserError(f"individual {id} has no such retraining: run `{command}` first")
    last = found[-1]
    first = min((r for r in found if (r.start, r.epochs) == (last.start, last.epochs)), key=lambda r: r.seed)
    origin = f"retrained {first.start} for {first.epochs} epochs with seed {first.seed}"
    return run.store.retrained_weights(first), first.metrics, origin


def _members(run: OpenRun) -> list[Record]:
    return fronts.front(run.store.records(), run.objectives)


def _frame(rows: Iterable[dict[str, Any]], columns: Sequence[str] = FIRST_COLUMNS) -> pd.DataFrame:
    from evonas.run.frame import RunFrame  # imports pandas: half a second that other ways to a network should not wait

    table = list(rows)
    frame: pd.DataFrame = RunFrame(table or {name: [] for name in columns}).set_index("id")
    return frame
