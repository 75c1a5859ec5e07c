"""The genotype: an operation a block; as a literal, as what is stored, and as rows of a supernet's architecture."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from evonas.space import Encoded, InvalidGenotype
from evonas.types import Floats, suggestion
from search_spaces.block.layout import Layout

#: Column of the operation of every block.
Columns: TypeAlias = tuple[int, ...]


@dataclass(frozen=True)
class BlockGenotype:
    """A network as the operations of its blocks.

    Attributes:
        operations: Name of the operation set.
        blocks: Names of operations, from the image to the classifier.
    """

    operations: str
    blocks: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """Hex digest of the content."""
        return hashlib.blake2b(repr(self).encode(), digest_size=16).hexdigest()


def parse(text: str) -> BlockGenotype:
    """The inverse of ``repr``; raises :class:`InvalidGenotype` for other text."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "BlockGenotype":
            raise ValueError
        if len(call.args) > 2:
            raise ValueError
        values = dict(zip(["operations", "blocks"], map(ast.literal_eval, call.args), strict=False))
        values |= {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
        operations, blocks = values.pop("operations"), values.pop("blocks")
        if values or not isinstance(operations, str) or not isinstance(blocks, tuple | list):
            raise ValueError
        return BlockGenotype(operations, tuple(map(str, blocks)))
    except (SyntaxError, ValueError, TypeError, KeyError):
        raise InvalidGenotype(f"expected BlockGenotype(operations=..., blocks=(...)), got {text!r}") from None


def validate(genotype: BlockGenotype, layout: Layout) -> None:
    """Check that a genotype is one of this space.

    Raises:
        InvalidGenotype: A column breaks it; the message is one sentence that names the first.
    """
    expected = layout.options.operations
    if genotype.operations != expected:
        raise InvalidGenotype(f"expected the operation set {expected!r}, got {genotype.operations!r}")
    if len(genotype.blocks) != len(layout.places):
        raise InvalidGenotype(f"expected operations of {len(layout.places)} blocks, got {len(genotype.blocks)}")
    for index, name in enumerate(genotype.blocks):
        if name not in layout.set.names:
            hint = suggestion(name, layout.set.names)
            raise InvalidGenotype(f"block {index} has an unknown operation {name!r}{hint}")


def columns_of(genotype: BlockGenotype, layout: Layout) -> Columns:
    """Columns of a valid genotype."""
    return tuple(layout.set.names.index(name) for name in genotype.blocks)


def genotype_of(columns: Columns, layout: Layout) -> BlockGenotype:
    """The inverse of :func:`columns_of`."""
    return BlockGenotype(layout.options.operations, tuple(layout.set.names[column] for column in columns))


def encode(genotype: BlockGenotype, layout: Layout) -> Encoded:
    """Stored form: columns, and their names."""
    header = {"operations": genotype.operations, "names": list(layout.set.names)}
    return Encoded(header, {"choices": np.array(columns_of(genotype, layout), np.int8)})


def decode(data: Encoded, layout: Layout) -> BlockGenotype:
    """The inverse of :func:`encode`; columns are matched by name.

    Raises:
        InvalidGenotype: A field is missing, or what was read is not a genotype of this space.
    """
    try:
        names, operations = [str(name) for name in data.header["names"]], str(data.header["operations"])
        stored = np.asarray(data.arrays["choices"])
    except (KeyError, TypeError) as error:
        raise InvalidGenotype(f"the stored genotype needs operations, names and choices: {error}") from None
    if stored.shape != (len(layout.places),) or stored.dtype.kind not in "iu":
        raise InvalidGenotype(
            f"the stored choices must be {len(layout.places)} whole numbers, got {stored.dtype} {stored.shape}"
        )
    if (stored < 0).any() or (stored >= len(names)).any():
        raise InvalidGenotype(f"the stored choices must be columns from 0 to {len(names) - 1}, got {stored.tolist()}")
    genotype = BlockGenotype(operations, tuple(names[column] for column in stored.tolist()))
    validate(genotype, layout)
    return genotype


def arch_of(genotype: BlockGenotype, layout: Layout) -> Floats:
    """One-hot rows ``(n_blocks, n_operations)``."""
    return np.eye(len(layout.set.names), dtype=np.float32)[list(columns_of(genotype, layout))]


def discretize(arch: Floats, rule: str, layout: Layout) -> BlockGenotype:
    """The genotype of each row's largest value.

    Args:
        arch: Probabilities or logits, ``(n_blocks, n_operations)``.
        rule: ``"argmax"``; that of DARTS chooses among the inputs of a node, where a block has one.

    Raises:
        ValueError: Another shape, a value that is not finite, or another rule.
    """
    if np.shape(arch) != layout.shape or not np.isfinite(arch).all():
        raise ValueError(
            f"an architecture must be finite numbers of shape {layout.shape}, got shape {np.shape(arch)}"
        )
    if rule != "argmax":
        raise ValueError(f"blocks have one input, so the rule must be 'argmax', got {rule!r}: leave the rule out")
    return genotype_of(tuple(np.asarray(arch).argmax(axis=1).tolist()), layout)
