"""Options of the block space."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Sharing: TypeAlias = Literal["slimmable", "separate"]


class BlockOptions(BaseModel):
    """Options of the space; every field has a default.

    With ``width = 64``, ``stem_kernel = 7``, ``stem_stride = 2`` and ``stem_pool = true`` the network of nothing but
    ``conv3_x1`` is ResNet-18 as published.

    Attributes:
        operations: ``"resnet"``: two convolutions a block, kernel 3, 5 or 7, inner width x .5, 1 or 2; ``"mbconv"``: an
            inverted bottleneck, kernel 3, 5 or 7, expansion 3 or 6.
        width: Channels of the first two blocks; doubled with each of the three further pairs. Even.
        stem_kernel: Pixels along either side of the first convolution.
        stem_stride: 2 halves the image at once, for a quarter of the FLOPs.
        stem_pool: Max-pooling of 3 x 3 pixels, which halves the image, after the first convolution.
        sharing: Sharing of weights among the operations of a block in a supernet. ``"slimmable"``: each is a slice of
            the widest one's weights; ``"separate"``: none. None is slimmable for resnet, separate for mbconv (as in
            ProxylessNAS).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: Literal["resnet", "mbconv"] = "resnet"
    width: int = Field(8, ge=2, multiple_of=2)
    stem_kernel: Literal[3, 5, 7] = 3
    stem_stride: Literal[1, 2] = 1
    stem_pool: bool = False
    sharing: Sharing | None = None

    @property
    def is_slimmable(self) -> bool:
        """Whether the operations of a block share weights in a supernet."""
        return (self.sharing or ("slimmable" if self.operations == "resnet" else "separate")) == "slimmable"
