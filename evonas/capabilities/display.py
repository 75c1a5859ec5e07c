"""Genotypes for a person: read, described, drawn."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from evonas.diagram import Sketch
from evonas.space import G_co, G_contra
from evonas.types import Weights


@runtime_checkable
class Readable(Protocol[G_co]):
    """Capability: read a genotype that a person has typed."""

    def parse(self, text: str) -> G_co:
        """A valid genotype from its text; raises :class:`InvalidGenotype` with one sentence."""
        ...


@runtime_checkable
class Describable(Protocol[G_contra]):
    """Capability: tables for a person to read."""

    def describe(self, genotype: G_contra) -> list[tuple[str, list[str], list[list[str]]]]:
        """Tables as (title, column names, rows)."""
        ...


@runtime_checkable
class Drawable(Protocol[G_contra]):
    """Capability: say what a network looks like."""

    def sketch(self, genotype: G_contra, weights: Weights | None = None) -> Sketch:
        """All nodes and edges; with ``weights`` those of the edges, where the space has such."""
        ...
