"""Parsers of the small languages of command-line values, and options that commands share."""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evonas import renamed
from evonas.cli import completion
from evonas.types import MOST, UserError, suggestion

#: Panels of the help, in the order of their first options.
DATA, SEARCH, TRAINING, MACHINE, CHOICE, OUTPUT = "Data", "Search", "Training", "Machine", "Choice", "Output"

#: How options that take several names say so: with commas, by repetition, or both.
SEVERAL = ", like a,b; may be repeated"

#: Options of all commands that begin a run.
ConfigFile = Annotated[Path | None, typer.Argument(help="TOML file; options override it.", show_default=False)]
SpaceName = Annotated[
    str | None,
    typer.Option(help="Search space (`evonas spaces`) [neuron].", autocompletion=completion.spaces,
                 rich_help_panel=SEARCH),
]
Dataset = Annotated[
    str | None,
    typer.Option(help="A name (`evonas datasets`), or an .npz, .csv or .parquet file [digits].", rich_help_panel=DATA,
                 autocompletion=completion.datasets),
]
MovedDataset = Annotated[
    str | None,
    typer.Option("--dataset", help="The run's own file of samples [where it was, or beside the run].",
                 rich_help_panel=DATA),
]
Target = Annotated[
    list[str] | None,
    typer.Option(help=f"Column of a table that is to be predicted; of a regression also several{SEVERAL}.",
                 rich_help_panel=DATA),
]
Categorical = Annotated[
    list[str] | None,
    typer.Option(help=f"Columns of a table that hold categories, as those of few texts do{SEVERAL}.",
                 rich_help_panel=DATA),
]
Groups = Annotated[
    str | None,
    typer.Option(help="Column (array of an .npz) whose equals are never split apart [none].", rich_help_panel=DATA),
]
Weights = Annotated[
    str | None,
    typer.Option(help="Column (array of an .npz) that says what each sample counts [all alike].", rich_help_panel=DATA),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(help=f"Columns of a table that are no features{SEVERAL}.", rich_help_panel=DATA),
]
Impute = Annotated[
    str | None,
    typer.Option(help="mean or median of training samples, for missing values; for a missing text the shares of its "
                      "column's categories, or the one that most have [refused].", rich_help_panel=DATA),
]
Validation = Annotated[
    Path | None,
    typer.Option(help="File with the validation samples, or split [x_val of an .npz, or some are held back].",
                 rich_help_panel=DATA),
]
TestFile = Annotated[
    Path | None,
    typer.Option("--test", help="File with the test samples [x_test of an .npz].", rich_help_panel=DATA),
]
DataRoot = Annotated[Path | None, typer.Option(help="Folder of the data sets [$EVONAS_DATA].", rich_help_panel=DATA)]
NTrain = Annotated[
    int | None, typer.Option(help="Training samples to use [all].", rich_help_panel=DATA)
]
NValidation = Annotated[
    int | None,
    typer.Option(help="Samples to hold back for validation [a fifth; of many a sixth].", rich_help_panel=DATA),
]
DataAxes = Annotated[
    str | None,
    typer.Option("--axes", help="Axes of samples: hw, chw, hwc, cl or lc [by their shape].", rich_help_panel=DATA,
                 autocompletion=completion.setting("axes")),
]
DataTask = Annotated[
    str | None,
    typer.Option("--task", help="classification or regression [by the type of y].", rich_help_panel=DATA,
                 autocompletion=completion.setting("task")),
]
ObjectiveNames = Annotated[
    list[str] | None,
    typer.Option(help="The quality, then costs (`evonas metrics`); may be repeated [trainval_error,flops].",
                 rich_help_panel=SEARCH,
                 autocompletion=completion.several_metrics),
]
TrainerName = Annotated[
    str | None, typer.Option(help="auto, native, torch or dense [auto].", rich_help_panel=TRAINING)
]
SpaceOption = Annotated[
    list[str] | None,
    typer.Option(help="Like cells=3 (`evonas spaces NAME`); may be repeated.", rich_help_panel=SEARCH),
]
Preset = Annotated[
    str | None,
    typer.Option(help="published: the method as its paper has it, but for what is given [none].",
                 autocompletion=completion.setting("preset"), rich_help_panel=SEARCH),
]
Seed = Annotated[int | None, typer.Option(help="Decides everything random [0].", rich_help_panel=SEARCH)]
Jobs = Annotated[
    int | None, typer.Option(help="Trials at a time; does not change the result [1].", rich_help_panel=MACHINE)
]
TimeLimit = Annotated[
    float | None,
    typer.Option(help="Seconds; the run then stops and can be resumed [none].", rich_help_panel=MACHINE),
]
TrialTimeout = Annotated[
    float | None,
    typer.Option(help="Seconds after which a trial counts as failed [none].", rich_help_panel=MACHINE),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Print only errors and, at the end, where the run is.", rich_help_panel=OUTPUT),
]

Observers = Annotated[
    list[str] | None,
    typer.Option("--observer", help="Told of each generation, like mlflow,tensorboard; may be repeated [none].",
                 autocompletion=completion.observers, rich_help_panel=OUTPUT),
]

#: Options for the form of results.
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=OUTPUT)]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV.", rich_help_panel=OUTPUT)]
PlotFile = Annotated[
    Path | None, typer.Option("--plot", help="Also draw it to this file (png, svg, pdf).", rich_help_panel=OUTPUT)
]
DrawFile = Annotated[
    Path | None, typer.Option("--draw", help="Also draw it to this file (svg, png, pdf).", rich_help_panel=OUTPUT)
]
RunFolder = Annotated[Path, typer.Argument(help="Run directory.")]
FolderOfData = Annotated[
    Path | None, typer.Option("--data-root", help="Folder of the data sets [the run's].", rich_help_panel=DATA)
]
FolderOfTestData = Annotated[
    Path | None, typer.Option("--data-root", help="Folder of the data sets, for --test.", rich_help_panel=DATA)
]
Reference = Annotated[
    list[str] | None,
    typer.Option(help="Reference of the hypervolume: trainval_error=1,flops=200000; may be repeated.",
                 rich_help_panel=OUTPUT),
]

#: Option for networks that are converted from one space to another.
ReplaceMaxPool = Annotated[
    bool,
    typer.Option("--replace-max-pool", help="Lower max-pooling as average pooling.", rich_help_panel=SEARCH),
]

#: Options of all commands that train.
TeacherRun = Annotated[
    str | None,
    typer.Option("--teacher", help="Distil from a run's best networks, or from RUN:ID.", rich_help_panel=TRAINING),
]
TeacherMembers = Annotated[
    int | None,
    typer.Option(min=1, max=MOST, help="Networks of the teacher, averaged [5].", rich_help_panel=TRAINING),
]
TeacherWeight = Annotated[
    float | None, typer.Option(help="Share of the teacher in the targets [0.5].", rich_help_panel=TRAINING)
]


def check_teacher(taught: bool, members: int | None, weight: float | None) -> None:
    """Raise :class:`UserError` for options of a teacher without a teacher.

    Args:
        taught: Whether there is a teacher.
        members: Value of the option for its members.
        weight: Value of the option for its weight.
    """
    if not taught and (members is not None or weight is not None):
        raise UserError("--teacher-members and --teacher-weight are about a teacher, and there is none: name one with "
                        "--teacher")


def parse_assignments(texts: Sequence[str], option: str) -> Mapping[str, float]:
    """Parse ``METRIC=NUMBER,METRIC=NUMBER`` as a dict; raise :class:`UserError` for other text."""
    text = ",".join(texts)
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        return {renamed.metric(name.strip()): float(value) for name, _, value in pairs}
    except ValueError:
        raise UserError(f"{option}: cannot read {text!r}, expected METRIC=NUMBER[,METRIC=NUMBER]") from None


def parse_options(texts: Iterable[str] | None, option: str = "--space-option") -> dict[str, Any]:
    """Parse ``KEY=VALUE`` texts, with values as in TOML, bare words, or several with commas.

    Raise :class:`UserError` for other text.
    """
    document = []
    for text in texts or ():
        key, _, value = text.partition("=")
        value = _toml(value)
        try:
            tomllib.loads(f"value = {value}")
        except (ValueError, RecursionError):  # ValueError: also for a number of thousands of digits
            raise UserError(f"cannot read {option} {text!r:.200}, expected KEY=VALUE, like cells=3 or "
                            f"edges=784,20000") from None
        document.append(f"{key} = {value}")
    try:
        return tomllib.loads("\n".join(document))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"cannot read {option} {' '.join(texts or ())}: {error}") from None


def _toml(value: str) -> str:
    """Return a value as TOML writes it if it is a bare word or several with commas, else unchanged."""
    value = value.strip()
    if "," in value and value[0] not in "[{\"'":
        return f"[{', '.join(map(_toml, value.split(',')))}]"
    bare = re.fullmatch(r"[A-Za-z][\w.-]*", value) and value not in ("true", "false", "inf", "nan")
    return json.dumps(value) if bare else value


def parse_range(text: str | None, option: str) -> tuple[int, int] | None:
    """Parse ``low,high`` as whole numbers; None stays None; raise :class:`UserError` for other text."""
    if text is None:
        return None
    try:
        low, high = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"{option} must be two whole numbers, like 1000,40000, got {text!r}") from None
    return low, high


def parse_target(texts: list[str] | None) -> str | tuple[str, ...] | None:
    """Parse one name, which may contain commas, or several names."""
    return texts[0] if texts and len(texts) == 1 else tuple(texts) if texts else None


def parse_names(texts: str | Iterable[str] | None) -> tuple[str, ...] | None:
    """``a,b`` and ``c`` as a tuple of three; None, as no text at all, is None.

    Columns of tables are no such names, since they may hold commas: see :func:`evonas.data.columns.named_columns`.
    """
    given = [texts] if isinstance(texts, str) else list(texts or ())
    return tuple(part.strip() for text in given for part in text.split(",") if part.strip()) if given else None


def parse_columns(texts: list[str] | None) -> tuple[str, ...] | None:
    """Names of columns as they were given, which only the table can part at their commas; None for none."""
    return tuple(texts) if texts else None


def parse_paths(paths: Iterable[Path] | None) -> list[Path]:
    """Paths, where several with commas between them are several unless there is one of that name."""
    found: list[Path] = []
    for path in paths or ():
        whole = os.path.exists(path) or "," not in str(path)
        found += [path] if whole else [Path(os.path.expanduser(part)) for part in str(path).split(",") if part]
    return found


def parse_numbers(texts: Sequence[str], option: str) -> list[float]:
    """Parse ``number,number`` as a list; raise :class:`UserError` unless all are positive and finite."""
    text = ",".join(texts)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < value < math.inf for value in numbers):
        raise UserError(f"{option}: cannot read {text!r}, expected positive numbers like 5300,13200,41400")
    return numbers


def parse_reference(texts: Sequence[str], objectives: Iterable[str]) -> Mapping[str, float]:
    """Parse a hypervolume reference point, or a part of one.

    Raise :class:`UserError` for names that are no objectives.
    """
    point, known = parse_assignments(texts, "--reference"), list(objectives)
    for name in point:
        if name not in known:
            raise UserError(f"unknown objective {name!r} in --reference{suggestion(name, known)}")
        if not math.isfinite(point[name]):
            raise UserError(f"--reference needs finite numbers, got {point[name]} for {name}")
    return point
