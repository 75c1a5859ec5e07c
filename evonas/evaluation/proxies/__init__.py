"""Zero-cost proxies: what a network with fresh weights says of the one that training would give.

One file each, which names its source and its direction; ``vote``, ``az_nas`` and ``vkdnw_agg`` join the ranks of others
among candidates. They are scores of any torch module of convolutions, linear layers, or layers of neurons.

- ``networks``: what they need of a network; ``compute``: the functions by name; ``scorer``: of genotypes.
- ``evaluator``: as metrics of a trial; ``screen``: which of some children is trained.

Nothing imports torch before a score is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from evonas.evaluation.proxies import az_nas, vkdnw_agg, vote
from evonas.metrics import FRESH, METRICS
from evonas.types import Task, UserError, suggestion

#: Proxies of one network, which are metrics as well.
MEASURED = tuple(name for name, metric in METRICS.items() if metric.place == FRESH)
#: Proxies whose ranks among candidates are joined, by the name of what joins them.
JOINED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "vote": vote.PARTS, "az_nas": az_nas.PARTS, "vkdnw_agg": vkdnw_agg.PARTS,
})
#: All; the last two are costs of the structure, too.
PROXIES = (*MEASURED, *JOINED, "params", "flops")
#: Those that need classes.
OF_CLASSES = frozenset({"epe_nas", "vkdnw"})

__all__ = ["JOINED", "MEASURED", "PROXIES", "check_names", "fitting", "parts_of"]


def parts_of(name: str) -> tuple[str, ...]:
    """The proxies of one network that a proxy is made of."""
    return JOINED.get(name, (name,))


def fitting(task: Task) -> tuple[str, ...]:
    """The proxies that networks for the task can have."""
    return tuple(n for n in PROXIES if task.kind == "classification" or OF_CLASSES.isdisjoint(parts_of(n)))


def check_names(names: Iterable[str], task: Task | None = None) -> None:
    """Raises :class:`UserError` for an unknown proxy, and for one that the task's networks cannot have."""
    for name in names:
        if name not in PROXIES:
            raise UserError(f"unknown proxy {name!r}{suggestion(name, PROXIES)}")
        if task is not None and name not in fitting(task):
            raise UserError(f"the proxy {name} is of classes, and the task is a regression: choose another")
