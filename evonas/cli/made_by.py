"""Command line that repeats a run, from the settings that the run keeps."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evonas.cli.search import evolve
from evonas.config import OPTIONS
from evonas.run.searchers import with_defaults
from evonas.types import UserError

if TYPE_CHECKING:
    from evonas.config import RunConfig

#: Settings whose options are repeated for each of several values.
REPEATED = ("constraints", "ignore", "categorical", "target")


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
