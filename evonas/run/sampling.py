"""Architectures from the hypernetwork that a run has trained, at once: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evonas.capabilities.choices import Relaxable
from evonas.capabilities.export import HasTimedParts
from evonas.evaluation.cost import LATENCY_ESTIMATE
from evonas.run.one_shot import FOLDER
from evonas.run.open import open_run
from evonas.runtimes.latency_table import read_table
from evonas.supernet.checkpoint import TrainedHypernet, load_hypernet
from evonas.types import Metrics, UserError


@dataclass(frozen=True)
class Sampler:
    """The hypernetwork of a run.

    Attributes:
        space: The run's space.
        name: Name of the space.
        net: The hypernetwork.
        costs_of: Costs of a genotype; with an estimate of its latency if the search measured that.
    """

    space: Any
    name: str
    net: TrainedHypernet
    costs_of: Callable[[Any], Metrics]

    @property
    def method(self) -> str:
        """Method that trained the hypernetwork."""
        return self.net.method

    @property
    def measures(self) -> tuple[str, ...]:
        """Measures that the entries of a complexity weigh; empty for operations, or for parameters alone."""
        return self.net.measures

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the entries of a complexity."""
        return self.net.measures or self.net.operations

    def ask(self, complexity: Sequence[float]) -> Any:
        """The genotype for a complexity.

        Raises:
            ValueError: The complexity is out of range; the message is one sentence.
        """
        return self.net.ask(self.space, complexity)

    def complexities(self, n: int) -> list[list[float]]:
        """``n`` complexities that cover the range evenly.

        Raises:
            UserError: The method has none to ask for.
        """
        found: list[list[float]] = [self.net.hypernet.quasi_random(index).tolist() for index in range(n)]
        if not found[0]:
            raise UserError(f"the method {self.method} has no complexity to ask for: only hypernetworks have")
        return found


def load_sampler(run: Path) -> Sampler:
    """The sampler of a run.

    Raises:
        UserError: The run has no hypernetwork, or it is damaged.
    """
    with open_run(run) as opened:
        space: Any = opened.space
        if not isinstance(space, Relaxable):
            raise UserError(f"{run} is a run in the space {opened.config.space}, which has no hypernetwork to ask")
        net = load_hypernet(run / FOLDER, space.choices)
        return Sampler(space, opened.config.space, net, _costs(space, net, run))


def _costs(space: Any, net: TrainedHypernet, run: Path) -> Callable[[Any], Metrics]:
    if "latency" not in net.measures or not isinstance(space, HasTimedParts):
        plain: Callable[[Any], Metrics] = space.cost
        return plain
    table = read_table(run, space.timed_parts.names)
    return lambda genotype: {**space.cost(genotype), LATENCY_ESTIMATE: table.estimate(space, genotype)}
