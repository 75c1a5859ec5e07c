"""The phenotype: blocks between a first convolution and a classifier; and what it shares with the supernet."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from evonas.training.batch_norm import Norm
from search_spaces.block.genotype import BlockGenotype, columns_of
from search_spaces.block.layout import Body, Layout
from search_spaces.cnn.layers import Filter


def convolve(f: Filter) -> nn.Conv2d:
    """A convolution without bias that keeps the size of the image but for its stride."""
    return nn.Conv2d(
        f.in_channels, f.channels, f.kernel, f.stride, padding=f.kernel // 2, groups=f.groups, bias=False
    )


class Convolutions(nn.Module):
    """The body of a block: convolutions, each with BatchNorm, and an activation between two of them."""

    def __init__(self, filters: Body, activation: nn.Module) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolve(f) for f in filters)
        self.norms = nn.ModuleList(Norm(f.channels) for f in filters)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """``(n, in_channels, h, w)`` to ``(n, channels, h / stride, w / stride)``."""
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = norm(convolution(self.activation(x) if index else x))
        return x


class Block(nn.Module):
    """A body, and what is added to its image.

    Args:
        body: Module that gives an image of the shape that ``layout`` says.
        block: Its index.
    """

    def __init__(self, body: nn.Module, layout: Layout, block: int) -> None:
        super().__init__()
        self.body = body
        shortcut = layout.shortcut(block)
        self.shortcut = nn.Sequential(convolve(shortcut), Norm(shortcut.channels)) if shortcut else nn.Identity()
        self.adds = layout.places[block].keeps or shortcut is not None
        self.rectify = nn.Identity() if layout.set.inverted else nn.ReLU()

    def join(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of a block, from its input and the output of its body."""
        joined: Tensor = self.rectify(self.shortcut(x) + y if self.adds else y)
        return joined

    def forward(self, x: Tensor) -> Tensor:
        """``(n, in_channels, h, w)`` to ``(n, channels, h / stride, w / stride)``."""
        return self.join(x, self.body(x))


class Skeleton(nn.Module):
    """Stem, blocks and classifier.

    Memory is channels-last, as in the cell space.

    Args:
        bodies: One a block.
    """

    def __init__(self, layout: Layout, bodies: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layout = layout
        pool: list[nn.Module] = [nn.MaxPool2d(3, 2, padding=1)] if layout.options.stem_pool else []
        self.stem = nn.Sequential(convolve(layout.stem), Norm(layout.stem.channels), nn.ReLU(), *pool)
        self.blocks = nn.ModuleList(Block(body, layout, index) for index, body in enumerate(bodies))
        self.classifier = nn.Linear(layout.n_features, layout.n_outputs)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def feature_modules(self) -> Sequence[nn.Module]:
        """Modules that compute the features, one after the other."""
        return [self.stem, *self.blocks]

    def classify(self, x: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of the last block's image."""
        outputs: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return outputs


class Network(Skeleton):
    """The network of one genotype."""

    def __init__(self, genotype: BlockGenotype, layout: Layout) -> None:
        columns = columns_of(genotype, layout)
        super().__init__(layout, [
            Convolutions(layout.body(block, column), activation(layout)) for block, column in enumerate(columns)
        ])

    def forward(self, x: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of images ``(n, channels, height, width)``."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        return self.classify(x)


def activation(layout: Layout) -> nn.Module:
    """Between the convolutions of a block: ReLU, cut at 6 in inverted bottlenecks."""
    return nn.ReLU6() if layout.set.inverted else nn.ReLU()
