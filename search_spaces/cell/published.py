"""The cells and networks in which methods of supernets were published."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evonas.capabilities.presets import Preset

#: 8 cells: DARTS' code says so, GDAS' says two normal cells a stage with a reduction between stages.
_DARTS = {"operations": "darts", "cells": 8, "channels": 16}

#: Additions of the space to the presets of :mod:`evonas.supernet.published`, by the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    "darts": Preset(
        paper="Liu 2019", link="https://arxiv.org/abs/1806.09055", settings={"space_options": _DARTS},
    ),
    "gdas": Preset(
        paper="Dong 2019", link="https://arxiv.org/abs/1910.04465", settings={"space_options": _DARTS},
    ),
    "hypernet-scalar": Preset(
        paper="Yakovlev 2022", link="https://github.com/Intelligent-Systems-Phystech/DARTS-CC",
        settings={"space_options": {"operations": "darts", "cells": 3, "nodes": 4, "channels": 16, "edges": "all"}},
    ),
    "hypernet-vector": Preset(
        paper="Firsov 2025",
        settings={"space_options": {"operations": "firsov", "cells": 3, "nodes": 4, "channels": 16}},
    ),
})
