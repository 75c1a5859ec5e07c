"""Zero-cost proxies: scores of networks with fresh weights that predict their quality after training.

Each has its own module, which names its source and its direction; ``vote``, ``az_nas`` and ``vkdnw_agg`` combine the
ranks of others among candidates. They are scores of any torch module of convolutions, linear layers, or layers of
neurons.

- ``networks``: access to layers, gradients and activations; ``compute``: the functions by name; ``scorer``: scores of
  genotypes.
- ``evaluator``: proxies as metrics of a trial; ``screen``: selection of the child that is trained.

Nothing imports torch before a score is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from evonas.evaluation.proxies import az_nas, vkdnw_agg, vote
from evonas.objectives.metrics import FRESH, METRICS
from evonas.types import Task, UserError, suggestion

#: Proxies of one network, which are metrics as well.
MEASURED = tuple(name for name, metric in METRICS.items() if metric.place == FRESH)
#: Proxies whose ranks among candidates are combined, by the name of the combination.
JOINED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "vote": vote.PARTS, "az_nas": az_nas.PARTS, "vkdnw_agg": vkdnw_agg.PARTS,
})
#: All proxies; the last two are costs of the structure, too.
PROXIES = (*MEASURED, *JOINED, "params", "flops")
#: Proxies that need classes.
OF_CLASSES = frozenset({"epe_nas", "vkdnw"})

__all__ = ["JOINED", "MEASURED", "PROXIES", "check_names", "check_single", "fitting", "measured_for", "parts_of"]


def parts_of(name: str) -> tuple[str, ...]:
    """The proxies of one network that a proxy combines."""
    return JOINED.get(name, (name,))


def fitting(task: Task) -> tuple[str, ...]:
    """The proxies that are defined for networks of the task."""
    return tuple(n for n in PROXIES if task.kind == "classification" or OF_CLASSES.isdisjoint(parts_of(n)))


def measured_for(task: Task) -> tuple[str, ...]:
    """The proxies that are metrics of one network of the task."""
    return tuple(name for name in MEASURED if name in fitting(task))


def check_names(names: Iterable[str], task: Task | None = None) -> None:
    """Check the names of proxies.

    Raises:
        UserError: A proxy is unknown, or is not defined for the task's networks.
    """
    for name in names:
        if name not in PROXIES:
            raise UserError(f"unknown proxy {name!r}{suggestion(name, PROXIES)}")
        if task is not None and name not in fitting(task):
            raise UserError(f"the proxy {name} is of classes, and the task is a regression: choose another")


def check_single(texts: Iterable[str], task: Task) -> None:
    """Check proxies among objectives and constraints, which are metrics of one network.

    Args:
        texts: Names of metrics, or bounds on them like ``naswot>=10``.
        task: Task of the networks.

    Raises:
        UserError: A proxy compares candidates, or is not defined for the task's networks.
    """
    for text in texts:
        name = re.split("[<>]", text)[0].strip()
        if name in JOINED:
            raise UserError(f"{name} compares candidates and is no metric of one network: name some of its parts, "
                            f"{', '.join(JOINED[name])}, or give it as --prescreen")
        if name in MEASURED:
            check_names([name], task)
