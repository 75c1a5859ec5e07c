"""The methods of supernets as they were published; what a space adds to them is its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evonas.capabilities.presets import Preset

#: Weights under SGD, as in DARTS.
_SGD: Mapping[str, Any] = {
    "batch_size": 64, "optimizer": "sgd", "learning_rate": 0.025, "last_learning_rate": 0.001, "momentum": 0.9,
    "weight_decay": 3e-4, "clip_norm": 5.0,
}
#: None of the remedies against collapse.
_NO_REMEDY: Mapping[str, Any] = {
    "warm_up": 0.0, "cool_down": 0.0, "auxiliary_skip": False, "beta_decay": 0.0, "beta_decay_last": None,
}
#: Samples of their own for the logits, under Adam.
_BILEVEL: Mapping[str, Any] = {"bilevel": True, "arch_share": 0.5, "arch_weight_decay": 1e-3}
#: One complexity a step.
_HYPERNET: Mapping[str, Any] = {
    "relaxation": "gumbel-softmax", "temperature": (1.0, 0.2), "complexities": 1, "arch_learning_rate": 1e-3,
    "rule": "argmax",
}

DARTS = Preset(
    paper="Liu 2019", link="https://arxiv.org/abs/1806.09055",
    settings={"search_epochs": 50, "search_options": {
        **_SGD, **_BILEVEL, **_NO_REMEDY, "relaxation": "softmax", "order": 2, "arch_learning_rate": 3e-4,
        "rule": "darts",
    }},
    remarks=("Second order, of the two that were published.",),
)

GDAS = Preset(
    paper="Dong 2019", link="https://arxiv.org/abs/1910.04465",
    settings={"search_epochs": 240, "search_options": {
        **_SGD, **_BILEVEL, **_NO_REMEDY, "relaxation": "straight-through", "temperature": (10.0, 0.1), "order": 1,
        "arch_learning_rate": 3e-4, "rule": "darts",
    }},
)

SCALAR = Preset(
    paper="Yakovlev 2022", link="https://github.com/Intelligent-Systems-Phystech/DARTS-CC",
    settings={"search_options": {
        **_SGD, **_BILEVEL, **_NO_REMEDY, **_HYPERNET, "order": 2, "log_lambda": (-8.0, -4.0), "knots": 5,
        "noise_per_image": True, "classifier": "piecewise-linear",
    }},
    remarks=(
        "The range of log10(lambda) is that of the authors' configuration for 3 cells; a slide of theirs has -10, -6, "
        "which the configuration has for 8 cells and more.",
        "The length of the search was not published.",
    ),
)

VECTOR = Preset(
    paper="Firsov 2025",
    settings={"search_options": {
        **_NO_REMEDY, **_HYPERNET, "bilevel": False, "optimizer": "adam", "kappa": 50.0, "charge": "sum", "tau": 1.0,
    }},
    remarks=(
        "A lecture, of which no page is known here.",
        "tau is implied, not printed; at 1 a vertex of three takes 44 % of its logits from other references.",
        "The rates of Adam for the weights, their decay and the length of the search were not published.",
    ),
)

PROXYLESS = Preset(
    paper="Cai 2019", link="https://arxiv.org/abs/1812.00332",
    settings={"search_epochs": 160, "search_options": {
        "batch_size": 256, "optimizer": "sgd", "learning_rate": 0.025, "last_learning_rate": 0.0, "momentum": 0.9,
        "weight_decay": 4e-5, "arch_share": 0.1, "arch_learning_rate": 1e-3, "warm_up": 0.25, "cost": "latency",
        "cost_form": "target", "cost_strength": 0.1, "one_sided": False, "rule": "argmax",
    }},
    remarks=(
        "The cost enters as CE + c |E / T - 1|; the paper also has CE + lambda E (cost_form = \"linear\", where "
        "cost_strength is lambda), without a value for lambda.",
        "40 of 160 epochs are a warm-up; weights and logits learn in turns in every step.",
    ),
)

SPOS = Preset(
    paper="Guo 2019", link="https://arxiv.org/abs/1904.00420",
    settings={"search_epochs": 120, "search_options": {
        "batch_size": 1024, "optimizer": "sgd", "learning_rate": 0.5, "last_learning_rate": 0.0, "momentum": 0.9,
        "weight_decay": 4e-5, "candidates": 1000, "sampling": "uniform", "rule": "argmax",
    }},
    remarks=(
        "The rate falls like a cosine; published is a straight line.",
        "The 1 000 candidates are drawn uniformly; the paper breeds as many in 20 generations of 50, as "
        "`evonas evolve --evaluator shared` does.",
    ),
)

FAIRNAS = Preset(
    paper="Chu 2019", link="https://arxiv.org/abs/1907.01845",
    settings={"search_epochs": 150, "search_options": {
        "batch_size": 256, "optimizer": "sgd", "learning_rate": 0.045, "last_learning_rate": 0.0, "momentum": 0.9,
        "weight_decay": 4e-5, "sampling": "uniform", "rule": "argmax",
    }},
    remarks=("The paper breeds candidates by NSGA-II, as `evonas evolve --evaluator shared` does.",),
)

#: By the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    "darts": DARTS, "gdas": GDAS, "hypernet-scalar": SCALAR, "hypernet-vector": VECTOR, "proxyless": PROXYLESS,
    "spos": SPOS, "fairnas": FAIRNAS,
})
