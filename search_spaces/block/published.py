"""Changes of the block space to methods of supernets as they were published."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evonas.capabilities.presets import Preset

_ARGMAX = {"search_options": {"rule": "argmax"}}
_ONE_INPUT = ("Blocks have one input: the best operation is read off each.",)

#: Additions of the space to the presets of :mod:`evonas.supernet.published`, by the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    "darts": Preset(
        paper="Liu 2019", link="https://arxiv.org/abs/1806.09055", settings=_ARGMAX, remarks=_ONE_INPUT,
    ),
    "gdas": Preset(paper="Dong 2019", link="https://arxiv.org/abs/1910.04465", settings=_ARGMAX, remarks=_ONE_INPUT),
    "proxyless": Preset(
        paper="Cai 2019", link="https://arxiv.org/abs/1812.00332", settings={"search_options": {"cost": "flops"}},
        remarks=("Blocks are not timed alone: FLOPs take the place of the latency.",),
    ),
})
