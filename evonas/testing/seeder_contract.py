"""The laws that every seeder and every search for a family obeys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pytest
import torch

from evonas.capabilities.family import FamilySearchable, FoundFamily
from evonas.capabilities.given import recipe_from
from evonas.capabilities.initialization import Seedable, Seeder
from evonas.data.samples import Splits
from evonas.evaluation.training import predict, train
from evonas.testing.contract import Contract, required
from evonas.training import Cancelled, Stop
from evonas.types import Metrics, UserError, Weights


class FamilyContract(Contract):
    """Common part of the contracts of families: members cover the budgets, and compute what the space says.

    Attributes:
        name: The name that users know the seeder, or the search, by.
        flops: Fewest and most FLOPs that the space was asked for.
        space: A space that was asked for members of ``flops``; a value or a fixture.
        splits: Samples of the space's task, enough for 100 training steps; a value or a fixture.
    """

    name: ClassVar[str]
    flops: ClassVar[tuple[int, int]]
    space: ClassVar[Any] = required("space", "a search space that was asked for members of `flops`")
    splits: ClassVar[Any] = required("splits", "samples of the space's task, enough for 100 training steps")

    def check_cover(self, space: Any, members: list[Any], *, tolerance: float) -> None:
        """Check that members cover the budgets.

        Args:
            space: The space.
            members: Genotypes.
            tolerance: How far members may be outside of the budgets, as a share of the range of logarithms.
        """
        low, high = np.log(self.flops)
        flops = [space.cost(member)["flops"] for member in members]
        places = (np.log(flops) - low) / (high - low)
        assert places.min() > -tolerance, f"a member costs less than {self.flops[0]} FLOPs"
        assert places.max() < 1 + tolerance, f"a member costs more than {self.flops[1]} FLOPs"
        gap = max(b - a for a, b in pairwise([0.0, *sorted(places), 1.0]))
        assert gap < 2 / len(members) + tolerance, f"{len(members)} members leave a gap in the range of FLOPs"

    def check_hand_over(self, space: Any, genotype: Any, weights: Weights, splits: Splits) -> None:
        """Check that the module with the weights computes what the space says that it does.

        Args:
            space: The space.
            genotype: The genotype.
            weights: Its weights.
            splits: Samples; those for validation are predicted.
        """
        own = predict(space, genotype, weights, splits.validation)
        with torch.no_grad():
            handed_over = space.compile(genotype, weights).eval()(torch.from_numpy(splits.validation.x))
        np.testing.assert_allclose(
            handed_over.numpy(), own, rtol=1e-4, atol=1e-5,
            err_msg="the module that compile returns gives other outputs than predictions of the space",
        )


class SeederContract(FamilyContract):
    """Members, their budgets, and what training makes of them.

    A subclass sets ``name``, ``flops``, ``space`` and ``splits``, see :class:`FamilyContract`.
    """

    @pytest.fixture
    def seeder(self, space: Any) -> Seeder[Any]:
        assert isinstance(space, Seedable), "the space has no seeders"
        assert self.name in space.seeders, f"the space has no seeder {self.name!r}, it has {sorted(space.seeders)}"
        return space.seeders[self.name]

    @staticmethod
    def members(seeder: Seeder[Any], n: int, seed: int = 0) -> list[Any]:
        rng = np.random.default_rng(seed)
        return [seeder(index, rng) for index in range(n)]

    def test_members_are_valid_different_and_follow_from_the_seed(self, space: Any, seeder: Seeder[Any]) -> None:
        members = self.members(seeder, 8)
        for member in members:
            space.validate(member)
        assert len({member.digest for member in members}) == 8, "two members of a family are the same genotype"
        assert self.members(seeder, 8) == members, "the seeder gives other members for the same generator"
        assert self.members(seeder, 8, seed=1) != members, "the seeder gives the same members for every generator"

    @pytest.mark.parametrize("n", [3, 8, 21])
    def test_any_first_members_cover_the_budgets(self, space: Any, seeder: Seeder[Any], n: int) -> None:
        self.check_cover(space, self.members(seeder, n), tolerance=0.01)

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
            assert 0.8 * promised <= got <= promised, "a trained member costs another number of FLOPs than its budget"
            self.check_hand_over(space, trained.genotype, trained.weights, splits)


class FamilySearchContract(FamilyContract):
    """Members, their budgets, their weights, and searches that are stopped.

    A subclass sets ``name``, ``flops``, ``space`` and ``splits``, see :class:`FamilyContract`, and ``epochs``.

    Attributes:
        epochs: Epochs of a search, enough for networks that are better than chance.
    """

    epochs: ClassVar[int]

    @pytest.fixture
    def run(self, space: Any, splits: Splits, tmp_path: Path) -> Run:
        """Search for members in a folder of a given name.

        Args:
            space: The space.
            splits: The data set.
            tmp_path: Parent of the folder.
        """
        assert isinstance(space, FamilySearchable), "the space has no searches for families"
        searches = space.family_searches
        assert self.name in searches, f"the space has no search {self.name!r}, it has {sorted(searches)}"
        search = searches[self.name]

        def run(folder: str, *, seed: int = 0, n_members: int = 8, **options: Any) -> FoundFamily[Any]:
            (tmp_path / folder).mkdir(exist_ok=True)
            arguments = {"stop": Stop(), "report": lambda *_: None, "epochs": self.epochs, **options}
            return search.search(
                splits, recipe_from(search.training), n_members=n_members, seed=np.random.SeedSequence(seed),
                directory=tmp_path / folder, **arguments,
            )

        return run

    def test_members_cover_the_budgets_are_valid_and_compute_the_same_handed_over(
        self, space: Any, splits: Splits, run: Run
    ) -> None:
        family = run("r")
        assert len(family.members) == 8, "the search gives another number of members than was asked for"
        assert family.edge_updates > 0, "the search has cost nothing: count its edge updates"
        for n in (3, 8):
            self.check_cover(space, [member.genotype for member in family.members[:n]], tolerance=0.05)
        for genotype, weights in family.members:
            space.validate(genotype)
            self.check_hand_over(space, genotype, weights, splits)
            assert space.decode(space.encode(genotype)) == genotype, "what is read is another genotype"
        best = predict(space, *family.members[1], splits.validation)
        accuracy = (best.argmax(1) == splits.validation.y).mean()
        assert accuracy > 2 / splits.task.n_outputs, "a member is no better than chance"

    def test_the_training_after_it_ends_at_the_budget(self, space: Any, splits: Splits, run: Run) -> None:
        recipe, seed = recipe_from(space.family_searches[self.name].training), np.random.SeedSequence(0)
        for genotype, weights in run("r", epochs=2, n_members=3).members:
            as_it_is, trained = (
                train(space, genotype, weights, splits, recipe, epochs=epochs, seed=seed, stop=Stop())
                for epochs in (0, 4)
            )
            promised, got = space.cost(genotype)["flops"], space.cost(trained.genotype)["flops"]
            before = space.cost(as_it_is.genotype)["flops"]
            assert 0.8 * promised <= got <= promised <= before, "a trained member costs another number than its budget"
            for name, values in weights.items():
                assert np.array_equal(as_it_is.weights[name], values), f"the weights {name} change in 0 epochs"
            self.check_hand_over(space, trained.genotype, trained.weights, splits)

    def test_a_search_follows_from_its_seed_whenever_it_was_stopped(self, run: Run) -> None:
        whole = run("whole", epochs=2, n_members=4)
        assert not same(whole, run("other", epochs=2, n_members=4, seed=1)), "the search does not depend on its seed"
        with pytest.raises(Cancelled):
            stopped(run, lambda epoch, n_epochs: epoch == 1)
        with suppress(Cancelled):  # some have only the last epoch to do
            stopped(run, lambda epoch, n_epochs: epoch == n_epochs - 1)
        assert same(run("stopped", epochs=2, n_members=4), whole), "a search that was stopped ends in another family"
        told: list[int] = []
        again = run("stopped", epochs=2, n_members=4, report=lambda epoch, *_: told.append(epoch))
        assert same(again, whole), "a search that has ended gives another family when it is called again"
        assert not told, "a search that has ended was run again"

    def test_a_checkpoint_of_another_search_is_refused(self, run: Run) -> None:
        run("r", epochs=2, n_members=2)
        for other in ({"epochs": 3}, {"seed": 1}):
            with pytest.raises(UserError, match="no checkpoint of this search"):
                run("r", **{"epochs": 2, "n_members": 2, **other})

    def test_its_training_is_a_recipe_and_its_settings_can_be_replaced(self, space: Any) -> None:
        search = space.family_searches[self.name]
        recipe_from(search.training)
        assert replace(search, settings=replace(search.settings)) == search, "settings of the search do not replace"


#: Searches; see the fixture of the name.
Run: TypeAlias = Callable[..., FoundFamily[Any]]


def stopped(run: Run, when: Callable[[int, int], bool]) -> None:
    """A search that goes on in the folder ``stopped`` and is stopped after an epoch."""
    stop = Stop()

    def report(epoch: int, n_epochs: int, _: Metrics) -> None:
        if when(epoch, n_epochs):
            stop.request()

    run("stopped", epochs=2, n_members=4, stop=stop, report=report)


def same(one: FoundFamily[Any], other: FoundFamily[Any]) -> bool:
    """Bit for bit."""

    def content(family: FoundFamily[Any]) -> list[Any]:
        return [
            (found.genotype.digest, {name: values.tobytes() for name, values in sorted(found.weights.items())})
            for found in family.members
        ]

    return content(one) == content(other) and one.edge_updates == other.edge_updates
