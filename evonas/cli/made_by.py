"""Command line that repeats a run, from the settings that the run keeps."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evonas.cli.search import evolve
from evonas.config import OPTIONS
from evonas.data.own_files import is_own_file
from evonas.run.searchers import with_defaults
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.config import RunConfig

#: Settings whose options are repeated for each of several values.
REPEATED = ("constraints", "ignore", "categorical", "target")
#: Settings that are a file or a run; and tables whose texts may be such.
FILES, TABLES = ("validation", "test", "supernet", "teacher"), ("space_options", "searcher_options", "search_options")
#: The folders of whole paths, at the beginning of a word or after what separates its parts; an address is none.
_FOLDERS = re.compile(r"(^|[=,]|:(?!//))(?:~[^/]*)?/(?:[^/]*/)*")


def made_by(config: RunConfig, out: Path, seed_from: Sequence[str] = ()) -> tuple[str, str]:
    """Return the command, and the text of the file ``run.toml`` that it reads; empty if options are enough.

    Args:
        config: The run's settings; those with default values are left out.
        out: The run.
        seed_from: The runs that gave its founders.
    """
    options, rest = list[str](), dict[str, Any]()
    known = signature(evolve).parameters
    for key, value in _changed(config).items():
        if key == "training":
            plain = {name: inner for name, inner in value.items() if name in known}
            options += [f"--{_dashed(name)}={_word(inner)}" for name, inner in plain.items()]
            rest |= {key: others} if (others := {k: v for k, v in value.items() if k not in plain}) else {}
        elif key in ("space_options", "searcher_options"):
            options += [f"--{_dashed(OPTIONS[key])}={name}={toml(inner)}" for name, inner in value.items()]
        elif (name := OPTIONS.get(key, key)) not in known:
            rest[key] = value
        elif key in REPEATED and isinstance(value, list):
            options += [f"--{name}={text}" for text in value]
        elif isinstance(value, bool):
            options.append(f"--{'' if value else 'no-'}{_dashed(name)}")
        else:
            options.append(f"--{_dashed(name)}={_word(value)}")
    words = ["run.toml"] if rest else []
    words += [*options, *(f"--seed-from={run}" for run in seed_from), f"--out={out}"]
    return shlex.join(["evonas", "evolve", *words]), document(rest)


def without_folders(config: RunConfig) -> RunConfig:
    """The settings as others may read them: files and runs by their names alone, and no folder of data sets."""
    files = {key: value for key in FILES if (value := getattr(config, key)) is not None}
    found: dict[str, Any] = {key: type(value)(path_name(value)) for key, value in files.items()}
    if is_own_file(config.dataset):
        found["dataset"] = path_name(config.dataset)
    found["data_root"] = None
    found["target_files"] = tuple(map(path_name, config.target_files))
    if config.latency_command is not None:
        found["latency_command"] = _plain_command(config.latency_command)
    found |= {key: _plain(getattr(config, key)) for key in TABLES}
    return config.model_copy(update=found)


def path_name(path: Path | str) -> str:
    """The name of a file or a folder, without the folders that it is in."""
    return Path(os.path.abspath(path)).name


def _plain(value: Any) -> Any:
    """An option of a space or a searcher with whole paths by their names alone."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return _FOLDERS.sub(r"\1", value) if isinstance(value, str) else value


def _plain_command(line: str) -> str:
    try:
        words = shlex.split(line)
    except ValueError:  # a quote without an end
        words = line.split()
    return shlex.join(_FOLDERS.sub(r"\1", word) for word in words)


def _changed(config: RunConfig) -> dict[str, Any]:
    default = type(config)().to_json()
    with suppress(UserError):  # the searcher may not be installed here
        alike = type(config)(searcher=config.searcher, evaluations=config.evaluations)
        default |= {key: getattr(with_defaults(alike), key) for key in ("population", "children", "generations")}
    return {key: value for key, value in config.to_json().items() if value is not None and value != default[key]}


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def document(values: Mapping[str, Any], table: str = "") -> str:
    """Return the TOML of nested dicts; None values are left out."""
    plain = {k: v for k, v in values.items() if not isinstance(v, Mapping) and v is not None}
    lines = [f"[{table}]\n"] if table and (plain or not values) else []
    lines += [f"{_key(key)} = {toml(value)}\n" for key, value in plain.items()]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines.append(document(value, f"{table}.{_key(key)}" if table else _key(key)))
    return "".join(lines)


def toml(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(k)} = {toml(v)}' for k, v in value.items() if v is not None)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = json.dumps(value, ensure_ascii=False)  # all JSON values but one character are TOML's
    return text.replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    bare = bool(name) and name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else toml(name)
