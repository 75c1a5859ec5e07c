"""The neuron-level evolution, RigL and SET as they were published."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evonas.capabilities.presets import EVOLUTION, Preset
from search_spaces.neuron.options import MOST_EDGES

#: The published mutations, equally likely.
_OPERATORS: Mapping[str, float] = {
    "add_nodes": 1.0, "add_edges": 1.0, "remove_edges": 1.0, "remove_layer": 1.0, "tie_weights": 1.0,
}
#: Shares of all neurons, of all edges, and of the edges between two layers.
_SMALLEST: Mapping[str, float] = {
    "add_nodes": 0.12, "add_edges": 0.20, "remove_edges": 0.12, "tie_weights": 1 / 30,
}
_LARGEST: Mapping[str, float] = {
    "add_nodes": 0.32, "add_edges": 0.32, "remove_edges": 0.22, "tie_weights": 1 / 3,
}
_REGROWTH: Mapping[str, Any] = {"fraction": 0.3, "scope": "layer-pair"}
#: Published: edges move until step 25 000 of 32 000.
_LAST_MOVE = 25_000 / 32_000

#: By the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    EVOLUTION: Preset(
        paper="Lunev and Nikitin", link="https://github.com/artemlunev2000/Neuron-Level-NAS",
        settings={
            "population": 60, "children": 15, "generations": 40, "survival": "aging",
            "parent_selection": "living-tournament", "adaptive_operators": False, "crossover_rate": 0.0,
            "self_distillation": False, "epochs": 60,
            "training": {
                "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 1e-3, "batch_size": 128, "patience": 18,
                "schedule": "constant", "warmup": 0.0, "label_smoothing": 0.0, "hidden_dropout": 0.2,
                "lr_reference_edges": 1e12, "longer_edges": 0.0, "child_epochs": (35 / 60, 50 / 60),
            },
            "space_options": {
                "founders": "source", "norm": "layer", "hidden_positions": "predecessors",
                "operators": dict(_OPERATORS), "smallest_steps": dict(_SMALLEST), "largest_steps": dict(_LARGEST),
                "pair_share": 0.6, "small_edges": 0.0, "smoothing": 0.0, "edges": (1, MOST_EDGES - 1),
                "starting_edges": MOST_EDGES - 1,
            },
        },
        validation_share=0.2,
        remarks=(
            "The learning rate and the objectives were not found: they are ours.",
            "Children train for 35 to 50 epochs where founders train for 60: for as large a share of `epochs`.",
            "`tie_weights`, called duplicate_weights there, and the norm were later removed from the authors' code.",
        ),
    ),
    "rigl": Preset(
        paper="Evci 2020", link="https://arxiv.org/abs/1911.11134",
        settings={"training": {"batch_size": 128, "regrowth": {
            **_REGROWTH, "every": 100, "end": _LAST_MOVE, "decay": "cosine", "grow": "gradient",
        }}},
        remarks=(
            "The numbers are those of the authors' code (https://github.com/google-research/rigl): steps as for "
            "ImageNet (on CIFAR-10 edges move until step 75 000 of 97 656), batches as for CIFAR-10.",
            "Layers share the edges as Erdos-Renyi densities do; the paper's variant for kernels is the same where "
            "there are none.",
            "Weights learn by AdamW in every step; published is SGD with Nesterov's momentum, and no update where "
            "edges move.",
        ),
    ),
    "set": Preset(
        paper="Mocanu 2018", link="https://doi.org/10.1038/s41467-018-04316-3",
        settings={"training": {"batch_size": 100, "hidden_dropout": 0.3, "regrowth": {
            **_REGROWTH, "every": 0, "end": 1.0, "decay": "none", "grow": "random",
        }}},
        remarks=(
            "The numbers are those of the authors' code for CIFAR-10 "
            "(https://github.com/dcmocanu/sparse-evolutionary-artificial-neural-networks).",
            "The smallest weights of both signs together are dropped; published are equal shares of each sign.",
            "Edges are as many as a network was drawn with; published are 20 (n + m) between layers of n and m, and a "
            "dense last layer.",
            "New edges begin with weight 0, and weights learn by AdamW; published are random weights and SGD with a "
            "rate of .01 and momentum .9.",
        ),
    ),
})
