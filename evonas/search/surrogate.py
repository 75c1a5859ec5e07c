"""Search with a surrogate: a model of earlier evaluations proposes the next trials.

The criterion is the expected improvement (Mockus 1978) by an ensemble of trees (Hutter 2011,
https://doi.org/10.1007/978-3-642-25566-3_40).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, TypeAlias

import numpy as np

from evonas.capabilities.choices import HasChoices
from evonas.capabilities.variation import HasFeatures, HasNeighbours
from evonas.individual import Member, Trial
from evonas.objectives import Objectives
from evonas.objectives.pareto import front, hypervolume_gains
from evonas.search.base import History, Traits, check_rungs
from evonas.search.generational import Generational
from evonas.space import G, Offspring, SearchSpace
from evonas.types import Doubles, Floats, Json

#: An offspring and its parents.
Candidate: TypeAlias = tuple[Offspring[G], tuple[Member[G], ...]]
#: Distance of the reference point beyond the worst value of each objective, as a share of the range seen.
MARGIN = 0.1
#: Number of mutants that stand for the neighbours of a member if the space lists none.
MUTANTS = 20


@dataclass(frozen=True)
class SurrogateSettings:
    """Settings of the table ``searcher_options``.

    Attributes:
        trees: Number of trees in the ensemble.
        parents: Number of best members whose neighbours are candidates.
        samples: Number of random candidates beside them.
    """

    trees: int = 50
    parents: int = 10
    samples: int = 100


class SurrogateSearch(Generational[G]):
    """Model-based search: a model learns the objectives, and the most promising candidates are evaluated.

    The model is a linear regression with extremely randomised trees on its residuals: trees alone never predict more
    than they have seen. It learns the normal scores of ranks, in which the best differ as much as the worst. The
    promise of a candidate is, with one objective, the expected improvement on the best so far, by the mean and the
    deviation of the trees; with several, the expected gain of hypervolume, with one sample per tree. Objectives that
    follow from structure alone are computed, not learned. Features of a genotype are those of the space
    (``HasFeatures``), else its one-hot choices (``HasChoices``), else logarithms of its costs. Candidates that break a
    constraint on costs are left out; other constraints are not learned.

    Args:
        space: Search space of the genotypes.
        objectives: Objectives and constraints of the search.
        population: Number of random samples before the model is fitted.
        children: Number of individuals in every further batch; the model is fitted again for each batch.
        generations: Number of further batches.
        rungs: One budget.
        settings: Settings of the model and its candidates.
        rng: The searcher's own generator.

    Raises:
        ValueError: A number is out of range.
    """

    traits: ClassVar[Traits] = Traits(
        SurrogateSettings, MappingProxyType({"population": 20, "children": 5, "generations": 124})
    )

    def __init__(
        self, space: SearchSpace[G], objectives: Objectives, *, population: int = 20, children: int = 5,
        generations: int = 124, rungs: tuple[int, ...] = (1,), settings: SurrogateSettings = SurrogateSettings(),
        rng: np.random.Generator,
    ) -> None:
        if population < 2 or children < 1:
            raise ValueError(f"population must be at least 2, children at least 1, got {population} and {children}")
        if settings.trees < 2 or settings.parents < 1 or settings.samples < 0:
            raise ValueError(f"trees must be at least 2, parents at least 1, samples at least 0, got {settings.trees}, "
                             f"{settings.parents} and {settings.samples}")
        super().__init__(space, objectives, generations=generations, rungs=rungs, rng=rng)
        check_rungs(rungs, "one")
        self._size, self._n_children, self._settings = population, children, settings
        self._members: list[Member[G]] = []
        self._features: list[Floats] = []

    def _bear(self) -> Sequence[Trial[G]]:
        known = [i for i, member in enumerate(self._members) if member.evaluation.status == "ok"]
        if len(known) < 2:
            return self._found(self._size)
        candidates = self._candidates()
        if not candidates:
            return self._found(self._n_children)
        F, violations = self._losses([self._members[i] for i in known])
        best = front(F, violations)
        structural = self._space.cost(candidates[0][0].genotype).keys()
        learned = [i for i, objective in enumerate(self._objectives.items) if objective.metric not in structural]
        F[:, learned] = normal_scores(F[:, learned])
        X = np.stack([self._features[i] for i in known])
        predictions = self._predicted(X, F, learned, [child.genotype for child, _ in candidates])
        chosen = _most_promising(predictions, F[best], F, self._n_children)
        return [self._chosen(candidates[i]) for i in chosen]

    def _chosen(self, candidate: Candidate[G]) -> Trial[G]:
        return self._trial(lambda: candidate)

    def _candidates(self) -> list[Candidate[G]]:
        """Neighbours of the best and random samples, each genotype once."""
        found: dict[str, Candidate[G]] = {}
        for place in self._rank(self._members).order()[: self._settings.parents]:
            parent = self._members[place]
            if isinstance(self._space, HasNeighbours):
                drawn = [Offspring(g, "neighbour") for g in self._space.neighbours(parent.genotype)]
            else:
                drawn = [self._space.mutate(parent.genotype, self._rng) for _ in range(MUTANTS)]
            for child in drawn:
                found.setdefault(child.genotype.digest, (child, (parent,)))
        for _ in range(self._settings.samples):
            sample = self._space.sample(self._rng)
            found.setdefault(sample.digest, (Offspring(sample, "sample"), ()))
        return [each for each in found.values() if self._reproduction.accepts(each[0].genotype)]

    def _predicted(self, X: Floats, F: Doubles, learned: Sequence[int], candidates: Sequence[G]) -> Doubles:
        """Objectives of candidates by each tree, ``(n_trees, n_candidates, n_objectives)``.

        Args:
            X: Features of the evaluated genotypes, ``(n, n_features)``.
            F: Their objectives, the learned ones as normal scores, ``(n, n_objectives)``.
            learned: Columns of the learned objectives.
            candidates: Genotypes.
        """
        items = self._objectives.items
        predictions = np.empty((self._settings.trees, len(candidates), len(items)))
        for i, objective in enumerate(items):
            if i not in learned:
                predictions[:, :, i] = [objective.loss(self._space.cost(genotype)) for genotype in candidates]
        if learned:
            new = np.stack([features_of(self._space, genotype) for genotype in candidates])
            seed = int(self._rng.integers(2**31))
            predictions[:, :, learned] = _regression(X, F[:, learned], new, n_trees=self._settings.trees, seed=seed)
        return predictions

    def _learn(self, members: list[Member[G]]) -> None:
        self._members += members
        self._features += [features_of(self._space, member.genotype) for member in members]

    def state(self) -> Json:
        """The common state; the evaluations are in the history."""
        return super().state()

    def restore(self, state: Json, history: History[G]) -> None:
        """Continue exactly where :meth:`state` was taken."""
        super().restore(state, history)
        self._members, self._features = [], []
        ids = range(state["next_id"])
        self._learn([Member(history.individual(id), history.evaluation(id, self._rungs[0])) for id in ids])


def features_of(space: SearchSpace[G], genotype: G) -> Floats:
    """Features of a genotype for a model, ``(n_features,)``."""
    if isinstance(space, HasFeatures):
        return np.asarray(space.features(genotype), np.float32)
    costs = np.log1p([*space.cost(genotype).values()])
    if isinstance(space, HasChoices):
        return np.concatenate([space.arch_of(genotype).ravel(), costs]).astype(np.float32)
    return costs.astype(np.float32)


def normal_scores(F: Doubles) -> Doubles:
    """Quantiles of the normal distribution for the ranks in each column, ``(n, n_objectives)``."""
    from scipy.stats import norm, rankdata

    return np.asarray(norm.ppf((rankdata(F, axis=0) - 0.5) / len(F)))


def _regression(X: Floats, Y: Doubles, new: Floats, *, n_trees: int, seed: int) -> Doubles:
    """Predictions of each tree on top of a linear model, ``(n_trees, m, n_targets)``.

    Args:
        X: Features, ``(n, n_features)``.
        Y: Targets, ``(n, n_targets)``.
        new: Features to predict from, ``(m, n_features)``.
        n_trees: Size of the ensemble.
        seed: Seed of the trees.
    """
    from sklearn.ensemble import ExtraTreesRegressor  # the import takes a second, which other searchers save
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    linear = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
    left = Y - linear.predict(X).reshape(Y.shape)
    trees = ExtraTreesRegressor(n_trees, random_state=seed).fit(X, left[:, 0] if Y.shape[1] == 1 else left)
    shape = len(new), Y.shape[1]
    rest = [tree.predict(new, check_input=False).reshape(shape) for tree in trees.estimators_]
    return np.asarray(linear.predict(new).reshape(shape) + np.stack(rest))


def _most_promising(predictions: Doubles, best: Doubles, F: Doubles, n: int) -> list[int]:
    """Indices of the ``n`` most promising candidates; with several objectives each is taken as evaluated for the next.

    Args:
        predictions: Objectives by each tree, ``(n_trees, n_candidates, n_objectives)``.
        best: The front so far, ``(m, n_objectives)``.
        F: All evaluations, ``(k, n_objectives)``.
        n: Largest number of candidates.
    """
    mean = predictions.mean(axis=0)
    if F.shape[1] == 1:
        least = float(best.min()) if len(best) else float(F.min())
        order = np.argsort(-expected_improvement(mean[:, 0], predictions[:, :, 0].std(axis=0), least), kind="stable")
        return [int(i) for i in order[:n]]
    reference = F.max(axis=0) + MARGIN * np.ptp(F, axis=0)
    chosen: list[int] = []
    while len(chosen) < min(n, len(mean)):
        gains = np.mean([hypervolume_gains(sample, best, reference) for sample in predictions], axis=0)
        gains[chosen] = -np.inf
        chosen.append(int(np.argmax(gains)))
        best = np.vstack([best, mean[chosen[-1]]])
    return chosen


def expected_improvement(mean: Doubles, deviation: Doubles, best: float) -> Doubles:
    """The expected improvement of a minimised objective on the best so far, ``(n,)``.

    Args:
        mean: Means of normal predictions, ``(n,)``.
        deviation: Their standard deviations, ``(n,)``; a prediction with deviation 0 is certain.
        best: The best value so far.
    """
    from scipy.stats import norm

    certain = np.maximum(best - mean, 0.0)
    z = (best - mean) / np.where(deviation > 0, deviation, 1.0)
    return np.where(deviation > 0, (best - mean) * norm.cdf(z) + deviation * norm.pdf(z), certain)
