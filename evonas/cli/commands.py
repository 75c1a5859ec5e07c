"""Parts that all commands and groups of commands share: their help, and the reading of paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup

from evonas.cli.failing import exit_codes
from evonas.cli.help import print_help
from evonas.cli.usage import usage_in_a_sentence
from evonas.serialization import renamed

#: Settings that make ``-h`` equal to ``--help`` everywhere: commands have them from the application.
CONTEXT = {"help_option_names": ["--help", "-h"]}


class Command(TyperCommand):
    """Command; all paths of its line are expanded, and former names of options replaced, here, and only here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options of a line, in which some may have former names."""
        known = {option for parameter in self.params for option in (*parameter.opts, *parameter.secondary_opts)}
        return super().parse_args(ctx, renamed.arguments(args, known))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, see :mod:`evonas.cli.help`."""
        print_help(self, ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run the command with expanded paths: a shell leaves ``--out=~/x`` as it is."""
        ctx.params = _all_expanded(ctx.params)
        return super().invoke(ctx)


class Group(TyperGroup):
    """Group of commands, which may have options of its own."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help, see :mod:`evonas.cli.help`."""
        print_help(self, ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the line names, or the group's own action without one."""
        ctx.params = _all_expanded(ctx.params)
        return super().invoke(ctx)


class Application(Group):
    """Group of all commands. Each ends in an exit code, see :mod:`evonas.cli.failing` and :mod:`evonas.cli.usage`."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Read the line up to the name of the command."""
        with usage_in_a_sentence():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the line names."""
        with usage_in_a_sentence(ctx), exit_codes():
            return super().invoke(ctx)


def _all_expanded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _expanded(value) for name, value in values.items()}


def _expanded(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_expanded(each) for each in value]
    return Path(os.path.expanduser(value)) if isinstance(value, Path) else value
