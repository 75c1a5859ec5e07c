"""The functions of the proxies by name; imports torch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from torch import nn

from evonas.evaluation.proxies import (
    az_expressivity,
    az_progressivity,
    az_trainability,
    epe_nas,
    fisher,
    flops,
    grad_norm,
    grasp,
    jacob_cov,
    l2_norm,
    naswot,
    params,
    plain,
    reg_swap,
    snip,
    swap,
    synflow,
    vkdnw,
    zen,
    zico,
)
from evonas.evaluation.proxies.networks import Batch

#: Function of a network, which it may change, and a batch.
Score: TypeAlias = Callable[[nn.Module, Batch], float]

SCORES: Mapping[str, Score] = MappingProxyType({
    "grad_norm": grad_norm.score,
    "snip": snip.score,
    "plain": plain.score,
    "l2_norm": l2_norm.score,
    "grasp": grasp.score,
    "fisher": fisher.score,
    "synflow": synflow.score,
    "jacob_cov": jacob_cov.score,
    "epe_nas": epe_nas.score,
    "naswot": naswot.score,
    "zen": zen.score,
    "zico": zico.score,
    "swap": swap.score,
    "reg_swap": reg_swap.score,
    "az_expressivity": az_expressivity.score,
    "az_progressivity": az_progressivity.score,
    "az_trainability": az_trainability.score,
    "vkdnw": vkdnw.score,
    "params": params.score,
    "flops": flops.score,
})


def compute(name: str, network: nn.Module, batch: Batch) -> float:
    """A proxy of a network, which is left unchanged.

    Args:
        name: Name of the proxy.
        network: The network.
        batch: The samples.

    Raises:
        Unfit: The network lacks what the proxy measures.
        FloatingPointError: The score is not finite.
    """
    value = SCORES[name](copy.deepcopy(network).train(), batch)
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} is {value}")
    return value
