"""Training of networks of neurons: growth first if the genotype asks for it, then the chosen trainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evonas.capabilities.training import Training
from evonas.data.samples import Splits
from evonas.space import InvalidGenotype
from evonas.training import Recipe, Stop, Trained
from evonas.types import Floats, Task, Weights
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.growth import grown
from search_spaces.neuron.options import NeuronOptions
from search_spaces.neuron.recipes import recipe_for
from search_spaces.neuron.trainer import choose_trainer
from search_spaces.neuron.trainer.base import Assignment, Network, Norm, TrainedNetwork, Trainer
from search_spaces.neuron.trainer.population import PopulationTrainer
from search_spaces.neuron.weights import check_weights, fresh


def network_of(genotype: NeuronGenotype, weights: Weights, norm: Norm) -> Network:
    """The genotype with weights.

    Args:
        genotype: The genotype.
        weights: ``edge``, ``bias`` and ``gain``, see :mod:`search_spaces.neuron.weights`.
        norm: The norm of its layers.

    Raises:
        ValueError: The weights do not fit.
    """
    check_weights(genotype, weights)
    return Network(genotype, weights["edge"], weights["bias"], weights["gain"], norm)


def train(
    genotype: NeuronGenotype, weights: Weights | None, splits: Splits, recipe: Recipe, *, options: NeuronOptions,
    task: Task, law: DistanceLaw, epochs: int, seed: np.random.SeedSequence, stop: Stop, teacher: Floats | None = None,
) -> Trained[NeuronGenotype]:
    """Grow if the genotype asks for it, then train with the chosen trainer.

    Args:
        genotype: The genotype.
        weights: Weights to begin with; None draws fresh ones.
        splits: The data set.
        recipe: The run's recipe.
        options: Options of the space: the trainer, the norm, and what suits small or shared networks.
        task: The task.
        law: Distance law, which proposes new edges.
        epochs: Passes over the training samples; 0 leaves the weights as they are.
        seed: Seed of fresh weights, the order of samples and growth.
        stop: Request to stop, polled during the training.
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``.

    Raises:
        InvalidGenotype: Pruning has cut every path from inputs to outputs.
    """
    trainer = choose_trainer(options.trainer)
    training = Training(genotype, weights, recipe, epochs, seed, stop)
    begun = _begun(training, splits, options=options, task=task, law=law, trainer=trainer, teacher=teacher)
    if isinstance(begun, Trained):
        return begun
    return _ended(genotype, trainer.train(begun, splits, teacher))


def train_many(
    trainings: Sequence[Training[NeuronGenotype]], splits: Splits, *, options: NeuronOptions, task: Task,
    law: DistanceLaw, trainer: PopulationTrainer, teacher: Floats | None = None,
) -> Iterator[list[tuple[int, Trained[NeuronGenotype] | Exception]]]:
    """Train networks together as :func:`train` does one; see :class:`evonas.capabilities.training.TrainsMany`.

    Args:
        trainings: The networks, and how each is trained.
        splits, options, task, law, teacher: See :func:`train`.
        trainer: The trainer.
    """
    known: list[tuple[int, Trained[NeuronGenotype] | Exception]] = []
    places, assignments = [], []
    for index, training in enumerate(trainings):
        try:
            begun = _begun(training, splits, options=options, task=task, law=law, trainer=trainer, teacher=teacher)
        except Exception as error:
            known.append((index, error))
            continue
        if isinstance(begun, Trained):
            known.append((index, begun))
        else:
            places.append(index)
            assignments.append(begun)
    if known:
        yield known
    for group in trainer.train_many(assignments, splits, teacher):
        results: list[tuple[int, Trained[NeuronGenotype] | Exception]] = []
        for number, trained in group:
            index = places[number]
            if isinstance(trained, Exception):
                results.append((index, trained))
                continue
            try:
                results.append((index, _ended(trainings[index].genotype, trained)))
            except InvalidGenotype as error:
                results.append((index, error))
        yield results


def _begun(
    training: Training[NeuronGenotype], splits: Splits, *, options: NeuronOptions, task: Task, law: DistanceLaw,
    trainer: Trainer, teacher: Floats | None,
) -> Assignment | Trained[NeuronGenotype]:
    """The network with the weights and the recipe that its training begins with; the result if there is no epoch.

    Args:
        training: The training.
        splits, options, task, law, teacher: See :func:`train`.
        trainer: Scores edges that grow.
    """
    genotype, weights = training.genotype, training.weights
    initial, order, growth = training.seed.generate_state(3).tolist()
    recipe = recipe_for(genotype, training.recipe, options, task, continues=weights is not None)
    if weights is None:
        weights = fresh(genotype, np.random.default_rng(initial))
    if not training.epochs:
        return Trained(genotype.requesting().released, weights, (), 0.0)
    network = network_of(genotype.requesting(), weights, options.norm)
    if genotype.grow_to:
        network = grown(
            network, genotype.grow_to, train=splits.train, task=task, recipe=recipe, law=law,
            trainer=trainer, rng=np.random.default_rng(growth), teacher=teacher,
        )
    return Assignment(network, recipe, training.epochs, order, training.stop)


def _ended(genotype: NeuronGenotype, trained: TrainedNetwork) -> Trained[NeuronGenotype]:
    """The result of a training that began with a genotype; raises as :func:`train` does."""
    network = trained.network
    if not network.genotype.n_edges:  # a failed trial, not a network
        raise InvalidGenotype(f"pruning to {genotype.prune_to or 'too few'} edges has cut every path from inputs to "
                              f"outputs: more epochs or more samples leave it more steps to choose them")
    network.genotype.validate()
    result = {"edge": network.edge, "bias": network.bias, "gain": network.gain}
    return Trained(network.genotype, result, trained.history, trained.edge_updates)
