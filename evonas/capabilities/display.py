"""Genotypes for display: parsed from text, described, drawn."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from evonas.capabilities.diagram import NetworkDiagram
from evonas.space import G_co, G_contra
from evonas.types import Weights


@runtime_checkable
class Readable(Protocol[G_co]):
    """Capability: parse a genotype that a user has typed."""

    def parse(self, text: str) -> G_co:
        """A valid genotype from its text.

        Raises:
            InvalidGenotype: The text is no valid genotype; the message is one sentence.
        """
        ...


@runtime_checkable
class Describable(Protocol[G_contra]):
    """Capability: describe a genotype by tables."""

    def describe(self, genotype: G_contra) -> list[tuple[str, list[str], list[list[str]]]]:
        """Tables as (title, column names, rows)."""
        ...


@runtime_checkable
class Drawable(Protocol[G_contra]):
    """Capability: draw a network."""

    def diagram(self, genotype: G_contra, weights: Weights | None = None) -> NetworkDiagram:
        """Diagram of all nodes and edges; with ``weights`` also those of the edges, if the space has such."""
        ...
