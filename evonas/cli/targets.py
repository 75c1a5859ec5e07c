"""Command ``evonas targets``: the devices that networks are measured on, and what each is built and run with."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from evonas.cli import completion
from evonas.cli.console import say
from evonas.cli.help import Entry, print_panels
from evonas.cli.options import AsJson

if TYPE_CHECKING:
    from evonas.run.targets import TargetHelp

#: Keys of a target's file that say how images are built.
BUILD = ("compiler", "flags", "sources", "linker_script", "link_flags")


def targets(
    name: Annotated[
        str | None,
        typer.Argument(help="A target, or the TOML file of one, whose description is wanted [all targets].",
                       autocompletion=completion.targets, show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the targets that networks are measured on, and what is missing to use them, or the description of one."""
    from evonas.run.targets import describe_target, describe_targets

    if name is not None:
        _print_target(describe_target(name), as_json=as_json)
        return
    found = describe_targets()
    if as_json:
        typer.echo(json.dumps([asdict(target) for target in found], indent=1))
        return
    print_panels({
        "Targets": [Entry(target.name, f"{target.description} [{_readiness(target)}]") for target in found]
    })
    kinds = dict.fromkeys(metric.partition("@")[0] for target in found for metric in target.metrics)
    say(f"their metrics are {', '.join(kinds)}, like flash@cortex-m4 (int8_flash@cortex-m4 in int8, and so on): "
        "objectives and constraints of a search, and columns that `evonas measure RUN --target NAME` adds; `evonas "
        "targets NAME` describes one")


def _print_target(target: TargetHelp, *, as_json: bool) -> None:
    """Print what a target's file says, with what each key means, and what is missing to use it."""
    from evonas.run.targets import keys_of_targets

    if as_json:
        typer.echo(json.dumps(asdict(target), indent=1))
        return
    keys = [key for key in keys_of_targets() if key.name in target.values and key.name != "packages"]
    entries = {key.name: Entry(key.name, f"{key.text} [{_words(target.values[key.name])}]") for key in keys}
    print_panels({
        f"Target {target.name}": [
            Entry("what it is", target.description or "Its file does not say."),
            Entry("metrics", f"{', '.join(target.metrics)}; of other precisions like int8_flash@{target.name}."),
            Entry("tools", f"{_readiness(target)}."),
        ],
        "Built by": [entries[name] for name in BUILD],
        "Run and counted by": [entry for name, entry in entries.items() if name not in BUILD],
    })
    say("a target of your own is a TOML file with base, its own name and what differs: give it to `evonas measure RUN "
        "--target FILE`, and to a search as --target-file")


def _words(value: object) -> str:
    """Return a value of a target's file: words of a command with spaces between them."""
    return shlex.join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _readiness(target: TargetHelp) -> str:
    if target.missing:
        packages = f": Debian packages {', '.join(target.packages)}" if target.packages else ""
        return f"lacks {' and '.join(target.missing)}{packages}"
    return "its tools are installed"
