"""Descriptions of targets: those that come with this program, and files of users."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from evonas.capabilities.setting_errors import sentence_of
from evonas.runtimes.compiled import find_compiler
from evonas.serialization.toml import read_toml
from evonas.types import UserError, suggestion

#: Folders of the descriptions, and of the sources and linker scripts that they name.
BOARDS, SUPPORT = (Path(__file__).parent / name for name in ("boards", "support"))
#: Stands in a command for the path of the linked image.
IMAGE = "{image}"
#: Figures of a target's file that its energy follows from.
FIGURES_OF_ENERGY = ("instructions_per_count", "nanojoules_per_cycle")
#: The compiler of this machine, see :func:`evonas.runtimes.compiled.find_compiler`.
OF_THIS_MACHINE = "cc"


class Target(BaseModel):
    """A target: how a network is compiled, linked and run there.

    Commands are run without a shell. Paths of sources, scripts and programs are relative to the file of the target.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,39}$",
        description="Small letters, digits and dashes; the metrics carry it, like ``flash@cortex-m4``.",
    )
    description: str = Field(default="", description="What it is, and what is emulated.")
    compiler: str = Field(min_length=1, description="C compiler, which also links; ``cc`` is this machine's.")
    flags: tuple[str, ...] = Field(default=(), description="Options for every source and for the link.")
    sources: tuple[Path, ...] = Field(
        default=(), description="Startup code, and the functions of ``evonas_port.h``; in C or assembly."
    )
    linker_script: Path | None = Field(
        default=None, description="Script that places the image; None is the compiler's own."
    )
    link_flags: tuple[str, ...] = Field(default=(), description="Options for the link alone; -lm is added.")
    run: tuple[str, ...] = Field(
        min_length=1,
        description="Command that runs the image, ``{image}``, in an emulator or on a board and prints what it writes.",
    )
    instructions_per_count: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Instructions for each step of ``evonas_count()``; None is no count.",
    )
    cycles_per_instruction: float = Field(
        default=1.0, gt=0, allow_inf_nan=False, description="Cycles that an instruction takes on average, for energy."
    )
    nanojoules_per_cycle: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="Energy of a cycle; None is unknown."
    )
    stack: int = Field(
        default=4096, ge=64, le=1 << 20, multiple_of=4,
        description="Bytes of stack that a network may use, which are watched.",
    )
    timeout: float = Field(
        default=30.0, gt=0, allow_inf_nan=False, description="Seconds that a run of the image may take."
    )
    packages: tuple[str, ...] = Field(default=(), description="Debian packages with the tools, for messages.")

    @field_validator("run")
    @classmethod
    def _takes_an_image(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if not any(IMAGE in word for word in words):
            raise ValueError(f"run must name the image by {IMAGE!r} among its words, got {' '.join(words)!r}")
        return words

    @model_validator(mode="after")
    def _has_whole_words(self) -> Target:
        if any("\0" in word for word in (self.compiler, *self.flags, *self.link_flags, *self.run)):
            raise ValueError("a word of a command cannot hold a zero byte")
        return self

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of metrics that networks have on it, see :data:`evonas.objectives.metrics.ON_TARGET`."""
        counted = () if self.instructions_per_count is None else ("instructions",)
        known_energy = ("energy",) if counted and self.nanojoules_per_cycle is not None else ()
        return ("flash", "ram", *counted, *known_energy, "flash_estimate")

    def require(self, kind: str) -> None:
        """Check that networks have a kind of metrics on it.

        Raises:
            UserError: They have none, since its file lacks a figure; says which, and how to give it.
        """
        if kind in self.kinds:
            return
        figures = {"instructions": ("instructions_per_count",), "energy": FIGURES_OF_ENERGY}.get(kind, ())
        lacks = [figure for figure in figures if getattr(self, figure) is None]
        file = "the file"
        if self.name in built_in_targets():
            file = f'a file of your own with base = "{self.name}", another name'
        raise UserError(f"the target {self.name} has no metric {kind}: its file lacks {' and '.join(lacks)}; write "
                        f"{file} and {', '.join(f'{figure} = NUMBER' for figure in lacks)}, and give it as "
                        f"--target-file to a search, or as --target to `evonas measure`")

    @property
    def command(self) -> list[str]:
        """The words of the compiler's command."""
        return (find_compiler() if self.compiler == OF_THIS_MACHINE else None) or [self.compiler]

    def missing_tools(self) -> list[str]:
        """Names of the compiler and of what runs images, as far as they are not installed."""
        tools = [self.command[0], *([] if IMAGE in self.run[0] else [self.run[0]])]
        return [tool for tool in tools if shutil.which(tool) is None]


@cache
def built_in_targets() -> Mapping[str, Target]:
    """The targets that come with this program, by name."""
    return {path.stem: _read(path, SUPPORT) for path in sorted(BOARDS.glob("*.toml"))}


def find_target(text: str) -> Target:
    """The target of a name, or of a TOML file of a user, which ends in ``.toml``.

    A file with the key ``base`` has the values of that built-in target, unless it sets them itself.

    Raises:
        UserError: There is no such target, or the file is not one.
    """
    if text.endswith(".toml"):
        path = Path(text)
        return _read(path, path.parent)
    if text not in built_in_targets():
        raise UserError(f"unknown target {text!r}{suggestion(text, built_in_targets())}; a target of one's own is a "
                        f"file that ends in .toml")
    return built_in_targets()[text]


def find_targets(texts: Iterable[str]) -> tuple[Target, ...]:
    """Targets of names and files, each once.

    Raises:
        UserError: See :func:`find_target`; or two have one name.
    """
    found: dict[str, Target] = {}
    for text in texts:
        target = find_target(text)
        if found.setdefault(target.name, target) != target:
            raise UserError(f"two targets are called {target.name!r}: give one of them another name")
    return tuple(found.values())


def _read(path: Path, folder: Path) -> Target:
    """The target of a file; its sources are in ``folder``."""
    values = read_toml(path, "target")
    if folder == SUPPORT:
        values["name"] = path.stem
    elif isinstance(name := values.get("name"), str) and name in built_in_targets():
        raise UserError(f"{path}: the name {name!r} is that of a built-in target: choose another")
    base: Any = values.pop("base", None)
    own = _located(values, folder)
    if base is not None:
        if not isinstance(base, str):
            raise UserError(f"{path}: unknown target {base!r} as base, expected text: name a built-in target, one of "
                            f"{', '.join(built_in_targets())}")
        if base not in (known := built_in_targets()):
            raise UserError(f"{path}: unknown target {base!r} as base{suggestion(base, known)}")
        own = {**known[base].model_dump(), **own}
    try:
        target = Target.model_validate(own)
    except ValidationError as error:
        known_keys = {**Target.model_fields, "base": None}
        raise UserError(sentence_of(error, known_keys, source=str(path), options={})) from None
    for file in (*target.sources, *([] if target.linker_script is None else [target.linker_script])):
        if not file.is_file():
            raise UserError(f"{path}: there is no file {file}: name it relative to the folder of the target's file")
    return target


def _located(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The values of a target with whole paths; values of another type are left for the check."""
    located, root = dict(values), folder.resolve()
    if isinstance(sources := values.get("sources"), list):
        located["sources"] = [root / name if isinstance(name, str) else name for name in sources]
    if isinstance(script := values.get("linker_script"), str):
        located["linker_script"] = root / script
    if isinstance(compiler := values.get("compiler"), str):
        located["compiler"] = _program(compiler, root)
    if isinstance(words := values.get("run"), list) and words and isinstance(words[0], str):
        located["run"] = [_program(words[0], root), *words[1:]]
    return located


def _program(word: str, root: Path) -> str:
    """A program that is named by a path is relative to the file, too; others are searched for on the PATH."""
    return str(root / word) if "/" in word and not word.startswith(IMAGE) else word
