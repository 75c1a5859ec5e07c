"""Genotypes of the 15 625 cells: by the operations on their edges, as strings, and by the function they compute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

from evonas.space import InvalidGenotype
from evonas.types import suggestion
from search_spaces.cell.genotype import NASBENCH201_NAMES, CellGenotype, nasbench201_string
from search_spaces.cell.primitives import NONE, OPERATION_SETS, SKIP

#: Names of the operations; a column is an index into them.
OPERATIONS = OPERATION_SETS["nasbench201"].names
#: Edges ``(source, target)``, by target and then by source: the order of the columns of a cell.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
#: Number of cells; those that compute the same are counted one by one.
N_CELLS: int = len(OPERATIONS) ** len(EDGES)

#: Symbol of an edge without an operation in the expression of a class.
ZERO = "#"

_COLUMNS = {NASBENCH201_NAMES.get(name, name): column for column, name in enumerate(OPERATIONS)}
_PLACES = {edge: place for place, edge in enumerate(EDGES)}


@lru_cache(maxsize=N_CELLS)
def cell_of(columns: tuple[int, ...]) -> CellGenotype:
    """Return the cell with these operations on its edges, one column of :data:`OPERATIONS` for each edge.

    Edges are in the order of :data:`EDGES`.
    """
    nodes: list[list[tuple[str, int]]] = [[], [], []]
    for (source, target), column in zip(EDGES, columns, strict=True):
        nodes[target - 1].append((OPERATIONS[column], source))
    return CellGenotype("nasbench201", (tuple(map(tuple, nodes)),))


def columns_of(genotype: CellGenotype) -> tuple[int, ...]:
    """Invert :func:`cell_of`."""
    columns = [OPERATIONS.index(NONE)] * len(EDGES)
    for target, node in enumerate(genotype.cells[0], 1):
        for name, source in node:
            columns[_PLACES[source, target]] = OPERATIONS.index(name)
    return tuple(columns)


def number_of(columns: Sequence[int]) -> int:
    """Return the place of a cell in the order of :func:`all_cells`, from 0."""
    number = 0
    for column in columns:
        number = number * len(OPERATIONS) + column
    return number


def all_cells() -> Iterator[tuple[int, ...]]:
    """Yield the columns of every cell, in ascending order."""
    return product(range(len(OPERATIONS)), repeat=len(EDGES))


def to_string(genotype: CellGenotype) -> str:
    """Write the cell as the benchmark does, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    return nasbench201_string(genotype.cells[0])


def columns_from(text: str) -> tuple[int, ...]:
    """Return the columns of a cell that :func:`to_string` has written.

    Raises:
        InvalidGenotype: The number of nodes or edges or the order of sources differs, or an operation is unknown.
    """
    names = []
    nodes = text.strip().split("+")
    for target, node in enumerate(nodes, 1):
        edges = [edge.rpartition("~") for edge in node.removeprefix("|").removesuffix("|").split("|")]
        names += [name for name, _, _ in edges]
        if [source for _, _, source in edges] != [str(source) for source in range(target)]:
            raise InvalidGenotype(f"expected |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, got {text!r:.200}")
    if len(names) != len(EDGES):
        raise InvalidGenotype(f"expected {len(EDGES)} operations as in |op~0|+|op~0|op~1|+..., got {text!r:.200}")
    for name in names:
        if name not in _COLUMNS:
            raise InvalidGenotype(f"unknown operation {name!r} in {text!r:.200}{suggestion(name, _COLUMNS)}")
    return tuple(_COLUMNS[name] for name in names)


def parse(text: str) -> CellGenotype:
    """Invert :func:`to_string`; raise :class:`InvalidGenotype` as :func:`columns_from` does."""
    return cell_of(columns_from(text))


def isomorphism_class(genotype: CellGenotype) -> str:
    """Return an expression that is equal for cells which compute the same; there are 6 466 of them.

    The rules are those of the benchmark's own ``to_unique_str``: a skip connection passes its input on, the order of a
    node's summands does not matter, and an edge without an operation is zero, as is any operation on an edge of zero.
    (Sums of zeros alone are not simplified there: cells of two classes may compute the same.)
    """
    columns, sums = columns_of(genotype), ["0"]
    for target in range(1, 4):
        terms = []
        for source in range(target):
            name, term = OPERATIONS[columns[_PLACES[source, target]]], sums[source]
            if name == NONE or term == ZERO:
                terms.append(ZERO)
            else:
                terms.append(term if name == SKIP else f"({term})@{name}")
        sums.append("+".join(sorted(terms)))
    return sums[-1]
