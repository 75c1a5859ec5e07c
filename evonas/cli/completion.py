"""Completion of names by a shell. Names come from where they are defined; nothing here imports torch.

A completer without names leaves the word to the shell, which completes files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import typer

Completer = Callable[[str], list[str]]


def datasets(incomplete: str) -> list[str]:
    """Return the names of data sets."""
    from evonas.data.sources import SOURCES

    return _begun(SOURCES, incomplete)


def downloads(incomplete: str) -> list[str]:
    """Return data sets that can be downloaded."""
    from evonas.data.sources import SOURCES

    return _begun((source.name for source in SOURCES.values() if source.url), incomplete)


def spaces(incomplete: str) -> list[str]:
    """Return the installed search spaces."""
    from evonas.run.plugins import available_spaces

    return _begun(available_spaces(), incomplete)


def searchers(incomplete: str) -> list[str]:
    """Return the engine's searchers and the installed ones."""
    from evonas.run.plugins import searcher_names

    return _begun(searcher_names(), incomplete)


def seeders(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return methods of ``evonas seed``: those of the space on the line, or of all."""
    from evonas.run.examples import seeders_of

    return _begun(seeders_of(ctx.params.get("space")), incomplete)


def metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return possible objectives of the space on the line, or of all."""
    from evonas.run.examples import uses_of_metrics

    return _begun(uses_of_metrics(ctx.params.get("space")), incomplete)


def several_metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the last of some objectives that are separated by commas."""
    head, comma, last = incomplete.rpartition(",")
    return [f"{head}{comma}{name}" for name in metrics(ctx, last) if name not in head.split(",")]


def targets(incomplete: str) -> list[str]:
    """Complete the last of some built-in targets that are separated by commas."""
    from evonas.run.targets import describe_targets

    known = [target.name for target in describe_targets()]
    head, comma, last = incomplete.rpartition(",")
    return [f"{head}{comma}{name}" for name in _begun(known, last) if name not in head.split(",")]


def observers(incomplete: str) -> list[str]:
    """Return observers, which are called after each generation."""
    from evonas.run.observers import PACKAGES

    return _begun(PACKAGES, incomplete)


def proxies(incomplete: str) -> list[str]:
    """Complete the last of some zero-cost proxies that are separated by commas."""
    from evonas.run.scoring import proxy_names

    head, comma, last = incomplete.rpartition(",")
    return [f"{head}{comma}{name}" for name in _begun(proxy_names(), last) if name not in head.split(",")]


def setting(name: str) -> Completer:
    """Return a completer for a setting of :class:`evonas.config.RunConfig` that has only a few values."""

    def complete(incomplete: str) -> list[str]:
        from evonas.capabilities.option_models import describe_options
        from evonas.config import RunConfig

        taken = next(option.takes for option in describe_options(RunConfig) if option.name == name)
        return _begun(taken.split("|"), incomplete)

    return complete


def _begun(names: Iterable[str], incomplete: str) -> list[str]:
    """Return each name with this beginning once."""
    return list(dict.fromkeys(name for name in names if name.startswith(incomplete)))
