"""Methods by name, and the settings of each. No torch.

- ``base``: settings that methods share; ``relaxed``: DARTS and its kin; ``paths``: methods that train single paths
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evonas.capabilities.choices import Choices
from evonas.supernet.settings.base import (
    CostForm,
    LogitSettings,
    MeasureName,
    PriorName,
    RelaxationName,
    SupernetSettings,
)
from evonas.supernet.settings.paths import (
    FairSettings,
    ProxylessSettings,
    SandwichSettings,
    SharingSettings,
    SlicedSettings,
    SposSettings,
    WidestSettings,
)
from evonas.supernet.settings.relaxed import (
    DartsSettings,
    GdasSettings,
    RelaxedSettings,
    ScalarSettings,
    VectorSettings,
)

__all__ = [
    "METHODS", "CostForm", "DartsSettings", "FairSettings", "GdasSettings", "LogitSettings", "MeasureName",
    "PriorName", "ProxylessSettings", "RelaxationName", "RelaxedSettings", "SandwichSettings", "ScalarSettings",
    "SharingSettings", "SlicedSettings", "SposSettings", "SupernetSettings", "VectorSettings", "WidestSettings",
    "methods_for",
]

#: Settings of each method by its name.
METHODS: Mapping[str, type[SupernetSettings]] = MappingProxyType({
    "hypernet-scalar": ScalarSettings,
    "hypernet-vector": VectorSettings,
    "darts": DartsSettings,
    "gdas": GdasSettings,
    "proxyless": ProxylessSettings,
    "spos": SposSettings,
    "fairnas": FairSettings,
    "sandwich": SandwichSettings,
    "widest": WidestSettings,
})


def methods_for(choices: Choices) -> Mapping[str, type[SupernetSettings]]:
    """Methods, of :data:`METHODS`, that can train the supernet of these choices."""
    return {name: kind for name, kind in METHODS.items() if choices.nested or not issubclass(kind, SlicedSettings)}
