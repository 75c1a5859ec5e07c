"""The functions behind the names; imports torch."""

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

#: May change the network that it is given.
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
    """A proxy of a network, which stays as it is.

    Raises:
        Unfit: The network does not have what the proxy measures.
        FloatingPointError: The score is not finite.
    """
    value = SCORES[name](copy.deepcopy(network).train(), batch)
    if not math.isfinite(value):
        raise FloatingPointError(f"{name} is {value}")
    return value
