"""The settings of a run: each with its type, its default and its description.

The command line, the reference and completion take their texts from here. The first sentence of a description is the
help of the option; what follows ``None is`` is shown as its default.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat

from evonas.capabilities.given import Given, read_recipe
from evonas.capabilities.presets import PresetName
from evonas.data.axes import Axes
from evonas.data.locating import absolute
from evonas.data.own_files import Imputation, is_own_file
from evonas.evaluation.proxies import check_names
from evonas.training import Recipe
from evonas.training.device import check_name
from evonas.training.length import EPOCHS
from evonas.types import LOCAL_CLUSTER, MOST, MOST_JOBS


def _absolute(value: Path) -> Path:
    """Make a path absolute, so that a run can be resumed from any working directory."""
    return absolute(value)


def _validation(value: Path | str) -> Path | str:
    return value if str(value) == "split" else absolute(value)


def _dataset(value: str) -> str:
    return str(absolute(value)) if is_own_file(value) else value


def _teacher(value: str) -> str:
    return str(absolute(value))


def _several(value: object) -> object:
    """One text names one column, or several with commas."""
    return (value,) if isinstance(value, str) else value


def _ascending(value: tuple[int, ...]) -> tuple[int, ...]:
    if not value or value[0] < 1 or sorted(set(value)) != list(value):
        raise ValueError(f"rungs must be ascending numbers of epochs, at least 1, got {list(value)}")
    return value


def _cluster(value: str | None) -> str | None:
    if value is not None and not (LOCAL_CLUSTER.fullmatch(value) or re.fullmatch(r"(tcp|tls)://\S+:\d+", value)):
        raise ValueError(f"expected the address of a Dask scheduler, like tcp://host:8786, or a number of processes on "
                         f"this machine, like local:4, got {value!r}")
    return value


def _proxy(value: str) -> str:
    check_names([value])
    return value


class RunSettings(BaseModel):
    """Everything that decides the result of a run, and how it is run.

    ``data_root``, ``device``, ``jobs``, ``cluster``, ``time_limit``, ``trial_timeout``, ``generations`` and
    ``evaluations`` may be changed on resume.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: str = Field(default="neuron", description="Search space (``evonas spaces`` lists all).")
    dataset: Annotated[str, AfterValidator(_dataset)] = Field(
        default="digits",
        description="A name (``evonas datasets`` lists all), or the path of an own npz, npy, csv or parquet file.",
    )
    data_root: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        default=None, description="Folder of the data sets; None is ``$EVONAS_DATA``, else the user's data folder."
    )
    n_train: int | None = Field(default=None, ge=1, lt=2**63, description="Training samples to use; None is all.")
    n_validation: int | None = Field(
        default=None, ge=1, lt=2**63,
        description="Samples to hold back for validation; None is a fifth, of many a sixth. Where trials are small, a "
                    "large validation set takes most of their time.",
    )
    axes: Axes | None = Field(
        default=None,
        description="Axes of the samples of an own file; None is by their shape. See :mod:`evonas.data.axes`.",
    )
    task: Literal["classification", "regression"] | None = Field(
        default=None, description="Kind of the targets of an own file; None is by their type."
    )
    target: str | tuple[str, ...] | None = Field(
        default=None,
        description="Column of a table to predict (a device is in an objective: ``flash@cortex-m4``); several of a "
                    "regression."
    )
    groups: str | None = Field(
        default=None, description="Column (or array) whose equals are never split apart; None is none."
    )
    weights: str | None = Field(
        default=None, description="Column (or array) that says what each sample counts; None is all alike."
    )
    ignore: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=(),
        description="Columns of a table that are no features. As of ``target`` and ``categorical``, a text that is no "
                    "column itself names several with commas between them.",
    )
    impute: Imputation | None = Field(
        default=None,
        description="Statistic of the training samples that takes the place of missing values; None is none: they are "
                    "refused. For a missing text ``mean`` is the shares of its column's categories, ``median`` the "
                    "category that most samples have.",
    )
    validation: Annotated[Path | Literal["split"], AfterValidator(_validation)] | None = Field(
        default=None,
        description="File with the validation samples, or ``split``; None is ``x_val`` of arrays, or some are held "
                    "back. ``split`` holds some back even where the file has its own.",
    )
    test: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        default=None, description="File with the test samples; None is ``x_test`` of arrays."
    )
    columns: tuple[str, ...] = Field(
        default=(),
        description="Columns of a table that are features, in order; kept from the file that a run began with.",
    )
    categorical: Annotated[tuple[str, ...], BeforeValidator(_several)] = Field(
        default=(), description="Columns of a table that hold categories, beside those of few texts."
    )
    categories: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Categories of each such column; kept from the file that a run began with.",
    )
    objectives: tuple[str, ...] | None = Field(
        default=None,
        description="The quality, then costs (``evonas metrics`` lists all); None is ``trainval_error,flops``. Of a "
                    "regression the quality is ``trainval_mse`` then, of several targets ``trainval_nmse``.",
    )
    constraints: tuple[str, ...] = Field(default=(), description="Bounds on metrics, like ``flops<=100000``.")
    evaluator: Literal["trained", "shared", "table"] = Field(
        default="trained",
        description="What measures the quality of a network. ``shared`` trains nothing: it measures with the weights "
                    "of the supernet that the run ``supernet`` has trained, whatever the epochs. ``table`` trains "
                    "nothing either: it looks networks up in a published table of the space, of which ``dataset`` and "
                    "``epochs`` must be.",
    )
    supernet: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        default=None, description="Run whose supernet's weights are shared; None is none."
    )
    searcher: str = Field(
        default="nsga2",
        description="Search strategy. ``random`` is the baseline at equal budget; see :mod:`evonas.search`.",
    )
    searcher_options: dict[str, Any] = Field(default_factory=dict, description="Settings of the searcher's own.")
    seeder: str = Field(default="random", description="Method whose family the searcher ``random`` draws from.")
    preset: PresetName | None = Field(
        default=None,
        description="``published`` sets all as the method's paper has it, but for what is given; None is none. The "
                    "method is that of ``seeder``, or the searcher ``nsga2``; without a preset the defaults of this "
                    "project remain.",
    )
    population: int = Field(
        default=40, ge=2, le=MOST,
        description="Survivors of a generation, and founders; some searchers have another default.",
    )
    children: int = Field(
        default=20, ge=1, le=MOST,
        description="Offspring of a generation; some searchers have another default.",
    )
    generations: int = Field(
        default=30, ge=0, le=MOST,
        description="Generations after the founders; some searchers have another default.",
    )
    evaluations: int | None = Field(
        default=None, ge=1, le=MOST,
        description="Evaluations after which a run ends, whatever its searcher would still ask for; None is no limit.",
    )
    epochs: int | None = Field(
        default=None, ge=1, le=MOST,
        description=f"Epochs of a trial; None is {EPOCHS}, more where samples are few. See "
                    ":func:`evonas.training.length.default_epochs`.",
    )
    search_epochs: int | None = Field(
        default=None, ge=1, le=MOST,
        description="Epochs of a search that is one training for the whole family; None is the method's own. Its "
                    "members are trained for ``epochs`` after that.",
    )
    search_options: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of a search that is one training for the whole family. They are those of "
                    ":mod:`evonas.supernet.settings`, or the space's own.",
    )
    rungs: Annotated[tuple[int, ...], AfterValidator(_ascending)] | None = Field(
        default=None, description="Epochs that grow with promise, in the place of ``epochs``; None is none."
    )
    teacher: Annotated[str, AfterValidator(_teacher)] | None = Field(
        default=None,
        description="Run whose best ``teacher_members``, averaged, are distilled, or one of its networks, ``RUN:ID``; "
                    "None is none.",
    )
    teacher_members: int = Field(default=5, ge=1, le=MOST, description="Networks of the teacher.")
    self_distillation: bool | None = Field(
        default=None,
        description="The best so far teach the children; None is on, without a teacher, shifts and flips. The best "
                    "``teacher_members`` of this run teach those of the searcher ``nsga2``. Where images are moved in "
                    "training (also where only some networks' are) the default is off, since the teacher sees them "
                    "where they were. See :mod:`evonas.run.distillation`.",
    )
    survival: Literal["aging", "aging-dominated", "elitist"] = Field(
        default="aging-dominated",
        description="Order in which individuals die (nsga2 only). ``aging-dominated``: the oldest of the dominated "
                    "first, ``aging``: the oldest, ``elitist``: the worst.",
    )
    parent_selection: Literal[
        "front-gap", "unexplored", "tournament", "living-tournament", "binary-tournament"
    ] = Field(
        default="front-gap",
        description="Choice of parents (nsga2 only). ``front-gap``: neighbours of thin places of the front; "
                    "``unexplored``: the best of a lineage and the front, whose most promising new neighbours are the "
                    "children, in spaces that list neighbours (the default with the evaluator ``table``); "
                    "``tournament``: the best of 3 of the population, a fifth of the time any of the front; "
                    "``living-tournament``: always the best of 3 of the population; ``binary-tournament``: the better "
                    "of 2, as in Deb's NSGA-II.",
    )
    adaptive_operators: bool = Field(
        default=False,
        description="Draw operators by the hypervolume that they gained for their compute (nsga2 only).",
    )
    crossover_rate: float = Field(
        default=0.0, ge=0, le=1,
        description="Share of the children that have two parents (nsga2 only).",
    )
    prescreen: Annotated[str, AfterValidator(_proxy)] | None = Field(
        default=None,
        description="Zero-cost proxy that chooses which children are trained, like ``naswot``; None is none. It "
                    "chooses one of ``prescreen_ratio`` children that are bred; without it every child is trained. "
                    "See :mod:`evonas.evaluation.proxies`.",
    )
    prescreen_ratio: int = Field(
        default=5, ge=2, le=1000, description="Children that are bred for each that is trained."
    )
    reg_swap_sizes: tuple[PositiveFloat, PositiveFloat] | None = Field(
        default=None,
        description="Thousands of parameters that the proxy ``reg_swap`` prefers, and the width of that preference; "
                    "None is by the sizes of the space's networks. Its authors have 40 and 40 for cells on CIFAR-10.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63,
        description="Decides everything random but the split into training and validation samples.",
    )
    split_seed: int = Field(
        default=0, ge=0, lt=2**63,
        description="Decides the split into training and validation samples. Runs that seed each other must share it, "
                    "runs that are compared should.",
    )
    device: Annotated[str, AfterValidator(check_name)] = Field(
        default="auto",
        description="Device that torch trains on: ``auto``, ``cpu``, ``cuda`` or ``cuda:K``. ``auto`` is a GPU if "
                    "there is one; networks of neurons are trained by native code on the CPU all the same, unless a "
                    "GPU is named here, or the trainer ``cuda``. See :mod:`evonas.training.device`.",
    )
    jobs: int = Field(default=1, ge=1, le=MOST_JOBS, description="Trials at a time; does not change the result.")
    cluster: Annotated[str | None, AfterValidator(_cluster)] = Field(
        default=None,
        description="Dask scheduler on whose workers trials run, like ``tcp://host:8786``, or ``local:4`` for four "
                    "processes here; None is none. It takes the place of ``jobs``, and does not change the result. It "
                    "is not kept with the run, which may come from a stranger, but given again on resume. See "
                    ":mod:`evonas.evaluation.cluster`.",
    )
    asynchronous: bool = Field(
        default=False,
        description="Whether a worker that is free gets the next child at once, without waiting for the rest of its "
                    "generation. The same seed then does not give the same run. See :mod:`evonas.run.asynchronous`.",
    )
    time_limit: float | None = Field(
        default=None, gt=0,
        description="Seconds of all sessions, after which the run stops and can be resumed; None is no limit.",
    )
    trial_timeout: float | None = Field(
        default=None, gt=0, description="Seconds after which a trial counts as failed; None is no limit."
    )
    latency_command: str | None = Field(
        default=None,
        description="Command that gets an exported file and prints milliseconds; None is none. It is given again on "
                    "resume, since a run directory may come from a stranger. See :mod:`evonas.runtimes.device`.",
    )
    latency_timeout: float = Field(
        default=60, gt=0, description="Seconds that the latency command may take for each network."
    )
    target_files: tuple[str, ...] = Field(
        default=(),
        description="TOML files of your own targets, whose metrics are objectives or constraints. They name programs, "
                    "so that they are given again on resume, since a run directory may come from a stranger. See "
                    ":mod:`evonas.runtimes.targets`.",
    )
    classes: tuple[str, ...] = Field(
        default=(),
        description="Names of the classes in the order of the outputs, which networks keep in their headers. Where "
                    "they are not given, those of a table's target are kept.",
    )
    training: Annotated[dict[str, Any], AfterValidator(read_recipe)] = Field(
        default_factory=lambda: Given({}, Recipe()), description="Fields of :class:`evonas.training.Recipe`."
    )
    space_options: dict[str, Any] = Field(default_factory=dict, description="Options of the search space.")
