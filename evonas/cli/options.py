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

from evonas.cli import completion
from evonas.cli.setting import setting
from evonas.serialization import renamed
from evonas.types import MOST, UserError, suggestion

#: Default of an option that changes a setting of a run.
OF_RUN = "the run's"
#: Panels of the help, in the order of their first options.
DATA, SEARCH, TRAINING, MACHINE, CHOICE, OUTPUT = "Data", "Search", "Training", "Machine", "Choice", "Output"

#: Texts of options that take several values: by repetition, and with commas, too.
REPEATED = "; may be repeated"
SEVERAL = f", like a,b{REPEATED}"

#: Options of all commands that begin a run.
ConfigFile = Annotated[Path | None, typer.Argument(help="TOML file; options override it.", show_default=False)]
SpaceName = Annotated[str | None, setting("space", SEARCH, completer=completion.spaces)]
Dataset = Annotated[str | None, setting("dataset", DATA, completer=completion.datasets)]
MovedDataset = Annotated[
    str | None,
    typer.Option("--dataset", help="The run's own file of samples [where it was, or beside the run].",
                 rich_help_panel=DATA),
]
Target = Annotated[list[str] | None, setting("target", DATA, more=SEVERAL)]
Categorical = Annotated[list[str] | None, setting("categorical", DATA, more=SEVERAL)]
Groups = Annotated[str | None, setting("groups", DATA)]
Weights = Annotated[str | None, setting("weights", DATA)]
Ignore = Annotated[list[str] | None, setting("ignore", DATA, more=SEVERAL)]
Impute = Annotated[str | None, setting("impute", DATA)]
Validation = Annotated[Path | None, setting("validation", DATA)]
TestFile = Annotated[Path | None, setting("test", DATA)]
DataRoot = Annotated[Path | None, setting("data_root", DATA)]
NTrain = Annotated[int | None, setting("n_train", DATA)]
NValidation = Annotated[int | None, setting("n_validation", DATA)]
DataAxes = Annotated[str | None, setting("axes", DATA)]
DataTask = Annotated[str | None, setting("task", DATA)]
ObjectiveNames = Annotated[
    list[str] | None, setting("objectives", SEARCH, more=REPEATED, completer=completion.several_metrics)
]
#: Options of a space that have an option of the command line: see ``evonas spaces NAME``.
TrainerName = Annotated[
    str | None, typer.Option(help="The space's option trainer (`evonas spaces NAME`).", rich_help_panel=TRAINING)
]
FounderEdges = Annotated[
    str | None,
    typer.Option(help="LOW,HIGH: the space's option founder_edges (`evonas spaces NAME`).", rich_help_panel=SEARCH),
]
SpaceOption = Annotated[
    list[str] | None, setting("space_options", SEARCH, more=f", like cells=3 (`evonas spaces NAME`){REPEATED}")
]
Preset = Annotated[str | None, setting("preset", SEARCH, completer=completion.setting("preset"))]
Seed = Annotated[int | None, setting("seed", SEARCH)]
Device = Annotated[str | None, setting("device", MACHINE)]
Jobs = Annotated[int | None, setting("jobs", MACHINE)]
Cluster = Annotated[str | None, setting("cluster", MACHINE)]
TimeLimit = Annotated[float | None, setting("time_limit", MACHINE)]
TrialTimeout = Annotated[float | None, setting("trial_timeout", MACHINE)]
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
FolderOfData = Annotated[Path | None, setting("data_root", DATA, default=OF_RUN)]
DeviceOfRun = Annotated[str | None, setting("device", MACHINE, default=OF_RUN)]
FolderOfTestData = Annotated[Path | None, setting("data_root", DATA, more=", for --test", default="")]
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
TeacherRun = Annotated[str | None, setting("teacher", TRAINING)]
TeacherMembers = Annotated[int | None, setting("teacher_members", TRAINING, least=1, most=MOST)]
TeacherWeight = Annotated[float | None, setting("teacher_weight", TRAINING)]
Ids = Annotated[
    list[str] | None,
    typer.Option(help="Individuals, like 12,31; may be repeated [the whole front].", rich_help_panel=CHOICE),
]
OnTargets = Annotated[
    list[str] | None,
    typer.Option(help="Devices (no columns), like cortex-m4,rv32imc (`evonas targets`), or files of your own, like "
                      "board.toml; may be repeated.",
                 rich_help_panel=MACHINE, autocompletion=completion.targets),
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


def check_form(**forms: bool) -> None:
    """Raise :class:`UserError` where the result is to be printed in several forms, given by their options' names."""
    if sum(forms.values()) > 1:
        names = [f"--{name}" for name in forms]
        raise UserError(f"there is one output: name one of {', '.join(names[:-1])} and {names[-1]}")


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
    if re.fullmatch(r"[+-]?\.\d.*", value):  # TOML wants a digit before the point
        value = value.replace(".", "0.", 1)
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


def parse_ids(texts: list[str]) -> list[int]:
    """Parse ids; each occurs once, in the given order."""
    try:
        return list(dict.fromkeys(int(part) for part in parse_names(texts) or ()))
    except ValueError:
        text = ",".join(texts)
        raise UserError(f"--ids must be numbers of individuals, like 12,31, got {text!r}") from None


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
