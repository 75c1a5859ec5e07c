"""Methods with their settings: changes to the defaults of :class:`evonas.config.RunConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from evonas.capabilities.initialization import Seedable
from evonas.config import RunConfig
from evonas.run.initialization import with_method
from evonas.run.plugins import create_space
from evonas.training.length import EPOCHS
from evonas.types import Task, UserError, suggestion
from search_spaces.neuron.mutation import DEFAULT_WEIGHTS


class DatasetSettings(NamedTuple):
    """Budgets of a data set, and its settings in addition to those of the methods.

    Attributes:
        budgets: Columns of the table: the largest ``counted``.
        settings: Settings of every method's configuration, unless the method sets the same itself.
        epochs: Epochs of a network's training, by name of :data:`SETTINGS`, in the place of the epochs there.
        counted: Measure of a network: connected edges (multiply-adds of a convolutional one), or all trained values.
            The last objective must be its cost.
    """

    budgets: tuple[int, ...] = (1_000, 2_650, 6_600, 20_700, 42_700)
    settings: Mapping[str, Any] = MappingProxyType({})
    epochs: Mapping[str, int] = MappingProxyType({})
    counted: Literal["edges", "params"] = "edges"


#: Networks that are large enough see images moved by a pixel (see :class:`evonas.training.Recipe`).
_MOVED: Mapping[str, Any] = MappingProxyType({"shift": 1, "min_edges_for_augmentation": 1_000})

#: Pruned step by step, networks of 10 000 to 40 000 edges had .2 to .4 points more on validation if each step had 24
#: epochs of moved images in the place of 6 of images as they are; those of 2 650 and 4 000 had .3 to .5 more with 24
#: epochs of images as they are, and .1 to .6 less with moved ones (2 runs).
_FASHION = DatasetSettings(
    settings={
        "objectives": ["val_error", "flops"], "population": 20, "children": 10,
        "training": {"shift": 1, "min_edges_for_augmentation": 8_000},
    },
    epochs={"evolve": 18},
)

#: Data sets with settings of their own, and their further settings by name (``--setting``), as ``DATASET-SETTING``.
DATASETS: Mapping[str, DatasetSettings] = MappingProxyType({
    "fashion-mnist": _FASHION,
    #: The same, for a file of their own: does another searcher, or a pre-screen, find more?
    "fashion-mnist-searchers": _FASHION,
    #: In 2 minutes 35 members of 30 epochs had .03 to .26 points more on validation than 96 of 12 (seed 0).
    "mnist": DatasetSettings(epochs={"prune": 30}),
    #: On validation (2 seeds, 3 of the other), longer trials of fewer networks that are chosen by validation alone had
    #: .2 more at 1 000 edges and .1 from 20 700 on than 24 members, 10 epochs and ``trainval_error``, and the same in
    #: between; with 16 members, 16 epochs and more for children of fewer than 20 000 edges, .1 less from 2 650 on.
    "mnist-moved": DatasetSettings(
        settings={"objectives": ["val_error", "flops"], "population": 20, "children": 10, "training": _MOVED},
        epochs={"evolve": 14, "prune": 30},
    ),
    "mnist-weights": DatasetSettings(
        (600, 1_000, 2_650, 6_600, 20_700),
        {
            "objectives": ["trainval_error", "flops", "params"], "constraints": ["flops<=120000", "params>=450"],
            "population": 24, "children": 12, "training": _MOVED,
            "space_options": {"edges": [300, 60_000], "founder_edges": [300, 60_000]},
        },
        {"evolve": 15, "prune": 30}, "params",
    ),
    "cifar10": DatasetSettings((10_000, 25_000, 75_000, 200_000, 500_000), {
        "objectives": ["val_error", "flops"], "population": 12, "children": 8,  # a founder takes 15 seconds, not 2
        "training": {"shift": 2, "flip": True, "lr_reference_edges": 80_000.0, "longer_edges": 300_000.0},
        "space_options": {"edges": [5_000, 500_000], "founder_edges": [5_000, 500_000]},
    }, {"evolve": 8}),
})


def settings_of(dataset: str, setting: str | None = None) -> DatasetSettings:
    """Return the settings of a data set by its name or file, or its named settings.

    Raises:
        UserError: The data set has no settings of that name.
    """
    name = Path(dataset).stem
    if setting is None:
        return DATASETS.get(name, DatasetSettings())
    named = {key.removeprefix(f"{name}-"): value for key, value in DATASETS.items() if key.startswith(f"{name}-")}
    if setting not in named:
        known = suggestion(setting, named) if named else ": leave it out"
        raise UserError(f"{name} has no setting {setting!r}{known}")
    return named[setting]


#: Settings of all searches: they have no last generation, since the time ends them.
COMMON: Mapping[str, Any] = MappingProxyType({"space": "neuron", "generations": 1_000_000})
#: Settings of families, with several members between two states of the run, so that workers rarely wait for the last.
_FAMILY: Mapping[str, Any] = {"searcher": "random", "population": 10, "children": 10}

_EVOLVE: Mapping[str, Any] = {"searcher": "nsga2", "epochs": EPOCHS}
#: Operators in the place of growing and pruning: the published mutations (see
#: :mod:`search_spaces.neuron.mutation.steps`), and splitting.
_SIMPLE = ("add_nodes", "add_edges", "remove_edges", "remove_layer", "split_neuron", "tie_weights")
_BY_GRADIENT = {**DEFAULT_WEIGHTS, "grow_and_prune": 0.0, "grow_and_prune_gradient": DEFAULT_WEIGHTS["grow_and_prune"]}

#: Budgets in epochs, the last that of a child of ``evolve`` on Fashion-MNIST.
_RUNGS = (2, 6, 18)

#: Variants of ``evolve`` with one part removed, replaced or added, which show the effect of each.
ABLATIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "pruned-founders": {"space_options": {"founders": "pruned"}},
    "sparse-founders": {"space_options": {"founders": "log-uniform"}},
    "no-grow-and-prune": {"space_options": {"operators": dict.fromkeys(_SIMPLE, 1.0)}},
    "grow-and-prune-gradient": {"space_options": {"operators": _BY_GRADIENT}},
    "no-distance": {"space_options": {"distance_strength": 0}},
    "tournament": {"parent_selection": "tournament"},
    "no-distillation": {"self_distillation": False},
    "adaptive-operators": {"adaptive_operators": True},
    "rungs": {"rungs": [2, 8]},
    "confirmed": {"rungs": [6, 12]},
    "by-validation": {"objectives": ["val_error", "flops"]},
    # The one of five children with the best proxy is trained.
    "evolve-prescreen": {"prescreen": "naswot", "prescreen_ratio": 5},
    # Other searchers on the same founders and mutations: budgets that grow with promise, and a model of what was seen.
    "evolve-halving": {"searcher": "successive-halving", "rungs": _RUNGS},
    "evolve-hyperband": {"searcher": "hyperband", "rungs": _RUNGS},
    "evolve-surrogate": {"searcher": "surrogate", "searcher_options": {"samples": 10}},  # founders are costly to draw
})

#: Settings by name. Networks with fresh weights are trained for a suitable time, children for the engine's default.
SETTINGS: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "evolve": _EVOLVE,
    "random": {**_FAMILY, "seeder": "random", "epochs": 12},
    "prune": {**_FAMILY, "seeder": "prune", "epochs": 12},
    "local": {**_FAMILY, "seeder": "local", "epochs": 12},
    # One search has one family; its members are sparse when their training begins, and therefore cheap to train for
    # long.
    "relevance": {"searcher": "random", "seeder": "relevance", "population": 10, "generations": 6, "children": 5,
                  "epochs": 24},
    "rigl": {**_FAMILY, "seeder": "rigl", "epochs": 50},
    "set": {**_FAMILY, "seeder": "set", "epochs": 50},
    # Convolutions as single neurons: trained with shared weights, then with separate ones, and pruned.
    "conv": {**_FAMILY, "seeder": "conv", "epochs": 16},
    # The usual alternative, in torch.
    "cnn": {**_FAMILY, "space": "cnn", "seeder": "spread", "epochs": 10},
    **{name: {**_EVOLVE, **change} for name, change in ABLATIONS.items()},
})


class Stage(NamedTuple):
    """Part of a method's time: a run of its own, seeded by the one before it.

    Attributes:
        settings: A name of :data:`SETTINGS`.
        share: Share of the time.
    """

    settings: str
    share: float = 1.0

    def own(self, dataset: str, setting: str | None = None) -> Mapping[str, Any]:
        """Return the entry of :data:`SETTINGS`, with the data set's changes."""
        own = SETTINGS[self.settings]
        method = "evolve" if self.settings in ABLATIONS else self.settings
        epochs = settings_of(dataset, setting).epochs.get(method)
        return own if epochs is None else {**own, "epochs": epochs}

    def config(self, dataset: str, setting: str | None = None, **values: Any) -> RunConfig:
        """Return the run's configuration, with the values that the benchmark sets."""
        common = settings_of(dataset, setting).settings
        own = {**COMMON, **self.own(dataset, setting), **values}
        tables = {name: {**common[name], **own[name]} for name in common.keys() & own if isinstance(own[name], dict)}
        return RunConfig(dataset=dataset, **{**common, **own, **tables})


#: Methods by name. Families of networks are best-of-k: as many members as the time allows.
METHODS: Mapping[str, tuple[Stage, ...]] = MappingProxyType({
    "evolve-prune": (Stage("prune", 0.5), Stage("evolve", 0.5)),
    "evolve-local": (Stage("local", 0.5), Stage("evolve", 0.5)),
    "evolve-relevance": (Stage("relevance", 0.6), Stage("evolve", 0.4)),  # its search alone takes 50 of 150 seconds
    "evolve": (Stage("evolve"),),
    "random": (Stage("random"),),
    "prune": (Stage("prune"),),
    "rigl": (Stage("rigl"),),
    "set": (Stage("set"),),
    "conv": (Stage("conv"),),
    "cnn": (Stage("cnn"),),
    **{name: (Stage(name),) for name in ABLATIONS},
})


def obstacle(method: str, task: Task, dataset: str, setting: str | None = None) -> str | None:
    """Return why a method cannot take part.

    Its space or its seeder does not take such samples, or there is no such seeder.

    Args:
        method: A name of :data:`METHODS`.
        task: Task of the data set.
        dataset: Its name or file.
        setting: See :func:`settings_of`.

    Returns:
        A sentence; None if the method can take part.
    """
    for stage in METHODS[method]:
        config = stage.config(dataset, setting)
        try:
            space = create_space(config.space, task, config.space_options)
            with_method(config, space, Path(), n_samples=1)  # the length of training does not matter here
            if isinstance(space, Seedable) and config.seeder in space.seeders:
                space.seeders[config.seeder](0, np.random.default_rng(0))
        except UserError as error:
            return str(error)
    return None
