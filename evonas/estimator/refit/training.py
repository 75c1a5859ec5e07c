"""Training of chosen genotypes anew, without measuring anything: folds hold samples back for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evonas.capabilities.training import Trainable
from evonas.data.samples import Splits
from evonas.evaluation.base import Job, Outcome
from evonas.evaluation.trained import train
from evonas.individual import Trial
from evonas.space import SearchSpace
from evonas.training import Recipe


@dataclass(frozen=True)
class Training:
    """Implements :class:`evonas.evaluation.Evaluator`: trains, and reports nothing but the training loss.

    Attributes:
        space: That the genotypes belong to.
        splits: Whose ``train`` is trained on.
        recipe: For networks of any size.
    """

    space: SearchSpace[Any]
    splits: Splits
    recipe: Recipe

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("train_loss",)

    @property
    def shares_memory(self) -> bool:
        return isinstance(self.space, Trainable) and self.space.shares_memory

    def work(self, trial: Trial[Any]) -> float:
        return trial.budget * self.space.cost(trial.individual.genotype).get("flops", 1.0)

    def __call__(self, job: Job[Any]) -> Outcome[Any]:
        genotype, weights = job.trial.individual.genotype, None if job.start is None else job.start.weights
        edges = self.space.cost(genotype).get("edges", 0.0)
        recipe = self.recipe.of_size(edges)
        recipe = recipe if weights is None else recipe.continued(edges)
        trained = train(
            self.space, genotype, weights, self.splits, recipe, epochs=job.trial.budget, seed=job.seed, stop=job.stop
        )
        changed = None if trained.genotype == genotype else trained.genotype
        return Outcome({"train_loss": trained.history[-1].train_loss}, changed, trained.weights)
