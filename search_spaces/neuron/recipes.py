"""Changes of the run's recipe that depend on a genotype and on whether it begins with weights."""

from __future__ import annotations

from dataclasses import replace

from evonas.training import Pruning, Recipe
from evonas.types import Task
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.options import NeuronOptions

#: Pruning of founders and children that training prunes, if the recipe does not set it.
PRUNING_BACK = Pruning(end=0.6, every=25)
#: Pixels on the shorter side of an image for each pixel by which it may be moved.
PIXELS_OF_SHIFT = 12
#: Largest factor by which small networks learn faster.
MOST_RATE = 2.0


def recipe_for(
    genotype: NeuronGenotype, recipe: Recipe, options: NeuronOptions, task: Task, *, continues: bool
) -> Recipe:
    """Return the recipe with the pruning, the shifts, the learning rate and the smoothing that suit a network.

    Args:
        genotype: The genotype as its training begins.
        recipe: Recipe of the run.
        options: ``shared_shift``, ``small_edges`` and ``smoothing``.
        task: Gives the inputs' shape.
        continues: Whether training begins with weights of a parent or of its own.
    """
    if genotype.prune_to:
        recipe = replace(recipe, pruning=replace(recipe.pruning or PRUNING_BACK, edges=genotype.prune_to))
    if genotype.release_at == 1 and genotype.is_shared:
        recipe = replace(recipe, shift=max(recipe.shift, _shift(options.shared_shift, task)))
    elif continues and genotype.n_trained_edges < options.small_edges:
        faster = min((options.small_edges / genotype.n_trained_edges) ** 0.5, MOST_RATE)
        recipe = replace(recipe, learning_rate=faster * recipe.learning_rate)
    elif continues and task.kind == "classification" and not (recipe.shift or recipe.flip):
        recipe = replace(recipe, label_smoothing=max(recipe.label_smoothing, options.smoothing))
    return recipe


def _shift(pixels: int, task: Task) -> int:
    """Return ``pixels``, but not more than suits the image; 0 for other inputs."""
    shape = task.input_shape
    return min(pixels, min(shape[1:]) // PIXELS_OF_SHIFT) if len(shape) == 3 else 0
