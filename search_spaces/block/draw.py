"""Blocks as a drawing: a chain from the image to the outputs, edges named by operations."""

from __future__ import annotations

import numpy as np

from evonas.capabilities.diagram import NetworkDiagram
from search_spaces.block.genotype import BlockGenotype
from search_spaces.block.layout import BLOCKS_A_STAGE, Layout

#: Width in units of the drawing's height; nodes are above and below its middle in turn, so that names have room.
WIDTH, ABOVE, BELOW = 3.0, 0.3, 0.7


def diagram(genotype: BlockGenotype, layout: Layout) -> NetworkDiagram:
    """Images as nodes, each with its channels and pixels; the operation of a block on the edge to its image."""
    stem, n_blocks = layout.stem, len(layout.places)
    n_nodes = n_blocks + 3
    places = [f"{p.channels} x {p.size[0]} x {p.size[1]}" for p in layout.places]
    before = layout.places[0]
    first = f"{before.in_channels} x {before.in_size[0]} x {before.in_size[1]}"
    names = [f"conv{stem.kernel}", *genotype.blocks, "average, linear"]
    x = np.linspace(0, WIDTH, n_nodes)
    y = np.where(np.arange(n_nodes) % 2, BELOW, ABOVE)
    stages = n_blocks // BLOCKS_A_STAGE
    layer = [0, 1, *(2 + i // BLOCKS_A_STAGE for i in range(n_blocks)), 2 + stages]
    return NetworkDiagram(
        width=WIDTH,
        positions=np.stack([x, y], axis=1).astype(np.float32),
        layers=("image", "stem", *(f"stage {i + 1}" for i in range(stages)), "outputs"),
        layer=np.array(layer),
        kinds=("input", "node", "output"),
        kind=np.array([0, *[1] * (n_nodes - 2), 2]),
        edges=np.stack([np.arange(n_nodes - 1), np.arange(1, n_nodes)], axis=1),
        labels=("image", first, *places, "outputs"),
        edge_labels=tuple(names),
    )
