"""Every seeder of the neuron space under the contract, and what is particular to each."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from evonas.data import load
from evonas.data.samples import Splits
from evonas.testing.seeder_contract import FamilyContract, FamilySearchContract, Run, SeederContract, same
from evonas.types import Task, UserError
from search_spaces.neuron.family_search import spans
from search_spaces.neuron.family_searches import FAMILY_SEARCHES
from search_spaces.neuron.initialization import METHODS
from search_spaces.neuron.layering import pair_capacities, pair_counts
from search_spaces.neuron.space import NeuronSpace, create

EDGES = (200, 3000)
IMAGES = Task("classification", (1, 28, 28), 10)


class NeuronFamilies(FamilyContract):
    flops: ClassVar[tuple[int, int]] = (2 * EDGES[0], 2 * EDGES[1])

    @pytest.fixture
    def space(self) -> NeuronSpace:
        return create(Task("classification", (1, 8, 8), 10), {"edges": EDGES})

    @pytest.fixture
    def splits(self) -> Splits:
        return load("digits")


class NeuronSeederContract(NeuronFamilies, SeederContract):
    """Seeders that give one member at a time."""


class TestPrune(NeuronSeederContract):
    name = "prune"


class TestConv(NeuronSeederContract):
    name = "conv"


class TestLocal(NeuronSeederContract):
    name = "local"


class TestRigL(NeuronSeederContract):
    name = "rigl"


class TestSet(NeuronSeederContract):
    name = "set"


class TestGlobalRigL(NeuronSeederContract):
    name = "rigl-global"


class TestGlobalSet(NeuronSeederContract):
    name = "set-global"


class TestRelevance(NeuronFamilies, FamilySearchContract):
    name = "relevance"
    epochs = 6

    def test_a_checkpoint_of_a_search_with_another_teacher_is_refused(self, run: Run, splits: Splits) -> None:
        teacher = np.full((len(splits.train), 10), 0.1, np.float32)
        taught = run("taught", epochs=1, n_members=2, teacher=teacher)
        assert not same(taught, run("r", epochs=1, n_members=2))
        for folder, other in (("r", teacher), ("taught", None), ("taught", np.roll(teacher, 1) * 2)):
            with pytest.raises(UserError, match=r"no checkpoint of this search: expected the teacher \(digest\)"):
                run(folder, epochs=1, n_members=2, teacher=other)


class TestVertexRelaxation(NeuronFamilies, FamilySearchContract):
    name = "vertex-relaxation"
    epochs = 6


def test_every_method_is_under_the_contract() -> None:
    assert set(METHODS) == {contract.name for contract in NeuronSeederContract.__subclasses__()}
    assert set(FAMILY_SEARCHES) == {TestRelevance.name, TestVertexRelaxation.name}


@pytest.mark.parametrize(("targets", "parts"), [
    ([100], [[100]]), ([700, 100, 700], [[100, 700]]), ([100, 900, 500], [[100], [500, 900]]),
    ([1, 2, 1000], [[1, 2], [1000]]),
])
def test_a_start_serves_no_more_than_eightfold_sizes(targets: list[int], parts: list[list[int]]) -> None:
    assert spans(targets) == parts


def test_prune_starts_with_every_edge_between_neighbours_and_at_least_four_times_its_budget() -> None:
    seeder = create(IMAGES, {"founder_edges": (1000, 42_700)}).seeders["prune"]
    rng, depths = np.random.default_rng(0), set()
    for index in range(8):
        member = seeder(index, rng)
        counts, capacities = pair_counts(member), pair_capacities(member)
        np.testing.assert_array_equal(np.diagonal(counts, 1), np.diagonal(capacities, 1))
        assert counts.sum() == np.diagonal(counts, 1).sum()
        assert member.n_edges >= 4 * member.prune_to
        depths.add(member.depth)
    assert depths == {2, 3}


def test_local_starts_with_short_edges_and_skips_over_three_hidden_layers() -> None:
    space = create(IMAGES, {"founder_edges": (1000, 42_700)})
    member = space.seeders["local"](3, np.random.default_rng(0))
    assert member.depth == 4
    assert (pair_counts(member)[np.triu_indices(5, 1)] > 0).all()
    assert 7.5 * member.prune_to < member.n_edges < 20.5 * member.prune_to
    positions = space.law.positions(member)
    into_first = member.edges[member.layer_of[member.edges[:, 1]] == 1]
    lengths = np.linalg.norm(positions[into_first[:, 0]] - positions[into_first[:, 1]], axis=1)
    assert lengths.mean() < 7  # of random places: 14


def test_rigl_and_set_start_alike_at_the_budget_and_differ_in_how_edges_grow() -> None:
    seeders = create(IMAGES, {"founder_edges": (1000, 42_700)}).seeders
    rigl, random = (seeders[name](5, np.random.default_rng(0)) for name in ("rigl", "set"))
    assert rigl == random
    assert rigl.prune_to == 0
    assert rigl.n_edges == seeders["rigl"].setting.target(5)
    assert [seeders[name].training["regrowth"]["grow"] for name in ("rigl", "set")] == ["gradient", "random"]


def test_edges_move_within_layer_pairs_but_in_the_global_variants() -> None:
    seeders = create(IMAGES, {}).seeders
    for name in ("rigl", "set"):
        assert seeders[name].training["regrowth"]["scope"] == "layer-pair"
        assert seeders[f"{name}-global"].training["regrowth"]["scope"] == "network"


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("task", [Task("regression", (1,), 1), Task("classification", (3, 6, 6), 2)])
def test_small_and_odd_tasks_have_families_too(name: str, task: Task) -> None:
    space = create(task, {"founder_edges": (1, 50)})
    if name == "conv" and len(task.input_shape) == 1:
        with pytest.raises(UserError, match="convolutions need inputs on a grid"):
            space.seeders[name](0, np.random.default_rng(0))
        return
    for index in range(5):
        space.validate(space.seeders[name](index, np.random.default_rng(index)))
