"""Who takes part, and with which settings: changes to the defaults of :class:`evonas.config.RunConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from evonas.config import RunConfig
from evonas.training.length import EPOCHS
from search_spaces.neuron.mutation import DEFAULT_WEIGHTS
from search_spaces.neuron.seeders import FAMILY_SEARCHES
from search_spaces.neuron.seeders import METHODS as MEMBER_SEEDERS

SEEDERS = (*MEMBER_SEEDERS, *FAMILY_SEARCHES)


class DatasetSettings(NamedTuple):
    """What is measured on a data set, and with which settings beside those of the methods.

    Attributes:
        budgets: At most so many connected edges: the columns of the table.
        settings: Of the configuration of every method, where it does not set the same itself.
        epochs: For how long a network is trained, by name of :data:`SETTINGS`, in the place of the epochs there.
    """

    budgets: tuple[int, ...] = (1_000, 2_650, 6_600, 20_700, 42_700)
    settings: Mapping[str, Any] = MappingProxyType({})
    epochs: Mapping[str, int] = MappingProxyType({})


#: Data sets with settings of their own.
DATASETS: Mapping[str, DatasetSettings] = MappingProxyType({
    #: In 2 minutes 35 members of 30 epochs had .03 to .26 points more on validation than 96 of 12 (seed 0).
    "mnist": DatasetSettings(epochs={"prune": 30}),
    "cifar10": DatasetSettings((10_000, 25_000, 75_000, 200_000, 500_000), {
        "population": 16, "children": 8,  # a founder takes 15 seconds, not 2
        "training": {"shift": 2, "flip": True, "full_rate_edges": 80_000.0},  # four times as many inputs
        "space_options": {"edges": [5_000, 500_000], "founder_edges": [5_000, 500_000]},
    }),
})


def settings_of(dataset: str) -> DatasetSettings:
    """The settings of a data set by its name or file."""
    return DATASETS.get(Path(dataset).stem, DatasetSettings())


#: No search has a last generation: the time ends it.
EVERYBODY: Mapping[str, Any] = MappingProxyType({"space": "neuron", "generations": 1_000_000})
#: Members trained between two states of the run: several, so that workers rarely wait for the last of them.
_FAMILY: Mapping[str, Any] = {"searcher": "random", "population": 10, "children": 10}

_EVOLVE: Mapping[str, Any] = {"searcher": "nsga2", "epochs": EPOCHS}
#: In the place of inflating: the published mutations (see :mod:`search_spaces.neuron.mutation.steps`), and splitting.
_SIMPLE = ("add_nodes", "add_edges", "remove_edges", "remove_layer", "split_neuron", "tie_weights")
_BY_GRADIENT = {**DEFAULT_WEIGHTS, "inflate": 0.0, "inflate_gradient": DEFAULT_WEIGHTS["inflate"]}

#: ``evolve`` with one of its parts taken away, replaced or added: what each is worth.
ABLATIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "sparse-founders": {"space_options": {"founders": "log-uniform"}},
    "no-inflate": {"space_options": {"operators": dict.fromkeys(_SIMPLE, 1.0)}},
    "inflate-gradient": {"space_options": {"operators": _BY_GRADIENT}},
    "no-distance": {"space_options": {"distance_strength": 0}},
    "tournament": {"parents": "tournament"},
    "no-distillation": {"self_distillation": False},
    "adapt": {"adapt": True},
    "rungs": {"rungs": [2, 8]},
    "confirmed": {"rungs": [6, 12]},
    "by-validation": {"objectives": ["val_error", "flops"]},
})

#: Networks that start from nothing are trained for as long as suits them, children for the engine's default.
SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "evolve": _EVOLVE,
    "random": {**_FAMILY, "seeder": "random", "epochs": 12},
    "prune": {**_FAMILY, "seeder": "prune", "epochs": 12},
    "local": {**_FAMILY, "seeder": "local", "epochs": 12},
    # One search has one family; its members are sparse when their training begins, and so cheap to train for long.
    "relevance": {"searcher": "random", "seeder": "relevance", "population": 10, "generations": 6, "children": 5,
                  "epochs": 24},
    "rigl": {**_FAMILY, "seeder": "rigl", "epochs": 50},
    "set": {**_FAMILY, "seeder": "set", "epochs": 50},
    **{name: {**_EVOLVE, **change} for name, change in ABLATIONS.items()},
})


class Stage(NamedTuple):
    """A part of a method's time: a run of its own, seeded by the one before it.

    Attributes:
        settings: A name of :data:`SETTINGS`.
        share: Of the time.
    """

    settings: str
    share: float = 1.0

    def own(self, dataset: str) -> Mapping[str, Any]:
        """The entry of :data:`SETTINGS`, with what the data set changes."""
        own = SETTINGS[self.settings]
        epochs = settings_of(dataset).epochs.get(self.settings)
        return own if epochs is None else {**own, "epochs": epochs}

    def config(self, dataset: str, **values: Any) -> RunConfig:
        """The run's configuration, with what the benchmark decides."""
        common = settings_of(dataset).settings
        own = {**EVERYBODY, **self.own(dataset), **values}
        tables = {name: {**common[name], **own[name]} for name in common.keys() & own if isinstance(own[name], dict)}
        return RunConfig(dataset=dataset, **{**common, **own, **tables})


#: Families of networks are best-of-k: as many members as the time allows.
METHODS: Mapping[str, tuple[Stage, ...]] = MappingProxyType({
    "evolve-prune": (Stage("prune", 0.5), Stage("evolve", 0.5)),
    "evolve-local": (Stage("local", 0.5), Stage("evolve", 0.5)),
    "evolve-relevance": (Stage("relevance", 0.6), Stage("evolve", 0.4)),  # its search alone takes 50 of 150 seconds
    "evolve": (Stage("evolve"),),
    "random": (Stage("random"),),
    "prune": (Stage("prune"),),
    "rigl": (Stage("rigl"),),
    "set": (Stage("set"),),
    **{name: (Stage(name),) for name in ABLATIONS},
})


def missing_seeder(method: str) -> str | None:
    """The seeder that a method needs and the neuron space does not have."""
    needed = (SETTINGS[stage.settings].get("seeder", "random") for stage in METHODS[method])
    return next((seeder for seeder in needed if seeder not in ("random", *SEEDERS)), None)
