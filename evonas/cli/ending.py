"""Lines at the end of a search: where the run is, why it ended there, and which commands go on with it."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from evonas.types import MOST

if TYPE_CHECKING:
    from evonas.run.open import OpenRun


def ending(run: OpenRun, directory: Path, *, finished: bool, n_done: int) -> str:
    """One line for the end of a search.

    Args:
        run: The run as it is now.
        directory: Its directory as the user calls it.
        finished: Whether the searcher has come to its end; else the time limit ended it.
        n_done: Trials of this session; where there were none, what would go on is said.
    """
    again = f"evonas resume {shlex.quote(str(directory))}"
    if not finished:
        return f"The time limit is reached: {directory}; go on with: {again} --time-limit {_longer(run)}"
    return f"The run is complete: {directory}" + ("" if n_done else f"; {_stands(run, again)}")


def next_steps(run: OpenRun, directory: Path) -> str | None:
    """Commands that look at the front and use it; None for an empty front."""
    from evonas.front import front

    members = front(run.store.records(), run.objectives)
    if not members:
        return None
    name = shlex.quote(str(directory))
    steps = [f"evonas report {name} (a page to look at)"]
    if run.config.evaluator != "table":
        steps.append(f"evonas export {name} ID --out network.safetensors (ID is of the front, like {members[-1].id})")
    if run.config.columns:
        steps.append(f"evonas predict {name} NEW.csv")
    return f"next: {', '.join(steps)}"


def _longer(run: OpenRun) -> str:
    """Twice the seconds of the limit; twice those that the run has taken, if that is more."""
    doubled, taken = 2 * (run.config.time_limit or 0), run.store.elapsed
    return f"{doubled:g}" if doubled > taken else str(math.ceil(2 * taken))


def _stands(run: OpenRun, again: str) -> str:
    """State of a run with nothing left to do, and the command that goes on."""
    config, own = run.config, [r for r in run.store.records() if not r.imported]
    if config.search_epochs is not None:
        return f"its family has all of its {len(own)} members: more need a run of their own (evonas seed --members)"
    done, asked, what = max((r.generation for r in own), default=0), config.generations, "generation"
    if config.evaluations is not None and (len(own) >= config.evaluations or asked >= MOST):
        done, asked, what = len(own), config.evaluations, "evaluation"
    where = f"it stands at {what} {done} of {asked}"
    if done > asked:
        where = f"it stands at {what} {done}, beyond the {asked} that are asked for"
    return f"{where}, and a larger number goes on: {again} --{what}s {2 * max(done, asked, 1)}"
