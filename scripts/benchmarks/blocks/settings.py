"""Settings of the benchmark: networks, data and lengths of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from evonas.types import UserError
from search_spaces.block.options import Sharing


class Contestant(NamedTuple):
    """A supernet whose scores are to rank networks.

    Attributes:
        method: Its name in :data:`evonas.supernet.settings.METHODS`.
        sharing: Sharing of weights among the operations of a block.
        passes: Paths a training step.
    """

    method: str
    sharing: Sharing
    passes: int


#: By the name in the table. All are given as many passes; pruning, whose one path is the largest, a quarter of them.
CONTESTANTS: Mapping[str, Contestant] = MappingProxyType({
    "SPOS": Contestant("spos", "separate", 1),
    "FairNAS": Contestant("fairnas", "separate", 9),
    "sandwich": Contestant("sandwich", "slimmable", 4),
    "pruning": Contestant("widest", "slimmable", 4),
})


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Settings that the results depend on, but for the numbers of networks and seeds.

    Attributes:
        n_train, n_validation: Images; validation images score networks with shared weights.
        epochs: Epochs of a training from scratch.
        passes: Passes of a supernet over its training images, in paths.
    """

    dataset: str
    n_train: int
    n_validation: int
    width: int
    stem_stride: int
    epochs: int
    passes: int

    def epochs_of(self, contestant: Contestant) -> int:
        """Epochs of a contestant's supernet."""
        return max(1, self.passes // contestant.passes)

    def space_options(self, sharing: Sharing) -> dict[str, Any]:
        """Options of the block space."""
        return {"width": self.width, "stem_stride": self.stem_stride, "sharing": sharing}


FULL = Setting(
    dataset="fashion-mnist", n_train=3000, n_validation=1000, width=4, stem_stride=2, epochs=5, passes=72
)
#: Whether all of it runs.
QUICK = Setting(dataset="digits", n_train=200, n_validation=100, width=2, stem_stride=1, epochs=1, passes=9)


def check_names(names: Sequence[str]) -> list[str]:
    """Contestants by name, each once; raises :class:`UserError` for one that is unknown."""
    for name in names:
        if name not in CONTESTANTS:
            raise UserError(f"--supernets: unknown supernet {name!r}, there are: {', '.join(CONTESTANTS)}")
    return list(dict.fromkeys(names))
