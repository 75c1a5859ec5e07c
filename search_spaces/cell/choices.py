"""Genotypes as matrices of choices, and as rows of a supernet's architecture.

A matrix of choices is ``(n_cells, n_edges)``, int. It holds the column of the operation on each edge; an absent edge
has the null operation's column, or ``ABSENT`` if the set has no null operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.capabilities.choices import Choices
from evonas.space import Encoded, InvalidGenotype
from evonas.types import Doubles, Floats, Ints, suggestion
from search_spaces.cell.cost import edge_costs
from search_spaces.cell.genotype import CellGenotype
from search_spaces.cell.layout import Layout
from search_spaces.cell.primitives import SKIP

#: Parameters of the last layer.
CLASSIFIER = ("classifier.weight", "classifier.bias")
#: Entry of an absent edge if the operation set has no null operation.
ABSENT = -1
RULES = ("argmax", "darts")


def absent(layout: Layout) -> int:
    """Return the entry of an absent edge."""
    return ABSENT if layout.set.none is None else layout.set.none


def to_matrix(genotype: CellGenotype, layout: Layout) -> Ints:
    """Return the matrix of choices of a valid genotype."""
    matrix = np.full((layout.n_cells, len(layout.edges)), absent(layout))
    for row, cell in zip(matrix, genotype.cells, strict=True):
        columns = {
            (source, layout.set.n_inputs + index): layout.set.names.index(name)
            for index, node in enumerate(cell) for name, source in node
        }
        for edge, column in columns.items():
            row[layout.edges.index(edge)] = column
    return matrix


def from_matrix(matrix: Ints, layout: Layout) -> CellGenotype:
    """Return the genotype of a matrix of choices."""
    first = layout.set.n_inputs
    cells = []
    for row in matrix:
        nodes: list[list[tuple[str, int]]] = [[] for _ in range(layout.n_nodes)]
        for (source, target), column in zip(layout.edges, row.tolist(), strict=True):
            if column != ABSENT:
                nodes[target - first].append((layout.set.names[column], source))
        cells.append(tuple(map(tuple, nodes)))
    return CellGenotype(layout.options.operations, tuple(cells))


def edges_into(layout: Layout) -> list[slice]:
    """Return the edges into each node, as slices of a row of choices."""
    sizes = range(layout.set.n_inputs, layout.set.n_inputs + layout.n_nodes)
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def validate(genotype: CellGenotype, layout: Layout) -> None:
    """Check that a genotype belongs to this space.

    Raises:
        InvalidGenotype: The genotype does not; one sentence names the first entry at fault.
    """
    expected = layout.options.operations
    if genotype.operations != expected:
        raise InvalidGenotype(f"expected the operation set {expected!r}, got {genotype.operations!r}")
    if len(genotype.cells) != layout.n_cells:
        raise InvalidGenotype(f"expected {layout.n_cells} cells, got {len(genotype.cells)}")
    for number, cell in enumerate(genotype.cells):
        if len(cell) != layout.n_nodes:
            raise InvalidGenotype(f"expected {layout.n_nodes} nodes in a cell, cell {number} has {len(cell)}")
        for node, edges in enumerate(cell, layout.set.n_inputs):
            where = f"node {node} of cell {number}"
            sources = [source for _, source in edges]
            for name, source in edges:
                if name not in layout.set.operations:
                    hint = suggestion(name, layout.set.operations)
                    raise InvalidGenotype(f"{where} has an unknown operation {name!r}{hint}")
                if not 0 <= source < node or sources.count(source) > 1:
                    raise InvalidGenotype(f"{where} must have different sources from 0 to {node - 1}, got {sources}")
            needed = 2 if layout.two else node if layout.needs_all_edges else len(edges)
            if len(edges) != needed:
                raise InvalidGenotype(f"{where} must have {needed} edges in this space, got {len(edges)}")


def encode(genotype: CellGenotype, layout: Layout) -> Encoded:
    """Return the stored form: a matrix of choices and the names of its columns."""
    header = {"operations": genotype.operations, "names": list(layout.set.names)}
    return Encoded(header, {"choices": to_matrix(genotype, layout).astype(np.int8)})


def decode(data: Encoded, layout: Layout) -> CellGenotype:
    """Invert :func:`encode`; columns are matched by name.

    Raises:
        InvalidGenotype: A field is missing, or the data are not a genotype of this space.
    """
    try:
        names, operations = [str(name) for name in data.header["names"]], str(data.header["operations"])
        stored: NDArray[Any] = np.asarray(data.arrays["choices"])
        if stored.shape != (shape := (layout.n_cells, len(layout.edges))):
            raise InvalidGenotype(f"the stored choices must have shape {shape}, got {stored.shape}")
        if stored.dtype.kind not in "iu":
            raise ValueError(f"columns must be whole numbers, got {stored.dtype}")
        if (stored < ABSENT).any() or (stored >= len(names)).any():
            raise ValueError(f"columns must be from {ABSENT} to {len(names) - 1}")
        matrix = [[ABSENT if c == ABSENT else layout.set.names.index(names[c]) for c in row] for row in stored.tolist()]
    except KeyError as error:
        raise InvalidGenotype(f"the stored genotype has no field {error}") from None
    except (IndexError, ValueError, TypeError) as error:
        raise InvalidGenotype(f"the stored choices are not operations of this space: {error}") from None
    genotype = CellGenotype(operations, from_matrix(np.array(matrix), layout).cells)
    validate(genotype, layout)
    return genotype


def choices(layout: Layout) -> Choices:
    """Return the meaning of the rows and columns of an architecture."""
    names = layout.set.names
    skip = names.index(SKIP) if SKIP in names else None
    return Choices(
        names, layout.n_rows, edge_costs(layout), layout.set.none, skip, per_image=True, classifier=CLASSIFIER
    )


def arch_of(genotype: CellGenotype, layout: Layout) -> Floats:
    """Return one-hot rows ``(n_rows, n_operations)``; an absent edge has the null operation's row or zeros."""
    columns = to_matrix(genotype, layout).ravel()
    rows = np.zeros((layout.n_rows, len(layout.set.names)), np.float32)
    there = np.flatnonzero(columns != ABSENT)
    rows[there, columns[there]] = 1.0
    return rows


def discretize(arch: Floats, rule: str, layout: Layout) -> CellGenotype:
    """Return the genotype that an architecture prefers.

    A space with two edges into each node keeps the two strongest by either rule.

    Args:
        arch: Probabilities or logits, ``(n_rows, n_operations)``.
        rule: ``"argmax"`` takes each row's best operation, the null operation included; ``"darts"`` takes the best
            operation except the null one, on the two strongest edges into each node.
        layout: The layout of the space.

    Raises:
        ValueError: The shape is wrong, a value is not finite, the rule is unknown, or the space has no cells for the
            rule.
    """
    shape = layout.n_rows, len(layout.set.names)
    if np.shape(arch) != shape or not np.isfinite(arch).all():
        raise ValueError(f"an architecture must be finite numbers of shape {shape}, got shape {np.shape(arch)}")
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}{suggestion(rule, RULES)}")
    if rule == "darts" and layout.needs_all_edges:
        raise ValueError("the rule 'darts' keeps two edges into a node, but this space keeps all: set edges to two")
    weights = _probabilities(np.asarray(arch, np.float64))
    best = weights.argmax(axis=1)
    if rule == "darts" or layout.two:
        best = _two_strongest(weights, layout)
    return from_matrix(best.reshape(layout.n_cells, -1), layout)


def _probabilities(arch: Doubles) -> Doubles:
    """Return rows that already are probabilities unchanged, and otherwise the softmax of all rows."""
    if (arch >= 0).all() and np.allclose(arch.sum(axis=1), 1.0, atol=1e-3):
        return arch
    weights = np.exp(arch - arch.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _two_strongest(weights: Doubles, layout: Layout) -> Ints:
    """Return the best operation except the null one on two edges into each node, and no edge elsewhere.

    Ties go to the first.
    """
    weights = weights.copy()
    if layout.set.none is not None:
        weights[:, layout.set.none] = -np.inf
    best, strength = weights.argmax(axis=1), weights.max(axis=1)
    chosen = np.full((layout.n_cells, len(layout.edges)), absent(layout))
    for cell, strengths in enumerate(strength.reshape(layout.n_cells, -1)):
        for edges in edges_into(layout):
            two = edges.start + np.argsort(-strengths[edges], kind="stable")[:2]
            chosen[cell, two] = best.reshape(layout.n_cells, -1)[cell, two]
    return chosen
