"""The supernet: every operation in every block, with the architecture as an argument.

Slimmable weights (Yu 2018, https://arxiv.org/abs/1812.08928; Yu 2020, https://arxiv.org/abs/2003.11142): the operations
of a block are slices of the widest one, its middle taps and its first inner channels. BatchNorm's gains and shifts are
sliced, too; its statistics belong to no slice, and are recomputed for a network that is cut out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.training.batch_norm import Norm
from evonas.types import Weights
from search_spaces.block.genotype import BlockGenotype, columns_of
from search_spaces.block.layout import Body, Layout
from search_spaces.block.network import Block, Convolutions, Skeleton, activation
from search_spaces.cell.supernet import row_weights


class SeparateBodies(nn.Module):
    """Operations with weights of their own."""

    def __init__(self, bodies: Sequence[Body], activation: nn.Module) -> None:
        super().__init__()
        self.bodies = nn.ModuleList(Convolutions(body, activation) for body in bodies)

    def forward(self, x: Tensor, column: int) -> Tensor:
        """The image of one operation."""
        y: Tensor = self.bodies[column](x)
        return y

    def cut(self, column: int) -> dict[str, Tensor]:
        """The state of :class:`Convolutions` of one operation."""
        return self.bodies[column].state_dict()


class SlicedNorm(Norm):
    """BatchNorm of some of its channels."""

    def forward(self, x: Tensor, channels: Tensor | None = None) -> Tensor:
        """``(n, n_channels, h, w)`` to the same.

        Args:
            channels: Which they are; None is all.
        """
        if channels is None:
            return super().forward(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        mean, variance = self.running_mean[channels], self.running_var[channels]
        share, learns = self.momentum, self.learns_from(x)
        if learns:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            share = 1 / int(self.num_batches_tracked) if share is None else share
        y = functional.batch_norm(
            x, mean, variance, self.weight[channels], self.bias[channels], learns, share or 0.0, self.eps
        )
        if learns:
            self.running_mean[channels], self.running_var[channels] = mean, variance
        return y


class SlicedBodies(nn.Module):
    """Operations as slices of the widest one.

    Attributes:
        order: Inner channels, those first that narrow operations have; a buffer.
    """

    order: Tensor

    def __init__(self, bodies: Sequence[Body], activation: nn.Module) -> None:
        super().__init__()
        self._bodies, widest = bodies, bodies[-1]
        whole = Convolutions(widest, activation)
        self.convolutions, self.activation = whole.convolutions, activation
        self.norms = nn.ModuleList(SlicedNorm(f.channels) for f in widest)
        self.register_buffer("order", torch.arange(widest[0].channels))

    def forward(self, x: Tensor, column: int) -> Tensor:
        """The image of one operation."""
        body = self._bodies[column]
        for index, f in enumerate(body):
            x = functional.conv2d(
                self.activation(x) if index else x, self._weight(index, body), stride=f.stride,
                padding=f.kernel // 2, groups=f.groups,
            )
            x = self.norms[index](x, self._rows(index, body))
        return x

    def cut(self, column: int) -> dict[str, Tensor]:
        """The state of :class:`Convolutions` of one operation."""
        body, state = self._bodies[column], {}
        for index in range(len(body)):
            state[f"convolutions.{index}.weight"] = self._weight(index, body)
            rows = self._rows(index, body)
            for name, value in self.norms[index].state_dict().items():
                state[f"norms.{index}.{name}"] = value if rows is None else value[rows]
        return state

    @torch.no_grad()
    def rank(self) -> None:
        """Put those inner channels first that the last convolution reads with the largest weights, in absolute sum.

        BatchNorm hides the scale of a channel's own filter, so it is the readers' weights that tell (as in Cai 2019,
        https://arxiv.org/abs/1908.09791). The widest operation stays what it was.
        """
        read = self._last.abs().sum(dim=(0, 2, 3))
        self.order.copy_(read.argsort(descending=True, stable=True))

    @property
    def _last(self) -> Tensor:
        weight = self.convolutions[-1].weight
        assert isinstance(weight, Tensor)
        return weight

    def _rows(self, index: int, body: Body) -> Tensor | None:
        """Channels that a convolution gives; None is all."""
        return None if index == len(body) - 1 else self.order[: body[index].channels]

    def _weight(self, index: int, body: Body) -> Tensor:
        f, weight = body[index], self.convolutions[index].weight
        assert isinstance(weight, Tensor)
        margin = (weight.shape[-1] - f.kernel) // 2
        weight = weight[:, :, margin : margin + f.kernel, margin : margin + f.kernel]
        rows = self._rows(index, body)
        weight = weight if rows is None else weight[rows]
        return weight[:, self.order[: f.in_channels]] if index and f.groups == 1 else weight


class Supernet(Skeleton):
    """A network in which the operations of a block are summed, weighted by the architecture."""

    def __init__(self, layout: Layout) -> None:
        kind = SlicedBodies if layout.options.is_slimmable else SeparateBodies
        n_blocks, _ = layout.shape
        super().__init__(layout, [kind(layout.bodies(block), activation(layout)) for block in range(n_blocks)])

    def forward(self, x: Tensor, arch: Tensor) -> Tensor:
        """Outputs before softmax, ``(n, n_outputs)``, of images ``(n, channels, height, width)``.

        Args:
            arch: ``(n_blocks, n_operations)``, or such rows for every image, ``(n, n_blocks, n_operations)``. An
                operation whose weight is exactly 0, of all images, is not run, and its weight gets no gradient.

        Raises:
            ValueError: ``arch`` has another shape, or a block no operation.
        """
        if tuple(arch.shape) not in (self.layout.shape, (len(x), *self.layout.shape)):
            raise ValueError(f"arch must have shape {self.layout.shape}, got {tuple(arch.shape)}")
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        for index, (block, weights) in enumerate(zip(self.blocks, row_weights(arch), strict=True)):
            assert isinstance(block, Block)
            total: Tensor | None = None
            for column, weight in enumerate(weights):
                if isinstance(weight, Tensor) or weight != 0:
                    y = block.body(x, column)
                    y = y if isinstance(weight, float) and weight == 1 else y * weight
                    total = y if total is None else total + y
            if total is None:
                raise ValueError(f"block {index} needs an operation, got weights that are all 0")
            x = block.join(x, total)
        return self.classify(x)


def extract(supernet: nn.Module, genotype: BlockGenotype, layout: Layout) -> Weights:
    """State of the genotype's network, as cut from a supernet.

    Args:
        supernet: The supernet.
        genotype: The genotype.
        layout: Layout of the blocks.
    """
    assert isinstance(supernet, Supernet)
    state = {name: value for name, value in supernet.state_dict().items() if ".body." not in name}
    for index, column in enumerate(columns_of(genotype, layout)):
        body = supernet.blocks[index].body
        assert isinstance(body, SlicedBodies | SeparateBodies)
        state |= {f"blocks.{index}.body.{name}": value for name, value in body.cut(column).items()}
    return {name: value.detach().cpu().numpy().copy(order="C") for name, value in state.items()}


def rank_slices(supernet: nn.Module) -> None:
    """See :meth:`SlicedBodies.rank`; in place."""
    for module in supernet.modules():
        if isinstance(module, SlicedBodies):
            module.rank()
