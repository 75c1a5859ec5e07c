"""The network around the choices: channels, strides and sizes of every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from evonas.types import Task
from search_spaces.block.operations import OPERATION_SETS, OperationSet, Place
from search_spaces.block.options import BlockOptions
from search_spaces.cnn.layers import Filter
from search_spaces.images import Size, images_of, reduced

#: Blocks of a stage, which have the same width; and stages, of which all but the first halve the image.
BLOCKS_A_STAGE, STAGES = 2, 4
#: The image is halved three times after the stem: fewer pixels than this leave the last blocks less than one.
SMALLEST_SIDE = 8
#: Convolutions of a block.
Body: TypeAlias = tuple[Filter, ...]


@dataclass(frozen=True)
class Layout:
    """Fixed parts around the genotype.

    Attributes:
        options: Options as the user set them.
        stem: The first convolution.
        places: Places of the blocks, in order.
        n_outputs: Outputs of the task.
    """

    options: BlockOptions
    stem: Filter
    places: tuple[Place, ...]
    n_outputs: int

    @property
    def set(self) -> OperationSet:
        """The operation set."""
        return OPERATION_SETS[self.options.operations]

    @property
    def shape(self) -> tuple[int, int]:
        """Blocks, operations: the shape of an architecture."""
        return len(self.places), len(self.set.names)

    @property
    def n_features(self) -> int:
        """Channels that the classifier takes."""
        return self.places[-1].channels

    def bodies(self, block: int) -> list[Body]:
        """The convolutions of every operation in a block."""
        return [self.set.filters(operation, self.places[block]) for operation in self.set.operations]

    def body(self, block: int, column: int) -> Body:
        """The convolutions of an operation, by its column."""
        return self.set.filters(self.set.operations[column], self.places[block])

    def shortcut(self, block: int) -> Filter | None:
        """The convolution beside a block that changes the image; None where the image is added as it is, or nothing."""
        place = self.places[block]
        if self.set.inverted or place.keeps:
            return None
        return Filter(place.in_channels, place.channels, 1, place.stride, 1, place.size)


def plan(task: Task, options: BlockOptions) -> Layout:
    """The layout for a task.

    Raises:
        ValueError: Samples are not images, or images too small to be halved so often.
    """
    halvings = 3 + (options.stem_stride == 2) + options.stem_pool
    smallest = SMALLEST_SIDE * 2 ** (halvings - 3)
    in_channels, image = images_of(task, "blocks", halvings=halvings, smallest=smallest)
    size = reduced(image, options.stem_stride)
    stem = Filter(in_channels, options.width, options.stem_kernel, options.stem_stride, 1, size)
    size = reduced(size, 2 if options.stem_pool else 1)
    return Layout(options, stem, tuple(_places(options.width, size)), task.n_outputs)


def _places(width: int, size: Size) -> Sequence[Place]:
    places: list[Place] = []
    before = width
    for stage in range(STAGES):
        channels = width * 2**stage
        for index in range(BLOCKS_A_STAGE):
            stride = 2 if stage and not index else 1
            after = reduced(size, stride)
            places.append(Place(before, channels, stride, size, after))
            before, size = channels, after
    return places
