"""Fine-tuning for programs of integers: a chosen network is trained on with the rounding of its program."""

from __future__ import annotations

from dataclasses import replace

from evonas.capabilities.export import INTEGER_TYPES
from evonas.data.samples import Splits
from evonas.evaluation.training import train
from evonas.rng import Stream, stream
from evonas.run.open import OpenRun, load_splits
from evonas.run.package import Package
from evonas.training import Stop
from evonas.types import UserError

#: Share of the run's learning rate: the network is trained already.
RATE = 0.3


def finetuned(
    run: OpenRun, package: Package, precision: str, epochs: int, splits: Splits | None = None
) -> Package:
    """The network after some epochs of quantisation-aware training on the training samples, with the run's recipe.

    Args:
        run: The run; it stays as it is.
        package: One of its networks.
        precision: One of :data:`evonas.capabilities.export.INTEGER_TYPES`.
        epochs: Epochs.
        splits: Samples to train on; None is the run's own. All samples outside the test set
            (:func:`evonas.data.test_split.load_for_retraining`) suit a network that is not validated any more.

    Raises:
        UserError: The precision is another, or training fails, as in a space without a trainer of its own.
    """
    integers = next((type_ for type_ in INTEGER_TYPES if type_ == precision), None)
    if integers is None:
        raise UserError(f"--finetune-epochs is for programs of integers, got --precision {precision}: leave it out, or "
                        f"choose one of {', '.join(INTEGER_TYPES)}")
    genotype = run.space.decode(package.genotype)
    edges = run.space.cost(genotype).get("edges", 0.0)
    recipe = run.config.recipe.final().of_size(edges).continued(edges)
    recipe = replace(recipe, quantisation=integers, learning_rate=RATE * recipe.learning_rate)
    seed = stream(run.config.seed, Stream.RETRAIN, int(package.source["id"]), epochs)
    try:
        trained = train(
            run.space, genotype, package.weights, load_splits(run) if splits is None else splits, recipe,
            epochs=epochs, seed=seed, stop=Stop(),
        )
    except (FloatingPointError, ValueError) as error:
        raise UserError(f"this network cannot be fine-tuned: {error}") from error
    origin = f"{package.source['weights']}, fine-tuned for {epochs} epochs in {precision}"
    return replace(
        package, genotype=run.space.encode(trained.genotype), weights=trained.weights,
        source={**package.source, "weights": origin},
    )
