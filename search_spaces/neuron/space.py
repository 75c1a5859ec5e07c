"""The neuron-level search space as the engine sees it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from evonas.capabilities.diagram import NetworkDiagram
from evonas.capabilities.export import ExportedModel, ExportTarget, Precision
from evonas.capabilities.layers import LayerGraph
from evonas.capabilities.option_models import Factory
from evonas.capabilities.presets import Preset
from evonas.capabilities.training import Training
from evonas.data.samples import Samples, Splits
from evonas.space import Encoded, InvalidGenotype, Offspring, Phenotype
from evonas.training import Recipe, Stop, Trained
from evonas.types import Floats, Metrics, Task, Weights
from search_spaces.neuron.cost import cost
from search_spaces.neuron.describe import describe
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.draw import diagram
from search_spaces.neuron.encoding import decode, encode
from search_spaces.neuron.export import FORMATS
from search_spaces.neuron.family_search import NeuronFamilySearch
from search_spaces.neuron.family_searches import FAMILY_SEARCHES
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.initialization import METHODS, Family, Setting
from search_spaces.neuron.initialization.founders import Founders
from search_spaces.neuron.lowering import MOST_EDGES, lower
from search_spaces.neuron.mutation import DEFAULT_WEIGHTS, FEW_WEIGHTS, LARGEST_STEPS, SHARED_WEIGHTS, MutationParams
from search_spaces.neuron.mutation.operators import offered
from search_spaces.neuron.options import NeuronOptions
from search_spaces.neuron.published import PUBLISHED
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Network
from search_spaces.neuron.trainer.population import PopulationTrainer
from search_spaces.neuron.training import network_of, train, train_many
from search_spaces.neuron.variation import Variation
from search_spaces.neuron.weights import check_weights, fresh, inherit

if TYPE_CHECKING:
    from torch import nn

#: Metrics at which operators can aim: they grow with the edges.
COUNTED = frozenset({"edges", "flops", "params"})
#: Weights of operators beside the default ones, by the rule for founders.
OWN_WEIGHTS: Mapping[str, Mapping[str, float]] = {"convolutional": SHARED_WEIGHTS, "shared": FEW_WEIGHTS}


class NeuronSpace:
    """Sparse networks of single neurons on layers, for one task.

    Implements :class:`evonas.space.SearchSpace`, ``InheritsWeights``, ``HasWeightOptions``, ``Seedable``,
    ``SpreadsFounders``, ``FitsFounders``, ``SuitsData``, ``HasPresets``, ``FamilySearchable``, ``Describable``,
    ``Drawable``, ``Exportable``, ``Trainable``, ``TrainsMany`` and ``TakesLayers``; picklable.

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
        self.law = DistanceLaw(
            task.input_shape, options.distance_base, options.distance_slope, options.distance_strength
        )
        self._founders = Founders(task, options, self.law)
        self._edges = self._founders.bounds
        params = MutationParams(
            self.law, {**LARGEST_STEPS, **options.largest_steps}, self._edges, smallest_steps=options.smallest_steps,
            pair_share=options.pair_share, at_predecessors=options.hidden_positions == "predecessors",
        )
        weights = options.operators
        if weights is None:
            weights = {**DEFAULT_WEIGHTS, **OWN_WEIGHTS.get(self._founders.rule, {})}
        self._variation = Variation(offered(params, weights, options.steps), self._edges, self.law)

    @property
    def operators(self) -> Mapping[str, float]:
        """The weights of the mutations in use by their names."""
        return self._variation.operators

    def sample(self, rng: np.random.Generator) -> NeuronGenotype:
        """A random founder by the rule of the option ``founders``.

        What training leaves of it is within ``edges`` as far as its layers have room.
        """
        return self._founders.sample(rng)

    def founder(self, index: int, rng: np.random.Generator) -> NeuronGenotype:
        """Founder ``index``; on images and signals, kinds and sizes of any first founders are spread evenly."""
        return self._founders.at(index, rng)

    def suitable_options(self) -> Mapping[str, Any]:
        """Options for tables: no norm, dense founders beside pruned ones, and none that are tiny if features are few.

        A norm over the neurons of a layer takes away the length of the vector of inputs: of two features only the angle
        would be left (.75 of the test samples of a table of bananas right, .90 without norm).
        """
        return self._founders.suitable_options()

    def founders_for(self, n_edges: int, objectives: Collection[str]) -> Mapping[str, Any]:
        """Options with which no founder begins with many more edges, and all suit what is minimised.

        Where the user has not said how large founders are, they are then as small as that asks for, over a decade.

        Args:
            n_edges: The most that is affordable; it does not count where the user has set ``starting_edges``.
            objectives: Names of metrics; founders share weights where weights are minimised.
        """
        return self._founders.options_within(n_edges, objectives)

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
        return self._founders.setting

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
        return self._variation.mutant(parent, rng, operator, None)

    def aims(self, operator: str, metrics: Collection[str]) -> bool:
        """Whether the operator's children are pruned to the edges that one of the metrics asks for."""
        return self._variation.aims(operator) and not COUNTED.isdisjoint(metrics)

    def mutate_towards(
        self, parent: NeuronGenotype, costs: Mapping[str, float], rng: np.random.Generator, operator: str | None = None
    ) -> Offspring[NeuronGenotype]:
        """A child as by :meth:`mutate`; operators that can choose aim at the wanted cost.

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
        target = round(min(ratios) * own["edges"]) if ratios else None
        return self._variation.mutant(parent, rng, operator, target)

    def crossover(
        self, first: NeuronGenotype, second: NeuronGenotype, rng: np.random.Generator
    ) -> Offspring[NeuronGenotype]:
        """First parent with a disc of the second, see :meth:`Variation.crossed`; a mutant if nothing changes.

        Args:
            first: First parent.
            second: Second parent.
            rng: Generator of the child.
        """
        return self._variation.crossed(first, second, rng)

    def validate(self, genotype: NeuronGenotype) -> None:
        """Check the genotype's invariants, and that it is one for this task.

        Raises:
            InvalidGenotype: It breaks one; the message is one sentence.
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
        """Weights of a child, see :func:`search_spaces.neuron.weights.inherit`.

        Args:
            child: The child.
            parent: Its parent.
            weights: Weights of the parent.
            rng: Generator of new weights.
        """
        return inherit(child, parent, weights, rng)

    def describe(self, genotype: NeuronGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
        """See :func:`search_spaces.neuron.describe.describe`."""
        return describe(genotype)

    def diagram(self, genotype: NeuronGenotype, weights: Weights | None = None) -> NetworkDiagram:
        """See :func:`search_spaces.neuron.draw.diagram`; raises ValueError if ``weights`` do not fit."""
        if weights is not None:
            check_weights(genotype, weights)
        return diagram(genotype, self.task, weights)

    @property
    def formats(self) -> Mapping[str, Sequence[Precision]]:
        """See :mod:`search_spaces.neuron.export`."""
        return {name: format.precisions for name, format in FORMATS.items()}

    def export(self, genotype: NeuronGenotype, weights: Weights, format: str, target: ExportTarget) -> ExportedModel:
        """Network in one of :attr:`formats`.

        Args:
            genotype: The genotype.
            weights: Its weights.
            format: Name of the format.
            target: Purpose of the network.
        """
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
        """Hardware or library that the chosen trainer runs on, e.g. ``"native, avx512"``."""
        return choose_trainer(self.options.trainer).description

    def train(
        self, genotype: NeuronGenotype, weights: Weights | None, splits: Splits, recipe: Recipe, *, epochs: int,
        seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
    ) -> Trained[NeuronGenotype]:
        """Grow if the genotype asks for it, then train with the chosen trainer.

        Args:
            genotype: The genotype.
            weights: Weights to begin with; None draws fresh ones.
            splits, recipe, epochs, seed, stop, teacher: See :meth:`evonas.capabilities.training.Trainable.train`.
        """
        return train(
            genotype, weights, splits, recipe, options=self.options, task=self.task, law=self.law, epochs=epochs,
            seed=seed, stop=stop, teacher=teacher,
        )

    def predict(self, genotype: NeuronGenotype, weights: Weights, samples: Samples) -> Floats:
        """Logits or regression outputs, shape ``(n, n_outputs)``.

        Args:
            genotype: The genotype.
            weights: Its weights.
            samples: The samples.
        """
        return choose_trainer(self.options.trainer).predict(self._network(genotype, weights), samples)

    @property
    def trains_many(self) -> bool:
        """Whether the chosen trainer trains many networks at once."""
        return isinstance(choose_trainer(self.options.trainer), PopulationTrainer)

    def train_many(
        self, trainings: Sequence[Training[NeuronGenotype]], splits: Splits, teacher: Floats | None = None
    ) -> Iterator[list[tuple[int, Trained[NeuronGenotype] | Exception]]]:
        """Train networks together; see :meth:`evonas.capabilities.training.TrainsMany.train_many`.

        Args:
            trainings, splits, teacher: See there.
        """
        return train_many(
            trainings, splits, options=self.options, task=self.task, law=self.law, trainer=self._population_trainer,
            teacher=teacher,
        )

    def predict_many(
        self, phenotypes: Sequence[Phenotype[NeuronGenotype]], samples: Samples
    ) -> Sequence[Floats]:
        """Logits or regression outputs of each network, ``(n, n_outputs)``.

        Args:
            phenotypes: Networks with their weights.
            samples: The samples.
        """
        networks = [self._network(phenotype.genotype, phenotype.weights) for phenotype in phenotypes]
        return self._population_trainer.predict_many(networks, samples)

    @property
    def _population_trainer(self) -> PopulationTrainer:
        trainer = choose_trainer(self.options.trainer)
        if not isinstance(trainer, PopulationTrainer):
            raise RuntimeError(f"the trainer {trainer.name} trains one network at a time: look at trains_many first")
        return trainer

    def _network(self, genotype: NeuronGenotype, weights: Weights) -> Network:
        return network_of(genotype, weights, self.options.norm)


#: The factory of the space, which the entry point names.
create = Factory(NeuronSpace, NeuronOptions, name="neuron")
