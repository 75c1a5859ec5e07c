"""The neuron-level search space as the engine sees it."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from evonas.capabilities.export import ExportedModel, ExportTarget, Precision
from evonas.capabilities.layers import LayerGraph
from evonas.capabilities.option_models import Factory
from evonas.capabilities.presets import Preset
from evonas.data.samples import Samples, Splits
from evonas.diagram import NetworkDiagram
from evonas.space import Encoded, InvalidGenotype, Offspring
from evonas.training import Recipe, Stop, Trained
from evonas.types import Floats, Metrics, Task, UserError, Weights, suggestion
from search_spaces.neuron.cost import cost
from search_spaces.neuron.crossover import exchange_disc
from search_spaces.neuron.describe import describe
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.draw import sketch
from search_spaces.neuron.encoding import decode, encode
from search_spaces.neuron.export import FORMATS
from search_spaces.neuron.family_search import NeuronFamilySearch
from search_spaces.neuron.family_searches import FAMILY_SEARCHES
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.growth import grown
from search_spaces.neuron.initialization import METHODS, Family, Setting, pruned
from search_spaces.neuron.initialization.conv import fewest_edges
from search_spaces.neuron.initialization.dense import DENSE_FACTOR, most_at_start, one_layer
from search_spaces.neuron.initialization.founding import (
    convolutional_or_pruned,
    even_place,
    most_cheap,
    random_place,
    shared_or_pruned,
)
from search_spaces.neuron.initialization.local import FACTORS as LOCAL_FACTORS
from search_spaces.neuron.initialization.sparse import grow, log_uniform_plan, published_plan
from search_spaces.neuron.lowering import MOST_EDGES, lower
from search_spaces.neuron.mutation import DEFAULT_WEIGHTS, FEW_WEIGHTS, LARGEST_STEPS, SHARED_WEIGHTS, MutationParams
from search_spaces.neuron.mutation.operators import offered
from search_spaces.neuron.options import NeuronOptions
from search_spaces.neuron.published import PUBLISHED
from search_spaces.neuron.recipes import recipe_for
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.weights import check_weights, fresh, inherit

if TYPE_CHECKING:
    from torch import nn

#: Draws of an operator before a parent counts as one that cannot change: many, since the only one that
#: applies may be drawn rarely, and a bound on edges refuses large steps.
MUTATION_DRAWS = 200
#: Draws of an operator that was asked for, before others are drawn.
OPERATOR_DRAWS = 5
#: Discs before a crossover gives up and mutates: relatives may be equal in most places.
CROSSOVER_DRAWS = 10
#: Default for the most edges, a multiple of the inputs or the outputs, whichever are more: 784 to 62 720 on a 28 x 28
#: image of 10 classes, 600 to 12 000 for 150 classes by 6 features, to which a linear model has 900.
EDGES_PER_END = 80
#: Default for the fewest edges, where the inputs are fewer: pruning by magnitude does not know which edges are a path,
#: and of fewer for each output it could cut all.
EDGES_PER_OUTPUT = 4
#: Metrics at which operators can aim: they grow with the edges.
COUNTED = frozenset({"edges", "flops", "params"})
#: Metrics that count weights, each once however many edges share it.
WEIGHTS = frozenset({"params", "flash", "int8_flash"})
#: Weights of operators beside the default ones, by the rule for founders.
OWN_WEIGHTS: Mapping[str, Mapping[str, float]] = {"convolutional": SHARED_WEIGHTS, "shared": FEW_WEIGHTS}
#: Founders of images and signals, by their rule.
FOUNDERS_AT_PLACES = {"convolutional": convolutional_or_pruned, "shared": shared_or_pruned}
#: Founders of a new run on a table have up to this many edges where the above gives fewer: the largest have a hundred
#: neurons before they are pruned.
FEW_EDGES = 1000
#: Share of the founders of a table that are dense at once.
SHARE_OF_DENSE = 1 / 3
#: By default founders are spread over as wide a range, as far as bounds on edges allow.
DECADE = 10


class NeuronSpace:
    """Sparse networks of single neurons on layers, for one task.

    Implements :class:`evonas.space.SearchSpace`, ``InheritsWeights``, ``HasWeightOptions``, ``Seedable``,
    ``SpreadsFounders``, ``FitsFounders``, ``SuitsData``, ``HasPresets``, ``FamilySearchable``, ``Describable``,
    ``Drawable``, ``Exportable``, ``Trainable`` and ``TakesLayers``; picklable.

    Args:
        task: Gives the inputs' shape and the number of outputs.
        options: The space's settings.
    """

    def __init__(self, task: Task, options: NeuronOptions) -> None:
        if options.edges is not None and options.edges[1] < task.n_outputs:
            raise ValueError(
                f"the most edges must be at least the number of outputs, {task.n_outputs}, since each has an edge, "
                f"got edges={list(options.edges)}"
            )
        self.task = task
        self.options = options
        self._edges = options.edges or self._default_edges()
        self.law = DistanceLaw(
            task.input_shape, options.distance_base, options.distance_slope, options.distance_strength
        )
        self._founders = self._checked_founders()
        params = MutationParams(
            self.law, {**LARGEST_STEPS, **options.largest_steps}, self._edges, smallest_steps=options.smallest_steps,
            pair_share=options.pair_share, at_predecessors=options.hidden_positions == "predecessors",
        )
        weights = options.operators
        if weights is None:
            weights = {**DEFAULT_WEIGHTS, **OWN_WEIGHTS.get(self._founders, {})}
        self._mutations = offered(params, weights, options.steps)
        self.operators: Mapping[str, float] = {name: mutation.weight for name, mutation in self._mutations.items()}

    def sample(self, rng: np.random.Generator) -> NeuronGenotype:
        """A random founder by the rule of the option ``founders``.

        What training leaves of it is within ``edges`` as far as its layers have room.
        """
        n_inputs, n_outputs = self.task.n_inputs, self.task.n_outputs
        if self._founders in FOUNDERS_AT_PLACES:
            return FOUNDERS_AT_PLACES[self._founders](random_place(rng), rng, self._setting)
        if self._founders == "dense-or-pruned" and rng.random() < SHARE_OF_DENSE:
            return one_layer(rng, self._setting)
        if self._founders in ("pruned", "dense-or-pruned"):
            return pruned(self._setting.random_target(rng), rng, self._setting)
        if self._founders == "source":
            plan = published_plan(n_inputs, n_outputs, rng)
        else:
            plan = log_uniform_plan(n_inputs, n_outputs, self._founder_edges, rng)
        n_edges = min(self._clipped(plan.n_edges), self.options.starting_edges or plan.n_edges)
        placed = self.options.hidden_positions == "predecessors"
        return grow(replace(plan, n_edges=n_edges), n_outputs, self.law, rng, placed=placed)

    def founder(self, index: int, rng: np.random.Generator) -> NeuronGenotype:
        """As :meth:`sample`; of images and signals, kinds and sizes of any first founders are spread evenly."""
        if self._founders in FOUNDERS_AT_PLACES:
            return FOUNDERS_AT_PLACES[self._founders](even_place(index), rng, self._setting)
        return self.sample(rng)

    def suitable_options(self) -> Mapping[str, Any]:
        """On tables no norm, dense founders beside pruned ones, and none that are tiny where there are few features.

        A norm over the neurons of a layer takes away the length of the vector of inputs: of two features only the angle
        would be left (.75 of the test samples of a table of bananas right, .90 without norm).
        """
        if len(self.task.input_shape) != 1:
            return {}
        options, given = dict[str, Any](), self.options.model_fields_set
        if "norm" not in given:
            options["norm"] = "none"
        if "founders" not in given:
            options["founders"] = "dense-or-pruned"
        fewest, most = self._usual_edges
        if self.options.edges is None and self.options.founder_edges is None and most < FEW_EDGES:
            options["founder_edges"] = [fewest, FEW_EDGES]
        return options

    def founders_for(self, n_edges: int, objectives: Collection[str]) -> Mapping[str, Any]:
        """Options with which no founder begins with many more edges, and all suit what is minimised.

        Where the user has not said how large founders are, they are then as small as that asks for, over a decade.

        Args:
            n_edges: The most that is affordable; it does not count where the user has set ``starting_edges``.
            objectives: Names of metrics; founders share weights where weights are minimised.
        """
        if self.options.founders == "auto" and self._founders == "convolutional" and WEIGHTS & set(objectives):
            return {"founders": "shared", **self._founders_within(n_edges, "shared")}
        return self._founders_within(n_edges, self._founders)

    def _founders_within(self, n_edges: int, rule: str) -> Mapping[str, Any]:
        low, high = self._founder_edges
        pruned_high = most_cheap(self._setting) if rule == "convolutional" else high
        dense, sparse = most_at_start(pruned_high, self._setting), LOCAL_FACTORS[0] * pruned_high
        if n_edges >= max(dense, sparse, high) or self.options.starting_edges is not None:
            return {}
        if n_edges >= max(sparse, high):  # only networks that begin dense have more
            return {"starting_edges": n_edges}
        if self.options.edges is not None or self.options.founder_edges is not None:
            return {"starting_edges": max(n_edges, DENSE_FACTOR * high)}
        most = max(n_edges // DENSE_FACTOR, 10 * EDGES_PER_OUTPUT * self.task.n_outputs)
        return {"starting_edges": DENSE_FACTOR * most, "founder_edges": [min(low, most // 10), min(high, most)]}

    def _checked_founders(self) -> str:
        """The rule for founders; convolutions where the option leaves it open and one fits.

        Raises:
            UserError: Convolutions were asked for, and none fits the inputs or the bound on edges.
        """
        rule = self.options.founders
        if rule not in ("auto", "convolutional", "shared"):
            return rule
        try:
            fewest = fewest_edges(self.task.input_shape, self.task.n_outputs)
            if fewest > self._edges[1]:
                raise UserError(
                    f"the smallest convolutional founder has {fewest} edges, more than the {self._edges[1]} of the "
                    'option edges: allow more, or use founders="pruned"'
                )
        except UserError:
            if rule != "auto":
                raise
            return "pruned"
        return "convolutional" if rule == "auto" else rule

    @property
    def _usual_edges(self) -> tuple[int, int]:
        """From as many as inputs, or EDGES_PER_OUTPUT for each output; the most are 20 times that at least."""
        n_inputs, n_outputs = self.task.n_inputs, self.task.n_outputs
        return max(n_inputs, EDGES_PER_OUTPUT * n_outputs), EDGES_PER_END * max(n_inputs, n_outputs)

    def _default_edges(self) -> tuple[int, int]:
        fewest, most = self._usual_edges
        low, high = self.options.founder_edges or (fewest, most)
        return min(fewest, low), max(most, high)

    def _clipped(self, n_edges: int) -> int:
        return min(max(n_edges, self._edges[0]), self._edges[1])

    @property
    def _founder_edges(self) -> tuple[int, int]:
        low, high = (self._clipped(n_edges) for n_edges in self.options.founder_edges or self._usual_edges)
        if self.options.founder_edges is None and high < DECADE * low:  # the bounds of edges leave little of the usual
            low, high = self._clipped(high // DECADE), self._clipped(DECADE * low)
        return low, high

    @property
    def seeders(self) -> Mapping[str, Family]:
        """See :mod:`search_spaces.neuron.initialization`; members have as many edges after training as founders
        have.
        """
        return {name: Family(method, self._setting) for name, method in METHODS.items()}

    @property
    def presets(self) -> Mapping[str, Preset]:
        """See :mod:`search_spaces.neuron.published`."""
        return PUBLISHED

    @property
    def family_searches(self) -> Mapping[str, NeuronFamilySearch]:
        """See :mod:`search_spaces.neuron.family_searches`; members have as many edges as those of :attr:`seeders`."""
        return {name: search(self._setting, self.options.norm) for name, search in FAMILY_SEARCHES.items()}

    @property
    def _setting(self) -> Setting:
        low, high = (max(n_edges, self.task.n_outputs) for n_edges in self._founder_edges)
        return Setting(self.task.n_outputs, self.law, (low, high), self.options.starting_edges or np.inf)

    def mutate(
        self, parent: NeuronGenotype, rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[NeuronGenotype]:
        """A child by one operator; another is drawn where one does not apply, changes nothing or leaves ``edges``.

        Args:
            operator: The one that is tried first, of :attr:`operators`.

        Raises:
            ValueError: There is no such operator.
            UserError: No operator in use changes this parent.
        """
        return self._mutate(parent, rng, operator, None)

    def aims(self, operator: str, metrics: Collection[str]) -> bool:
        """Whether the operator's children are pruned to the edges that one of the metrics asks for."""
        mutation = self._mutations.get(operator)
        return mutation is not None and mutation.aims and not COUNTED.isdisjoint(metrics)

    def mutate_towards(
        self, parent: NeuronGenotype, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[NeuronGenotype]:
        """As :meth:`mutate`; operators that can choose aim at the wanted cost.

        Args:
            parent: Stays as it is.
            costs: ``edges``, ``flops`` per sample or ``params``, of which the hardest to meet decides how large a share
                of the parent's edges is wanted; with none of them this is :meth:`mutate`.
            rng: Draws operator and child.
            operator: Tried first; None draws one.

        Raises:
            ValueError: Unknown operator.
            UserError: No operator in use changes this parent.
        """
        own = self.cost(parent)
        ratios = [costs[name] / own[name] for name in sorted(COUNTED) if name in costs]
        return self._mutate(parent, rng, operator, round(min(ratios) * own["edges"]) if ratios else None)

    def _mutate(
        self, parent: NeuronGenotype, rng: np.random.Generator, operator: str | None, target: int | None
    ) -> Offspring[NeuronGenotype]:
        if operator is not None and operator not in self.operators:
            raise ValueError(f"unknown operator {operator!r}{suggestion(operator, self.operators)}")
        left = dict(self.operators)
        for draw in range(MUTATION_DRAWS):
            name = operator if operator is not None and draw < OPERATOR_DRAWS else _drawn(left, rng)
            child = self._mutations[name](parent, rng, target)
            if child is not None and self._fits(child, parent) and child != parent:
                return Offspring(child, name)
            if child is None:  # as of most networks for an operator that needs shared weights
                left.pop(name, None)
                left = left or dict(self.operators)
        raise UserError(
            f"none of the operators {', '.join(self.operators)} changes a genotype of {parent.n_edges} edges with "
            f"edges={list(self._edges)}; give another operator a weight"
        )

    def crossover(
        self, first: NeuronGenotype, second: NeuronGenotype, rng: np.random.Generator
    ) -> Offspring[NeuronGenotype]:
        """The first parent with a disc of the second (see :func:`exchange_disc`); where nothing changes, a mutant."""
        for _ in range(CROSSOVER_DRAWS):
            child = exchange_disc(first, second, rng, self.law)
            if child is not None and self._fits(child, first) and child not in (first, second):
                return Offspring(child, "crossover")
        return self.mutate(first, rng)

    def _fits(self, child: NeuronGenotype, parent: NeuronGenotype) -> bool:
        """Whether a child keeps the bounds on edges; one of a parent outside of them need only come nearer."""
        beyond, before = (abs(g.n_trained_edges - self._clipped(g.n_trained_edges)) for g in (child, parent))
        return beyond == 0 or beyond < before

    def validate(self, genotype: NeuronGenotype) -> None:
        """Check the genotype's invariants, and that it is one for this task.

        Raises:
            InvalidGenotype: With one sentence.
        """
        expected, got = (self.task.n_inputs, self.task.n_outputs), (genotype.n_inputs, genotype.n_outputs)
        if got != expected:
            raise InvalidGenotype(f"a genotype for this task must have (inputs, outputs) = {expected}, got {got}")
        genotype.validate()

    def encode(self, genotype: NeuronGenotype) -> Encoded:
        """Arrays and header as stored."""
        return encode(genotype)

    def decode(self, data: Encoded) -> NeuronGenotype:
        """The inverse of :meth:`encode`; raises :class:`InvalidGenotype` on damaged data."""
        genotype = decode(data)
        self.validate(genotype)
        return genotype

    def cost(self, genotype: NeuronGenotype) -> Metrics:
        """See :func:`search_spaces.neuron.cost.cost`."""
        return cost(genotype, self.options.norm)

    def compile(self, genotype: NeuronGenotype, weights: Weights | None = None) -> nn.Module:
        """The phenotype; without weights it gets fresh ones, always the same for a genotype."""
        from search_spaces.neuron.module import NeuronModule

        rng = np.random.default_rng(int(genotype.digest, 16))
        return NeuronModule(self._network(genotype, fresh(genotype, rng) if weights is None else weights))

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """The norm."""
        return {"norm": self.options.norm}

    def inherit(
        self, child: NeuronGenotype, parent: NeuronGenotype, weights: Weights, rng: np.random.Generator
    ) -> Weights:
        """See :func:`search_spaces.neuron.weights.inherit`."""
        return inherit(child, parent, weights, rng)

    def describe(self, genotype: NeuronGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """See :func:`search_spaces.neuron.describe.describe`."""
        return describe(genotype)

    def sketch(self, genotype: NeuronGenotype, weights: Weights | None = None) -> NetworkDiagram:
        """See :func:`search_spaces.neuron.draw.sketch`; raises ValueError if ``weights`` do not fit."""
        if weights is not None:
            check_weights(genotype, weights)
        return sketch(genotype, self.task, weights)

    @property
    def formats(self) -> Mapping[str, Sequence[Precision]]:
        """See :mod:`search_spaces.neuron.export`."""
        return {name: format.precisions for name, format in FORMATS.items()}

    def export(self, genotype: NeuronGenotype, weights: Weights, format: str, target: ExportTarget) -> ExportedModel:
        """The network in one of :attr:`formats`."""
        return FORMATS[format].write(self._network(genotype, weights), self.task, target)

    def lower(self, graph: LayerGraph, rng: np.random.Generator) -> tuple[NeuronGenotype, Weights]:
        """See :func:`search_spaces.neuron.lowering.lower`; of at most as many edges as the option ``edges`` allows."""
        most = MOST_EDGES if self.options.edges is None else self.options.edges[1]
        return lower(graph, self.task, rng, most_edges=most)

    @property
    def shares_memory(self) -> bool:
        """Whether the chosen trainer releases the GIL."""
        return choose_trainer(self.options.trainer).releases_gil

    @property
    def backend(self) -> str:
        """What the chosen trainer runs on, e.g. ``"native, avx512"``."""
        return choose_trainer(self.options.trainer).description

    def train(
        self, genotype: NeuronGenotype, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
        seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
    ) -> Trained[NeuronGenotype]:
        """Grow if the genotype asks for it, then train with the chosen trainer from ``weights`` (None: fresh).

        See :meth:`evonas.capabilities.training.Trainable.train` for the arguments.
        """
        initial, order, growth = seed.generate_state(3).tolist()
        recipe = recipe_for(genotype, recipe, self.options, self.task, continues=weights is not None)
        if weights is None:
            weights = fresh(genotype, np.random.default_rng(initial))
        if not epochs:
            return Trained(genotype.requesting().released, weights, (), 0.0)
        trainer = choose_trainer(self.options.trainer)
        network = self._network(genotype.requesting(), weights)
        if genotype.grow_to:
            network = grown(
                network, genotype.grow_to, train=splits.train, task=self.task, recipe=recipe, law=self.law,
                trainer=trainer, rng=np.random.default_rng(growth), teacher=teacher,
            )
        trained = trainer.train(network, splits, recipe, epochs=epochs, seed=order, stop=stop, teacher=teacher)
        network = trained.network
        if not network.genotype.n_edges:  # a failed trial, not a network
            raise InvalidGenotype(f"pruning to {genotype.prune_to or 'so few'} edges has cut every path from inputs to "
                                  f"outputs: more epochs or more samples leave it more steps to choose them")
        network.genotype.validate()
        result = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
        return Trained(network.genotype, result, trained.history, trained.edge_updates)

    def predict(self, genotype: NeuronGenotype, weights: Weights, samples: Samples) -> Floats:
        """Logits or regression outputs, shape ``(n, n_outputs)``."""
        return choose_trainer(self.options.trainer).predict(self._network(genotype, weights), samples)

    def _network(self, genotype: NeuronGenotype, weights: Weights) -> Network:
        """The genotype with weights; ValueError if they do not fit."""
        check_weights(genotype, weights)
        return Network(genotype, weights["edge"], weights["bias"], weights["gain"], self.options.norm)


def _drawn(weights: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return a name, drawn in proportion to its weight."""
    ends = list(accumulate(weights.values()))
    return list(weights)[min(bisect(ends, rng.random() * ends[-1]), len(ends) - 1)]


#: The factory of the space, which the entry point names.
create = Factory(NeuronSpace, NeuronOptions, name="neuron")
