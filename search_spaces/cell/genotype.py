"""Cell genotype: the operation on each edge, as a literal that can be pasted into a paper and read back."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeAlias

from evonas.space import InvalidGenotype
from search_spaces.cell.primitives import NONE

#: An operation and the node it comes from; inputs are the first nodes.
Edge: TypeAlias = tuple[str, int]
#: The edges into a node.
Node: TypeAlias = tuple[Edge, ...]
#: The nodes that are not inputs.
Cell: TypeAlias = tuple[Node, ...]

#: Names in NAS-Bench-201 of the operations that have another name here.
NASBENCH201_NAMES = MappingProxyType(
    {"skip": "skip_connect", "conv_1x1": "nor_conv_1x1", "conv_3x3": "nor_conv_3x3"}
)


@dataclass(frozen=True)
class CellGenotype:
    """Cells as the operations on their edges.

    Edges into a node are sorted by source. An edge with the operation ``"none"`` is the same as no edge, and is
    dropped.

    Attributes:
        operations: Name of the operation set.
        cells: One cell for all places in the network; or one for normal and one for reducing cells; or one for each
            place.

    Raises:
        InvalidGenotype: The arguments are not such tuples or lists.
    """

    operations: str
    cells: tuple[Cell, ...]

    def __post_init__(self) -> None:
        try:
            cells = tuple(tuple(_node(node) for node in cell) for cell in self.cells)
        except (TypeError, ValueError):
            raise InvalidGenotype(
                f"cells must be cells of nodes of edges (operation, source), got {self.cells!r}"
            ) from None
        object.__setattr__(self, "cells", cells)

    @cached_property
    def digest(self) -> str:
        """Return the hex digest of the content."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()


def _node(edges: Node) -> Node:
    checked = sorted((int(source), str(operation)) for operation, source in edges)
    return tuple((operation, source) for source, operation in checked if operation != NONE)


def parse(text: str) -> CellGenotype:
    """Invert ``repr``; also read a cell of NAS-Bench-201 in that benchmark's own form.

    Raises:
        InvalidGenotype: The text has neither form.
    """
    text = text.strip()
    if text.startswith("|"):
        return _parse_nasbench201(text)
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "CellGenotype":
            raise ValueError
        names = ["operations", "cells"]
        values = dict(zip(names, map(ast.literal_eval, call.args), strict=False))
        values |= {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        return CellGenotype(**values)
    except (SyntaxError, ValueError, TypeError):
        raise InvalidGenotype(
            f"expected CellGenotype(operations=..., cells=...) or |op~0|+|op~0|op~1|+..., got {text!r}"
        ) from None


def _parse_nasbench201(text: str) -> CellGenotype:
    ours = {theirs: name for name, theirs in NASBENCH201_NAMES.items()}
    nodes = []
    try:
        for node in text.split("+"):
            edges = [edge.rsplit("~", 1) for edge in node.strip("|").split("|")]
            nodes.append(tuple((ours.get(name, name), int(source)) for name, source in edges))
    except ValueError:
        raise InvalidGenotype(f"expected |op~0|+|op~0|op~1|+..., got {text!r}") from None
    return CellGenotype("nasbench201", (tuple(nodes),))


def nasbench201_string(cell: Cell) -> str:
    """Write a cell in NAS-Bench-201's form, ``|op~0|+|op~0|op~1|+...``, with its names; an absent edge is ``none``."""
    nodes = []
    for index, edges in enumerate(cell):
        operation = {source: NASBENCH201_NAMES.get(name, name) for name, source in edges}
        nodes.append("".join(f"|{operation.get(source, NONE)}~{source}" for source in range(index + 1)) + "|")
    return "+".join(nodes)
