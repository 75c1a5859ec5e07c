"""evonas evolve, evonas seed, evonas resume."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.cli.console import make_console, say
from evonas.cli.inspect import print_front
from evonas.cli.interruption import exit_code
from evonas.cli.options import (
    ConfigFile,
    DataAxes,
    DataRoot,
    Dataset,
    DataTask,
    Groups,
    Ignore,
    Impute,
    Jobs,
    MovedDataset,
    NTrain,
    NValidation,
    ObjectiveNames,
    ReplaceMaxPool,
    Seed,
    SpaceName,
    SpaceOption,
    Target,
    TeacherMembers,
    TeacherRun,
    TeacherWeight,
    TestFile,
    TimeLimit,
    TrainerName,
    TrialTimeout,
    Validation,
    check_teacher,
    parse_names,
    parse_options,
    parse_range,
)
from evonas.types import MOST, UserError

if TYPE_CHECKING:
    from evonas.config import RunConfig

METHOD = (
    "random; of neurons conv, prune, local, rigl, set or relevance; of cells hypernet-scalar, hypernet-vector, darts, "
    "gdas, proxyless, spos or fairnas; of cnn spread [random]."
)
SELF_DISTILLATION = "The best so far teach the children [on, without a teacher, shifts and flips]."
MEMBERS = "Networks [of a search its own number; else as many as the time allows, or 40]."


def evolve(
    config: ConfigFile = None,
    space: SpaceName = None,
    dataset: Dataset = None,
    data_root: DataRoot = None,
    n_train: NTrain = None,
    n_validation: NValidation = None,
    axes: DataAxes = None,
    task: DataTask = None,
    target: Target = None,
    groups: Groups = None,
    ignore: Ignore = None,
    impute: Impute = None,
    validation: Validation = None,
    test: TestFile = None,
    objectives: ObjectiveNames = None,
    constraint: Annotated[list[str] | None, typer.Option(help='Like "flops<=50000"; may be repeated.')] = None,
    evaluator: Annotated[str | None, typer.Option(help="trained, or shared with --supernet [trained].")] = None,
    supernet: Annotated[Path | None, typer.Option(help="Run whose supernet's weights are shared.")] = None,
    searcher: Annotated[str | None, typer.Option(help="nsga2 or random [nsga2].")] = None,
    population: Annotated[int | None, typer.Option(help="Survivors of a generation [40].")] = None,
    children: Annotated[int | None, typer.Option(help="Offspring of a generation [20].")] = None,
    generations: Annotated[int | None, typer.Option(help="Generations after the founders [30].")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of a trial [6; more where samples are few].")] = None,
    rungs: Annotated[str | None, typer.Option(help="Epochs that grow with promise, like 2,6, not --epochs.")] = None,
    survival: Annotated[str | None, typer.Option(help="aging, aging-dominated or elitist [aging-dominated].")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples a training step [64].")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate [0.003].")] = None,
    trainer: TrainerName = None,
    space_option: SpaceOption = None,
    teacher: TeacherRun = None,
    teacher_members: TeacherMembers = None,
    teacher_weight: TeacherWeight = None,
    self_distillation: Annotated[bool | None, typer.Option(help=SELF_DISTILLATION)] = None,
    seed: Seed = None,
    jobs: Jobs = None,
    time_limit: TimeLimit = None,
    trial_timeout: TrialTimeout = None,
    latency_command: Annotated[str | None, typer.Option(help="Gets an exported file, prints milliseconds.")] = None,
    seed_from: Annotated[list[Path] | None, typer.Option(help="Begin with this run's front; may be repeated.")] = None,
    replace_max_pool: ReplaceMaxPool = False,
    out: Annotated[Path | None, typer.Option(help="Run directory [runs/SPACE-DATASET-SEED].")] = None,
) -> None:
    """Evolve architectures and print the front."""
    from evonas import assembly
    from evonas.config import build_config

    training = {"batch_size": batch_size, "learning_rate": learning_rate, "teacher_weight": teacher_weight}
    given = build_config(config, {
        "space": space, "dataset": dataset, "data_root": data_root, "n_train": n_train,
        "n_validation": n_validation, "axes": axes, "task": task, "target": target, "groups": groups,
        "ignore": tuple(ignore) if ignore else None, "impute": impute, "validation": validation, "test": test,
        "objectives": parse_names(objectives), "constraints": tuple(constraint) if constraint else None,
        "evaluator": evaluator, "supernet": supernet, "searcher": searcher,
        "population": population, "children": children, "generations": generations,
        "epochs": epochs, "rungs": parse_names(rungs), "survival": survival, "seed": seed, "jobs": jobs,
        "time_limit": time_limit, "trial_timeout": trial_timeout, "latency_command": latency_command,
        "teacher": teacher, "teacher_members": teacher_members, "self_distillation": self_distillation,
        "training": {name: value for name, value in training.items() if value is not None},
        "space_options": parse_options(space_option) | ({} if trainer is None else {"trainer": trainer}),
    })
    check_teacher(given.teacher is not None or given.teaches_itself, teacher_members, teacher_weight)
    directory = out or Path("runs") / f"{given.space}-{Path(given.dataset).stem}-{given.seed}"
    seeds = seed_from or []
    _search(directory, lambda o: assembly.evolve(
        given, directory, seed_from=seeds, replace_max_pool=replace_max_pool, observers=o
    ), given)


def seed(
    config: ConfigFile = None,
    space: SpaceName = None,
    method: Annotated[str | None, typer.Option(help=METHOD)] = None,
    dataset: Dataset = None,
    data_root: DataRoot = None,
    n_train: NTrain = None,
    n_validation: NValidation = None,
    axes: DataAxes = None,
    task: DataTask = None,
    target: Target = None,
    groups: Groups = None,
    ignore: Ignore = None,
    impute: Impute = None,
    validation: Validation = None,
    test: TestFile = None,
    objectives: ObjectiveNames = None,
    members: Annotated[int | None, typer.Option(min=2, max=MOST, help=MEMBERS)] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of each [12; more where samples are few].")] = None,
    search_epochs: Annotated[int | None, typer.Option(help="Of a search, before them [the method's own].")] = None,
    edges: Annotated[str | None, typer.Option(help="LOW,HIGH: fewest and most edges after training.")] = None,
    trainer: TrainerName = None,
    space_option: SpaceOption = None,
    teacher: TeacherRun = None,
    teacher_members: TeacherMembers = None,
    teacher_weight: TeacherWeight = None,
    seed: Seed = None,
    jobs: Jobs = None,
    time_limit: TimeLimit = None,
    trial_timeout: TrialTimeout = None,
    out: Annotated[Path | None, typer.Option(help="Run directory [runs/METHOD-DATASET-SEED].")] = None,
) -> None:
    """Train a family of networks of all sizes: a front to evolve from (`evolve --seed-from`), or a baseline."""
    from evonas import assembly
    from evonas.config import build_config

    options = {"trainer": trainer, "founder_edges": parse_range(edges, "--edges")}
    given = build_config(config, {
        "space": space, "seeder": method, "dataset": dataset, "data_root": data_root, "n_train": n_train,
        "n_validation": n_validation, "axes": axes, "task": task, "target": target, "groups": groups,
        "ignore": tuple(ignore) if ignore else None, "impute": impute, "validation": validation, "test": test,
        "objectives": parse_names(objectives), "epochs": epochs, "search_epochs": search_epochs,
        "seed": seed, "jobs": jobs, "time_limit": time_limit, "trial_timeout": trial_timeout, "teacher": teacher,
        "teacher_members": teacher_members,
        "training": {} if teacher_weight is None else {"teacher_weight": teacher_weight},
        "space_options": parse_options(space_option) | {n: value for n, value in options.items() if value is not None},
    }, defaults={"searcher": "random"})
    _check_batches(given)
    check_teacher(given.teacher is not None, teacher_members, teacher_weight)
    directory = out or Path("runs") / f"{given.seeder}-{Path(given.dataset).stem}-{given.seed}"
    _search(directory, lambda o: assembly.seed(given, directory, n_members=members, observers=o), given)


def _check_batches(config: RunConfig) -> None:
    """Raises :class:`UserError` where the file has batches of its own."""
    fixed: list[str] = [key for key in ("population", "children", "generations") if key in config.model_fields_set]
    if config.searcher != "random":
        fixed.append("searcher")
    if fixed:
        raise UserError(f"`evonas seed` sets {', '.join(fixed)} itself: remove that from the file and give --members")


def resume(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    data_root: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    dataset: MovedDataset = None,
    generations: Annotated[int | None, typer.Option(help="New number of generations.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Trials at a time.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="New limit in seconds, earlier sessions included.")] = None,
    trial_timeout: TrialTimeout = None,
    latency_command: Annotated[str | None, typer.Option(help="The run's, where it has one.")] = None,
) -> None:
    """Go on with a run exactly where it stopped."""
    from evonas import assembly
    from evonas.opened import config_of

    changes: dict[str, Any] = {
        "data_root": None if data_root is None else str(data_root), "dataset": dataset,
        "generations": generations, "jobs": jobs,
        "time_limit": time_limit, "trial_timeout": trial_timeout, "latency_command": latency_command,
    }
    config = config_of(run, changes)
    _search(run, lambda observers: assembly.resume(run, changes, observers=observers), config)


def _search(directory: Path, start: Callable[[list[Any]], bool], config: RunConfig) -> None:
    from evonas.cli.progress import SearchProgress
    from evonas.opened import open_run

    progress = SearchProgress(make_console())
    with _interruptible(directory), progress:
        finished = start([progress])
    with open_run(directory) as run:
        print_front(run)
    if finished:
        say(f"The run is complete: {directory}")
    else:
        remedy = f"evonas resume {shlex.quote(str(directory))} --time-limit {2 * (config.time_limit or 0):g}"
        say(f"The time limit is reached: {directory}; go on with: {remedy}")


@contextmanager
def _interruptible(directory: Path) -> Iterator[None]:
    begin = time.monotonic()
    try:
        yield
    except KeyboardInterrupt as interrupt:
        remedy = f"go on with: evonas resume {shlex.quote(str(directory))}"
        where = remedy if (directory / "run.db").exists() else "nothing was written"
        say(f"interrupted after {time.monotonic() - begin:.0f} s; {where}")
        raise typer.Exit(exit_code(interrupt)) from None
