"""Observers that record the course of a run in MLflow or TensorBoard: a few numbers per generation, for plots."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias

from evonas.config import RunConfig
from evonas.individual import Evaluation
from evonas.objectives import Objectives
from evonas.report.standing import Standing
from evonas.serialization.files import make_folder
from evonas.store import Record
from evonas.types import Metrics, UserError, suggestion

#: The end of a session.
Ending: TypeAlias = Literal["finished", "interrupted", "failed"]


class Board(Protocol):
    """A place that keeps numbers."""

    def write(self, values: Mapping[str, float], generation: int) -> None:
        """Record numbers by name, e.g. ``best/flops``."""
        ...

    def close(self, ending: Ending) -> None:
        """Close the tracker at the end of the session."""
        ...


class GenerationObserver:
    """An observer of a run that writes on a board once a generation; a context, whose end closes the board.

    It writes ``hypervolume``, ``front`` (number of members), ``evaluations`` and ``failed`` (of the run so far), and of
    each objective ``best/METRIC``, the best of the front, and ``generation/METRIC``, the best of the individuals of the
    generation. A board that fails is noted and left: the search goes on.

    Args:
        name: The name of the board, for the note.
        start: Gives the board once the run is open: of its configuration, and of whether it goes on with an earlier
            session.
    """

    def __init__(self, name: str, start: Callable[[RunConfig, bool], Board]) -> None:
        self._name = name
        self._start = start
        self._board: Board | None = None
        self._standing = Standing(Objectives(()))
        self._n_done = self._n_failed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending: Ending = "finished" if error is None else "failed" if isinstance(error, Exception) else "interrupted"
        self._safely(lambda board: board.close(ending))
        self._board = None

    def begun(self, config: RunConfig, objectives: Objectives, records: list[Record], elapsed: float) -> None:
        """Open the board of a run.

        Args:
            config: Configuration of the run.
            objectives: Its objectives.
            records: Evaluations that it holds already.
            elapsed: Seconds of earlier sessions.
        """
        self._standing = Standing(objectives, records)
        self._n_done, self._n_failed = len(records), sum(r.status == "failed" for r in records)
        with _Noted(self._name):
            self._board = self._start(config, any(not r.imported for r in records))

    def asked(self, generation: int, n_trials: int, n_missing: int) -> None:
        """Begin a generation.

        Args:
            generation: Its number.
            n_trials: Number of its trials.
            n_missing: Number of its trials that have not been evaluated.
        """
        self._standing.begin(generation)

    def evaluated(self, evaluation: Evaluation[Any]) -> None:
        """Count a trial that ended."""
        self._standing.add(evaluation)
        self._n_done += 1
        self._n_failed += evaluation.status == "failed"

    def told(self) -> None:
        """Write the numbers of a generation that ended."""
        self._standing.end()
        self._safely(lambda board: board.write(self._numbers(), self._standing.generation))

    def timing(self, n_done: int, n_rounds: int) -> None:
        """Record nothing."""

    def noted(self, sentence: str) -> None:
        """Record nothing."""

    def searching(self, epoch: int, n_epochs: int, metrics: Metrics) -> None:
        """Write the metrics of an epoch of the search for a family.

        Args:
            epoch: Number of the epoch.
            n_epochs: Number of epochs in total.
            metrics: Metrics of the epoch.
        """
        self._safely(lambda board: board.write({f"search/{name}": value for name, value in metrics.items()}, epoch))

    def _numbers(self) -> dict[str, float]:
        standing, members = self._standing, self._standing.members or []
        numbers = {
            "hypervolume": standing.hypervolume(), "front": len(members), "evaluations": self._n_done,
            "failed": self._n_failed,
        }
        current = [r for r in standing.current if r.status == "ok"]
        for objective in standing.objectives.items:
            for name, records in (("best", members), ("generation", current)):
                if records:
                    values = ((objective.loss(r.metrics), r.metrics[objective.metric]) for r in records)
                    numbers[f"{name}/{objective.metric}"] = min(values)[1]
        return numbers

    def _safely(self, use: Callable[[Board], None]) -> None:
        if self._board is not None:
            with _Noted(self._name) as noted:
                use(self._board)
            if noted.failed:
                self._board = None


class _Noted:
    """Context that turns any exception of a library into a warning: a tracking server must not end the search."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.failed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        self.failed = isinstance(error, Exception)
        if self.failed:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            warnings.warn(f"{self._name} failed and is told nothing more, the search goes on: {reason}", stacklevel=3)
        return self.failed


class _TensorBoard:
    """Event files in the folder ``tensorboard`` of the run, so that ``tensorboard --logdir runs`` shows all runs."""

    def __init__(self, directory: Path, config: RunConfig) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder = directory / "tensorboard"
        make_folder(folder)
        self._writer: Any = SummaryWriter(str(folder))
        settings = "\n".join(f"    {name} = {value}" for name, value in _settings(config).items())
        self._writer.add_text("settings", settings)

    def write(self, values: Mapping[str, float], generation: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, generation)
        self._writer.flush()

    def close(self, ending: Ending) -> None:
        self._writer.close()


class _MLflow:
    """A run of the tracking server and experiment that MLflow's environment variables name."""

    _STATUS = MappingProxyType({"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED"})
    _TAG = "evonas.run"

    def __init__(self, directory: Path, config: RunConfig, *, resumed: bool) -> None:
        import mlflow

        self._mlflow = mlflow
        earlier = self._earlier(directory) if resumed else None
        mlflow.start_run(run_id=earlier, run_name=directory.name, tags={self._TAG: str(directory)})
        if earlier is None:  # values of parameters cannot be changed
            mlflow.log_params({name: str(value)[:500] for name, value in _settings(config).items()})

    def _earlier(self, directory: Path) -> str | None:
        """The id of an earlier session's run in MLflow, None if there is none."""
        if "'" in str(directory):  # the filter language has no escape for it
            return None
        found = self._mlflow.search_runs(
            filter_string=f"tags.`{self._TAG}` = '{directory}'", max_results=1, output_format="list"
        )
        return found[0].info.run_id if found else None

    def write(self, values: Mapping[str, float], generation: int) -> None:
        plain = {name.replace("@", " on "): value for name, value in values.items()}  # MLflow refuses an @
        self._mlflow.log_metrics(plain, step=generation)

    def close(self, ending: Ending) -> None:
        self._mlflow.end_run(self._STATUS[ending])


def _settings(config: RunConfig) -> dict[str, Any]:
    """Settings by name, those of tables as ``training.epochs``."""
    settings: dict[str, Any] = {}
    for name, value in config.to_json().items():
        entries = {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
        settings |= {key: each for key, each in entries.items() if each not in (None, [], "")}
    return settings


#: The package that each observer needs; it is also the name of an extra.
PACKAGES: Mapping[str, str] = MappingProxyType({"mlflow": "mlflow", "tensorboard": "tensorboard"})


def create_observers(names: Sequence[str], directory: Path) -> list[GenerationObserver]:
    """Observers by name, each once, for a run in a directory.

    Raises:
        UserError: There is none with this name, or its package is not installed.
    """
    absolute = directory.absolute()
    starts: dict[str, Callable[[RunConfig, bool], Board]] = {
        "mlflow": lambda config, resumed: _MLflow(absolute, config, resumed=resumed),
        "tensorboard": lambda config, resumed: _TensorBoard(absolute, config),
    }
    for name in names:
        if name not in starts:
            raise UserError(f"unknown observer {name!r}{suggestion(name, starts)}")
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise UserError(f"the observer {name} needs the package {PACKAGES[name]}, which is not installed: install "
                            f"it with pip install 'evonas[{name}]'")
    return [GenerationObserver(name, starts[name]) for name in dict.fromkeys(names)]
