"""The methods of supernets as they were published; what a space adds to them is its own.

Each preset names its paper. Its remarks say where the numbers were found, and what was published and is otherwise here.
"""

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
#: Weights under SGD on ImageNet: one fall to 0, no bound of the gradient's norm (a number that none reaches).
_LONG_SGD: Mapping[str, Any] = {
    "optimizer": "sgd", "last_learning_rate": 0.0, "momentum": 0.9, "weight_decay": 4e-5, "clip_norm": 1e9,
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
    remarks=(
        "The numbers are those of the authors' code (https://github.com/quark0/darts).",
        "Second order, of the two that were published.",
    ),
)

GDAS = Preset(
    paper="Dong 2019", link="https://arxiv.org/abs/1910.04465",
    settings={"search_epochs": 250, "search_options": {
        **_SGD, **_BILEVEL, **_NO_REMEDY, "batch_size": 256, "nesterov": True, "weight_decay": 5e-4,
        "relaxation": "straight-through", "temperature": (10.0, 0.1), "order": 1, "arch_learning_rate": 3e-4,
        "rule": "darts",
    }},
    remarks=(
        "The numbers are those of the authors' code (https://github.com/D-X-Y/AutoDL-Projects).",
        "Their weights learn before the logits in every step, here after them.",
    ),
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
        "Weights learn as in DARTS, on whose code theirs is built; the length of the search was not found: it is ours.",
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
        "The rates of Adam for the weights, their decay and the length of the search were not found: they are ours.",
    ),
)

PROXYLESS = Preset(
    paper="Cai 2019", link="https://arxiv.org/abs/1812.00332",
    settings={"search_epochs": 160, "search_options": {
        **_LONG_SGD, "batch_size": 256, "learning_rate": 0.025, "nesterov": True, "label_smoothing": 0.1,
        "arch_share": 0.039, "arch_learning_rate": 1e-3, "arch_every": 5, "warm_up": 0.25, "cost": "latency",
        "cost_form": "target", "cost_strength": 0.1, "one_sided": False, "rule": "argmax",
    }},
    remarks=(
        "The numbers are those of the authors' code for ImageNet (https://github.com/mit-han-lab/proxylessnas): 50 000 "
        "of 1 281 167 samples (3.9 %) train the logits, in every fifth step, after a warm-up of 40 epochs.",
        "The cost enters as CE + c |E / T - 1|, in which T counts. Their code offers CE + c (E - T) / T with c = .1 "
        "(cost_form = \"sum\") and a CE (ln E / ln T)^b (\"power\"; a = .2, b = .3), the paper CE + lambda E "
        "(\"linear\") without a value for lambda.",
        "The rate falls once, from .025; theirs from .05 in the warm-up and from .025 after it.",
        "A step of the logits runs two paths, as in the paper; their code can also run all.",
    ),
)

SPOS = Preset(
    paper="Guo 2019", link="https://arxiv.org/abs/1904.00420",
    settings={"search_epochs": 120, "search_options": {
        **_LONG_SGD, "batch_size": 1024, "learning_rate": 0.5, "schedule": "linear", "label_smoothing": 0.1,
        "candidates": 1000, "sampling": "uniform", "rule": "argmax",
    }},
    remarks=(
        "The numbers are those of the authors' code for ImageNet, as its copies have it: 150 000 steps, which are 120 "
        "epochs (https://github.com/megvii-model/SinglePathOneShot).",
        "Their code draws paths evenly over bins of FLOPs; here, as in the paper's title, paths are uniform.",
        "The 1 000 candidates are drawn uniformly; the paper breeds as many in 20 generations of 50, as "
        "`evonas evolve --evaluator shared` does.",
        "The share of samples on which candidates are scored was not found: it is ours.",
    ),
)

FAIRNAS = Preset(
    paper="Chu 2019", link="https://arxiv.org/abs/1907.01845",
    settings={"search_epochs": 150, "search_options": {
        **_LONG_SGD, "batch_size": 256, "learning_rate": 0.045, "sampling": "uniform", "rule": "argmax",
    }},
    remarks=(
        "Strict fairness, every operation once a step, is the paper's. Its length, batch, rate and decay stand here as "
        "they are quoted; the authors' code (https://github.com/xiaomi-automl/FairNAS) has no training of the supernet "
        "to check them by.",
        "The paper breeds candidates by NSGA-II, as `evonas evolve --evaluator shared` does; here they are drawn "
        "uniformly, and their number is ours.",
    ),
)

SANDWICH = Preset(
    paper="Yu 2019", link="https://arxiv.org/abs/1903.05134",
    settings={"search_epochs": 250, "search_options": {
        **_LONG_SGD, "batch_size": 1024, "learning_rate": 0.5, "schedule": "linear", "nesterov": True,
        "weight_decay": 1e-4, "random_paths": 2, "distillation": True, "sampling": "uniform", "rule": "argmax",
    }},
    remarks=(
        "The numbers are those of the authors' code for MobileNets on ImageNet "
        "(https://github.com/JiahuiYu/slimmable_networks); BigNAS (Yu 2020, https://arxiv.org/abs/2003.11142) takes "
        "the same steps for kernels and depths, too.",
        "All weights decay; theirs of depthwise convolutions, gains and biases do not.",
        "Widths are those of the space's operations; theirs are any between the least and the most.",
        "BatchNorm's statistics are recomputed for every network, as theirs.",
    ),
)

#: By the name of the method.
PUBLISHED: Mapping[str, Preset] = MappingProxyType({
    "darts": DARTS, "gdas": GDAS, "hypernet-scalar": SCALAR, "hypernet-vector": VECTOR, "proxyless": PROXYLESS,
    "spos": SPOS, "fairnas": FAIRNAS, "sandwich": SANDWICH,
})
