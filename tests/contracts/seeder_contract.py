"""The laws that every seeder obeys. Subclass, set ``name``, ``splits`` and ``flops``, and give a fixture ``space``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from evonas.config import recipe_from
from evonas.data.samples import Splits
from evonas.evaluation.trained import predict, train
from evonas.space import Seedable, Seeder
from evonas.training import Stop


class SeederContract(ABC):
    """Members, their budgets, and what training makes of them."""

    #: The name that users know the seeder by.
    name: ClassVar[str]
    #: Fewest and most FLOPs that the space was asked for.
    flops: ClassVar[tuple[int, int]]

    @pytest.fixture
    @abstractmethod
    def space(self) -> Any:
        """A space that was asked for members of ``flops``."""

    @pytest.fixture
    @abstractmethod
    def splits(self) -> Splits:
        """Samples of the space's task, enough for 100 training steps."""

    @pytest.fixture
    def seeder(self, space: Any) -> Seeder[Any]:
        assert isinstance(space, Seedable)
        return space.seeders[self.name]

    @staticmethod
    def members(seeder: Seeder[Any], n: int, seed: int = 0) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [seeder(index, rng) for index in range(n)]

    def test_members_are_valid_different_and_follow_from_the_seed(self, space: Any, seeder: Seeder[Any]) -> None:
        members = self.members(seeder, 8)
        for member in members:
            space.validate(member)
        assert len({member.digest for member in members}) == 8
        assert self.members(seeder, 8) == members
        assert self.members(seeder, 8, seed=1) != members

    @pytest.mark.parametrize("n", [3, 8, 21])
    def test_any_first_members_cover_the_budgets(self, space: Any, seeder: Seeder[Any], n: int) -> None:
        low, high = np.log(self.flops)
        flops = [space.cost(member)["flops"] for member in self.members(seeder, n)]
        places = (np.log(flops) - low) / (high - low)
        assert places.min() > -0.01
        assert places.max() < 1.01
        assert max(b - a for a, b in pairwise([0.0, *sorted(places), 1.0])) < 2 / n

    def test_its_training_is_a_recipe(self, seeder: Seeder[Any]) -> None:
        recipe_from(seeder.training)

    def test_training_ends_at_the_budget_with_weights_that_fit(
        self, space: Any, seeder: Seeder[Any], splits: Splits
    ) -> None:
        recipe = recipe_from(seeder.training)
        for index, member in enumerate(self.members(seeder, 3)):
            seed = np.random.SeedSequence(index)
            trained = train(space, member, None, splits, recipe, epochs=8, seed=seed, stop=Stop())
            promised, got = space.cost(member)["flops"], space.cost(trained.genotype)["flops"]
            assert 0.8 * promised <= got <= promised
            own = predict(space, trained.genotype, trained.weights, splits.validation)
            with torch.no_grad():
                handed_over = space.compile(trained.genotype, trained.weights)(torch.from_numpy(splits.validation.x))
            np.testing.assert_allclose(handed_over.numpy(), own, rtol=1e-4, atol=1e-5)
