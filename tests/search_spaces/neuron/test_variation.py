"""Children within the bounds on edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from evonas.types import Task, UserError
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.mutation import LARGEST_STEPS, MutationParams
from search_spaces.neuron.mutation.operators import Mutation
from search_spaces.neuron.space import create
from search_spaces.neuron.variation import Variation

TASK = Task("classification", (20,), 3)
SPACE = create(TASK, {"edges": [20, 400], "founders": "log-uniform"})


def variation(children: Sequence[NeuronGenotype | None], edges: tuple[int, int]) -> Variation:
    """A variation whose only operator gives these children in turn, then none."""
    left = list(children)
    law = DistanceLaw(TASK.input_shape, 1.0, 0.0, 1.0)
    mutation = Mutation(
        lambda genotype, rng, params: left.pop(0) if left else None, MutationParams(law, LARGEST_STEPS, edges), 1.0,
        aims=False,
    )
    return Variation({"cut": mutation}, edges, law)


def cut(parent: NeuronGenotype, n_edges: int) -> NeuronGenotype:
    """What is connected of the parent with this number of its edges, drawn at random."""
    kept = np.sort(np.random.default_rng(0).permutation(parent.n_edges)[:n_edges])
    return connected(parent, parent.edges[kept]).genotype


@pytest.fixture(scope="module")
def parent() -> NeuronGenotype:
    found = (SPACE.sample(np.random.default_rng(seed)) for seed in range(1000))
    return next(replace(genotype, prune_to=0) for genotype in found if genotype.n_edges > 200 and not genotype.prune_to)


def test_a_child_out_of_bounds_is_left_for_the_next_draw(parent: NeuronGenotype) -> None:
    few, many = cut(parent, 80), cut(parent, 180)
    bounds = (many.n_trained_edges, parent.n_trained_edges)
    assert few.n_trained_edges < bounds[0]
    child = variation([None, few, parent, many], bounds).mutant(parent, np.random.default_rng(0), None, None)
    assert child == (many, "cut")


def test_a_child_of_a_parent_out_of_bounds_need_only_come_nearer(parent: NeuronGenotype) -> None:
    nearer = cut(parent, 180)
    bounds = (20, nearer.n_trained_edges - 10)
    assert variation([nearer], bounds).mutant(parent, np.random.default_rng(0), None, None).genotype == nearer


def test_a_parent_that_nothing_changes_is_an_error_that_names_the_operators(parent: NeuronGenotype) -> None:
    with pytest.raises(UserError, match="none of the operators cut changes a genotype of"):
        variation([], (20, 400)).mutant(parent, np.random.default_rng(0), None, None)
    with pytest.raises(ValueError, match="unknown operator 'cutt', did you mean 'cut'"):
        variation([], (20, 400)).mutant(parent, np.random.default_rng(0), "cutt", None)
