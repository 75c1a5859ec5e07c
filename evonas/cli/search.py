"""Commands ``evonas evolve``, ``evonas seed`` and ``evonas resume``."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evonas.capabilities.family import FAMILY_SIZE
from evonas.cli import completion
from evonas.cli.console import make_console, print_stderr, say
from evonas.cli.ending import ending, next_steps
from evonas.cli.front import print_front
from evonas.cli.interruption import exit_code
from evonas.cli.options import (
    MACHINE,
    OF_RUN,
    OUTPUT,
    REPEATED,
    SEARCH,
    TRAINING,
    Categorical,
    Cluster,
    ConfigFile,
    DataAxes,
    DataRoot,
    Dataset,
    DataTask,
    Device,
    DeviceOfRun,
    FolderOfData,
    FounderEdges,
    Groups,
    Ignore,
    Impute,
    Jobs,
    MovedDataset,
    NTrain,
    NValidation,
    ObjectiveNames,
    Observers,
    Preset,
    Quiet,
    ReplaceMaxPool,
    RunFolder,
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
    Weights,
    check_teacher,
    parse_columns,
    parse_names,
    parse_options,
    parse_paths,
    parse_range,
    parse_target,
)
from evonas.cli.setting import setting
from evonas.search import SEARCHERS
from evonas.training.length import MEMBER_EPOCHS
from evonas.types import MOST, UserError

if TYPE_CHECKING:
    from evonas.config import RunConfig

METHOD = (
    "random; of neurons conv, prune, local, rigl, set, rigl-global, set-global, relevance or vertex-relaxation; of "
    "cells and blocks hypernet-scalar, hypernet-vector, darts, gdas, proxyless, spos or fairnas; of blocks sandwich or "
    "widest; of cnn spread"
)
MEMBERS = f"Networks [of a search its own number; else as many as the time allows, or {FAMILY_SIZE}]."


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
    weights: Weights = None,
    ignore: Ignore = None,
    categorical: Categorical = None,
    impute: Impute = None,
    validation: Validation = None,
    test: TestFile = None,
    objectives: ObjectiveNames = None,
    constraint: Annotated[
        list[str] | None, setting("constraints", SEARCH, more=f" or ``flops<=50000,depth<=4``{REPEATED}")
    ] = None,
    preset: Preset = None,
    searcher: Annotated[
        str | None, setting("searcher", SEARCH, values=tuple(SEARCHERS), completer=completion.searchers)
    ] = None,
    searcher_option: Annotated[
        list[str] | None, setting("searcher_options", SEARCH, more=f", like sample=10{REPEATED}")
    ] = None,
    population: Annotated[int | None, setting("population", SEARCH)] = None,
    children: Annotated[int | None, setting("children", SEARCH)] = None,
    generations: Annotated[int | None, setting("generations", SEARCH)] = None,
    evaluations: Annotated[int | None, setting("evaluations", SEARCH)] = None,
    survival: Annotated[str | None, setting("survival", SEARCH)] = None,
    parent_selection: Annotated[str | None, setting("parent_selection", SEARCH)] = None,
    adaptive_operators: Annotated[bool | None, setting("adaptive_operators", SEARCH)] = None,
    prescreen: Annotated[str | None, setting("prescreen", SEARCH, completer=completion.proxies)] = None,
    prescreen_ratio: Annotated[int | None, setting("prescreen_ratio", SEARCH)] = None,
    evaluator: Annotated[str | None, setting("evaluator", SEARCH)] = None,
    supernet: Annotated[Path | None, setting("supernet", SEARCH)] = None,
    epochs: Annotated[int | None, setting("epochs", TRAINING)] = None,
    rungs: Annotated[list[str] | None, setting("rungs", TRAINING, more=f", like 2,6{REPEATED}")] = None,
    batch_size: Annotated[int | None, setting("batch_size", TRAINING)] = None,
    learning_rate: Annotated[float | None, setting("learning_rate", TRAINING)] = None,
    trainer: TrainerName = None,
    space_option: SpaceOption = None,
    teacher: TeacherRun = None,
    teacher_members: TeacherMembers = None,
    teacher_weight: TeacherWeight = None,
    self_distillation: Annotated[bool | None, setting("self_distillation", TRAINING)] = None,
    seed: Seed = None,
    device: Device = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    asynchronous: Annotated[bool | None, setting("asynchronous", MACHINE)] = None,
    time_limit: TimeLimit = None,
    trial_timeout: TrialTimeout = None,
    latency_command: Annotated[str | None, setting("latency_command", MACHINE)] = None,
    target_file: Annotated[
        list[str] | None, setting("target_files", MACHINE, more=f", like board.toml,other.toml{REPEATED}")
    ] = None,
    seed_from: Annotated[
        list[Path] | None,
        typer.Option(help="Begin with the fronts of these runs, like runs/a,runs/b; may be repeated.",
                     rich_help_panel=SEARCH),
    ] = None,
    replace_max_pool: ReplaceMaxPool = False,
    out: Annotated[
        Path | None, typer.Option(help="Run directory [runs/SPACE-DATASET-SEED].", rich_help_panel=OUTPUT)
    ] = None,
    observer: Observers = None,
    quiet: Quiet = False,
) -> None:
    """Evolve architectures and print the front."""
    from evonas.config import build_config
    from evonas.run import start

    training = {"batch_size": batch_size, "learning_rate": learning_rate, "teacher_weight": teacher_weight}
    given = build_config(config, {
        "space": space, "dataset": dataset, "data_root": data_root, "n_train": n_train,
        "n_validation": n_validation, "axes": axes, "task": task, "target": parse_target(target), "groups": groups,
        "weights": weights, "categorical": parse_columns(categorical), "ignore": parse_columns(ignore),
        "impute": impute, "validation": validation, "test": test,
        "objectives": parse_names(objectives), "constraints": parse_names(constraint),
        "evaluator": evaluator, "supernet": supernet, "preset": preset, "searcher": searcher,
        "population": population, "children": children, "generations": generations, "evaluations": evaluations,
        "prescreen": prescreen, "prescreen_ratio": prescreen_ratio,
        "epochs": epochs, "rungs": parse_names(rungs), "survival": survival,
        "parent_selection": parent_selection, "adaptive_operators": adaptive_operators, "seed": seed,
        "device": device, "jobs": jobs, "cluster": cluster, "asynchronous": asynchronous,
        "time_limit": time_limit, "trial_timeout": trial_timeout, "latency_command": latency_command,
        "target_files": parse_names(target_file),
        "teacher": teacher, "teacher_members": teacher_members, "self_distillation": self_distillation,
        "training": {name: value for name, value in training.items() if value is not None},
        "searcher_options": parse_options(searcher_option, "--searcher-option"),
        "space_options": parse_options(space_option) | ({} if trainer is None else {"trainer": trainer}),
    })
    if given.prescreen is None and prescreen_ratio is not None:
        raise UserError("--prescreen-ratio is about a proxy that chooses, and there is none: name one with --prescreen")
    check_teacher(given.teacher is not None or given.teaches_itself, teacher_members, teacher_weight)
    directory = out or Path("runs") / f"{given.space}-{Path(given.dataset).stem}-{given.seed}"
    seeds = parse_paths(seed_from)
    _search(directory, lambda o: start.evolve(
        given, directory, seed_from=seeds, replace_max_pool=replace_max_pool, observers=o
    ), quiet=quiet, observers=observer or ())


def seed(
    config: ConfigFile = None,
    space: SpaceName = None,
    method: Annotated[
        str | None, setting("seeder", SEARCH, more=f": {METHOD}", completer=completion.seeders)
    ] = None,
    dataset: Dataset = None,
    data_root: DataRoot = None,
    n_train: NTrain = None,
    n_validation: NValidation = None,
    axes: DataAxes = None,
    task: DataTask = None,
    target: Target = None,
    groups: Groups = None,
    weights: Weights = None,
    ignore: Ignore = None,
    categorical: Categorical = None,
    impute: Impute = None,
    validation: Validation = None,
    test: TestFile = None,
    objectives: ObjectiveNames = None,
    preset: Preset = None,
    members: Annotated[int | None, typer.Option(min=2, max=MOST, help=MEMBERS, rich_help_panel=SEARCH)] = None,
    epochs: Annotated[
        int | None, setting("epochs", TRAINING, default=f"{MEMBER_EPOCHS}, more where samples are few")
    ] = None,
    search_epochs: Annotated[int | None, setting("search_epochs", TRAINING)] = None,
    founder_edges: FounderEdges = None,
    trainer: TrainerName = None,
    space_option: SpaceOption = None,
    search_option: Annotated[
        list[str] | None, setting("search_options", SEARCH, more=f", like prior=entropy{REPEATED}")
    ] = None,
    teacher: TeacherRun = None,
    teacher_members: TeacherMembers = None,
    teacher_weight: TeacherWeight = None,
    seed: Seed = None,
    device: Device = None,
    jobs: Jobs = None,
    cluster: Cluster = None,
    time_limit: TimeLimit = None,
    trial_timeout: TrialTimeout = None,
    out: Annotated[
        Path | None, typer.Option(help="Run directory [runs/METHOD-DATASET-SEED].", rich_help_panel=OUTPUT)
    ] = None,
    observer: Observers = None,
    quiet: Quiet = False,
) -> None:
    """Train a family of networks of all sizes: a front to evolve from (`evolve --seed-from`), or a baseline."""
    from evonas.config import build_config
    from evonas.run import start

    options = {"trainer": trainer, "founder_edges": parse_range(founder_edges, "--founder-edges")}
    given = build_config(config, {
        "space": space, "seeder": method, "preset": preset, "dataset": dataset, "data_root": data_root,
        "n_train": n_train, "n_validation": n_validation, "axes": axes, "task": task,
        "target": parse_target(target), "groups": groups, "weights": weights,
        "categorical": parse_columns(categorical), "ignore": parse_columns(ignore),
        "impute": impute, "validation": validation, "test": test,
        "objectives": parse_names(objectives), "epochs": epochs, "search_epochs": search_epochs,
        "seed": seed, "device": device, "jobs": jobs, "cluster": cluster, "time_limit": time_limit,
        "trial_timeout": trial_timeout, "teacher": teacher, "teacher_members": teacher_members,
        "training": {} if teacher_weight is None else {"teacher_weight": teacher_weight},
        "search_options": parse_options(search_option, "--search-option"),
        "space_options": parse_options(space_option) | {n: value for n, value in options.items() if value is not None},
    }, defaults={"searcher": "random"})
    _check_batches(given)
    check_teacher(given.teacher is not None, teacher_members, teacher_weight)
    directory = out or Path("runs") / f"{given.seeder}-{Path(given.dataset).stem}-{given.seed}"
    _search(directory, lambda o: start.seed(given, directory, n_members=members, observers=o), quiet=quiet,
            observers=observer or ())


def _check_batches(config: RunConfig) -> None:
    """Raise :class:`UserError` if the file sets a searcher or numbers of individuals, which ``evonas seed`` decides."""
    fixed: list[str] = [key for key in ("population", "children", "generations") if key in config.model_fields_set]
    if config.searcher != "random":
        fixed.append("searcher")
    if fixed:
        raise UserError(f"`evonas seed` sets {', '.join(fixed)} itself: remove that from the file and give --members")


def resume(
    run: RunFolder,
    data_root: FolderOfData = None,
    dataset: MovedDataset = None,
    generations: Annotated[int | None, setting("generations", SEARCH, default=OF_RUN)] = None,
    evaluations: Annotated[int | None, setting("evaluations", SEARCH, default=OF_RUN)] = None,
    device: DeviceOfRun = None,
    jobs: Annotated[int | None, setting("jobs", MACHINE, default=OF_RUN)] = None,
    cluster: Annotated[str | None, setting("cluster", MACHINE, default="")] = None,
    time_limit: Annotated[float | None, setting("time_limit", MACHINE, default=OF_RUN)] = None,
    trial_timeout: Annotated[float | None, setting("trial_timeout", MACHINE, default=OF_RUN)] = None,
    latency_command: Annotated[
        str | None, setting("latency_command", MACHINE, more=": the run's again, where it has one", default="")
    ] = None,
    target_file: Annotated[
        list[str] | None,
        setting("target_files", MACHINE, more=f": the run's again, like a.toml,b.toml{REPEATED}", default=""),
    ] = None,
    observer: Observers = None,
    quiet: Quiet = False,
) -> None:
    """Continue a run exactly where it stopped."""
    from evonas.run import start
    from evonas.run.open import config_of

    changes: dict[str, Any] = {
        "data_root": None if data_root is None else str(data_root), "dataset": dataset,
        "generations": generations, "evaluations": evaluations, "device": device, "jobs": jobs, "cluster": cluster,
        "time_limit": time_limit, "trial_timeout": trial_timeout, "latency_command": latency_command,
        "target_files": parse_names(target_file),
    }
    config_of(run, changes)  # or they are refused
    _search(run, lambda observers: start.resume(run, changes, observers=observers), quiet=quiet,
            observers=observer or ())


def _search(
    directory: Path, start: Callable[[list[Any]], bool], *, quiet: bool, observers: Sequence[str]
) -> None:
    from evonas.run.observers import create_observers
    from evonas.run.open import open_run
    from evonas.run.progress import SearchProgress

    others = create_observers(parse_names(observers) or (), directory)
    progress = SearchProgress(make_console(quiet=quiet))
    with _interruptible(directory), progress, ExitStack() as stack:
        finished = start([progress, *(stack.enter_context(observer) for observer in others)])
    with open_run(directory) as run:
        if not quiet:
            print_front(run, directory=directory)
        elif progress.n_failed:
            failed = f"{progress.n_failed} of {progress.n_done} trials failed"
            print_stderr(f"note: {failed}, the last one: {progress.last_error}")
        say(ending(run, directory, finished=finished, n_done=progress.n_done))
        if not quiet and (line := next_steps(run, directory)) is not None:
            say(line)


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
