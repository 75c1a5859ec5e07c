"""The founders of a search: the rule by which they are made, and how many edges they have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from evonas.types import Task, UserError
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization.conv import fewest_edges
from search_spaces.neuron.initialization.dense import DENSE_FACTOR, most_at_start, one_layer
from search_spaces.neuron.initialization.family import Setting
from search_spaces.neuron.initialization.founding import (
    convolutional_or_pruned,
    even_place,
    most_cheap,
    random_place,
    shared_or_pruned,
)
from search_spaces.neuron.initialization.local import FACTORS as LOCAL_FACTORS
from search_spaces.neuron.initialization.local import pruned
from search_spaces.neuron.initialization.sparse import grow, log_uniform_plan, published_plan
from search_spaces.neuron.options import NeuronOptions

#: Default for the most edges, a multiple of the inputs or the outputs, whichever are more: 784 to 62 720 on a 28 x 28
#: image of 10 classes, 600 to 12 000 for 150 classes by 6 features, to which a linear model has 900.
EDGES_PER_END = 80
#: Default for the fewest edges, where the inputs are fewer: pruning by magnitude does not know which edges are a path,
#: and of fewer for each output it could cut all.
EDGES_PER_OUTPUT = 4
#: Metrics that count weights, each once however many edges share it.
WEIGHTS = frozenset({"params", "flash", "int8_flash"})
#: Founders of images and signals, by their rule.
FOUNDERS_AT_PLACES = {"convolutional": convolutional_or_pruned, "shared": shared_or_pruned}
#: Founders of a new run on a table have up to this many edges where the above gives fewer: the largest have a hundred
#: neurons before they are pruned.
FEW_EDGES = 1000
#: Share of the founders of a table that are dense at once.
SHARE_OF_DENSE = 1 / 3
#: Factor between the smallest and the largest founders by default, as far as bounds on edges allow.
DECADE = 10


class Founders:
    """The founders of a space for one task.

    Args:
        task: The task.
        options: Options of the space.
        law: Distance law of the space.

    Attributes:
        bounds: Fewest and most edges that training leaves a network.
        rule: Name of the rule, as the option ``founders`` has it; never ``"auto"``.

    Raises:
        UserError: Convolutions were asked for, and none fits the inputs or the bounds.
    """

    def __init__(self, task: Task, options: NeuronOptions, law: DistanceLaw) -> None:
        self.task = task
        self.options = options
        self.law = law
        self.bounds = options.edges or self._default_bounds()
        self.rule = self._checked_rule()

    @property
    def edges(self) -> tuple[int, int]:
        """Fewest and most edges that training leaves a founder."""
        low, high = (self._clipped(n_edges) for n_edges in self.options.founder_edges or self._usual)
        if self.options.founder_edges is None and high < DECADE * low:  # the bounds of edges leave little of the usual
            low, high = self._clipped(high // DECADE), self._clipped(DECADE * low)
        return low, high

    @property
    def setting(self) -> Setting:
        """Setting of the methods of initialization."""
        low, high = (max(n_edges, self.task.n_outputs) for n_edges in self.edges)
        return Setting(self.task.n_outputs, self.law, (low, high), self.options.starting_edges or np.inf)

    def sample(self, rng: np.random.Generator) -> NeuronGenotype:
        """A random founder."""
        n_inputs, n_outputs = self.task.n_inputs, self.task.n_outputs
        if self.rule in FOUNDERS_AT_PLACES:
            return FOUNDERS_AT_PLACES[self.rule](random_place(rng), rng, self.setting)
        if self.rule == "dense-or-pruned" and rng.random() < SHARE_OF_DENSE:
            return one_layer(rng, self.setting)
        if self.rule in ("pruned", "dense-or-pruned"):
            return pruned(self.setting.random_target(rng), rng, self.setting)
        if self.rule == "source":
            plan = published_plan(n_inputs, n_outputs, rng)
        else:
            plan = log_uniform_plan(n_inputs, n_outputs, self.edges, rng)
        n_edges = min(self._clipped(plan.n_edges), self.options.starting_edges or plan.n_edges)
        placed = self.options.hidden_positions == "predecessors"
        return grow(replace(plan, n_edges=n_edges), n_outputs, self.law, rng, placed=placed)

    def at(self, index: int, rng: np.random.Generator) -> NeuronGenotype:
        """Founder ``index`` of a sequence of which any first ones cover kinds and sizes evenly, if it has places."""
        if self.rule in FOUNDERS_AT_PLACES:
            return FOUNDERS_AT_PLACES[self.rule](even_place(index), rng, self.setting)
        return self.sample(rng)

    def suitable_options(self) -> Mapping[str, Any]:
        """Options that suit the task and that the user has not set, see :meth:`NeuronSpace.suitable_options`."""
        if len(self.task.input_shape) != 1:
            return {}
        options, given = dict[str, Any](), self.options.model_fields_set
        if "norm" not in given:
            options["norm"] = "none"
        if "founders" not in given:
            options["founders"] = "dense-or-pruned"
        fewest, most = self._usual
        if self.options.edges is None and self.options.founder_edges is None and most < FEW_EDGES:
            options["founder_edges"] = [fewest, FEW_EDGES]
        return options

    def options_within(self, n_edges: int, objectives: Collection[str]) -> Mapping[str, Any]:
        """Options with which no founder begins with many more edges, see :meth:`NeuronSpace.founders_for`.

        Args:
            n_edges: The most edges that are affordable.
            objectives: Names of metrics.
        """
        if self.options.founders == "auto" and self.rule == "convolutional" and WEIGHTS & set(objectives):
            return {"founders": "shared", **self._within(n_edges, "shared")}
        return self._within(n_edges, self.rule)

    def _within(self, n_edges: int, rule: str) -> Mapping[str, Any]:
        low, high = self.edges
        pruned_high = most_cheap(self.setting) if rule == "convolutional" else high
        dense, sparse = most_at_start(pruned_high, self.setting), LOCAL_FACTORS[0] * pruned_high
        if n_edges >= max(dense, sparse, high) or self.options.starting_edges is not None:
            return {}
        if n_edges >= max(sparse, high):  # only networks that begin dense have more
            return {"starting_edges": n_edges}
        if self.options.edges is not None or self.options.founder_edges is not None:
            return {"starting_edges": max(n_edges, DENSE_FACTOR * high)}
        most = max(n_edges // DENSE_FACTOR, 10 * EDGES_PER_OUTPUT * self.task.n_outputs)
        return {"starting_edges": DENSE_FACTOR * most, "founder_edges": [min(low, most // 10), min(high, most)]}

    def _checked_rule(self) -> str:
        """The rule for founders; convolutions where the option leaves it open and one fits.

        Raises:
            UserError: Convolutions were asked for, and none fits the inputs or the bound on edges.
        """
        rule = self.options.founders
        if rule not in ("auto", "convolutional", "shared"):
            return rule
        try:
            fewest = fewest_edges(self.task.input_shape, self.task.n_outputs)
            if fewest > self.bounds[1]:
                raise UserError(
                    f"the smallest convolutional founder has {fewest} edges, more than the {self.bounds[1]} of the "
                    'option edges: allow more, or use founders="pruned"'
                )
        except UserError:
            if rule != "auto":
                raise
            return "pruned"
        return "convolutional" if rule == "auto" else rule

    @property
    def _usual(self) -> tuple[int, int]:
        """Usual range: from as many edges as inputs, or EDGES_PER_OUTPUT for each output, to 20 times that at least."""
        n_inputs, n_outputs = self.task.n_inputs, self.task.n_outputs
        return max(n_inputs, EDGES_PER_OUTPUT * n_outputs), EDGES_PER_END * max(n_inputs, n_outputs)

    def _default_bounds(self) -> tuple[int, int]:
        fewest, most = self._usual
        low, high = self.options.founder_edges or (fewest, most)
        return min(fewest, low), max(most, high)

    def _clipped(self, n_edges: int) -> int:
        return min(max(n_edges, self.bounds[0]), self.bounds[1])
