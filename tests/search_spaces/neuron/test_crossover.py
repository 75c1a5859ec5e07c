"""Crossover preserves what its docstring says."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evonas.types import Task
from search_spaces.neuron.crossover import exchange_disc
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, NeuronGenotype
from search_spaces.neuron.layering import arrange
from search_spaces.neuron.space import create
from tests.search_spaces.neuron.reference import random_genotype

seeds = st.integers(0, 2**32 - 1)
SPACE = create(
    Task("classification", (1, 8, 8), 10), {"founders": "log-uniform", "founder_edges": (64, 800)}
)
examples = settings(max_examples=40)


def strangers(seed: int) -> tuple[NeuronGenotype, NeuronGenotype]:
    rng = np.random.default_rng(seed)
    return SPACE.sample(rng), SPACE.sample(rng)


def relatives(seed: int) -> tuple[NeuronGenotype, NeuronGenotype]:
    """Two descendants of one founder, whose layers have drifted apart."""
    rng = np.random.default_rng(seed)
    first = second = SPACE.sample(rng)
    for _ in range(4):
        first, second = SPACE.mutate(first, rng).genotype, SPACE.mutate(second, rng).genotype
    return first, second


def named_edges(genotype: NeuronGenotype) -> set[tuple[int, int]]:
    return set(map(tuple, genotype.id_of[genotype.edges].tolist()))


def layers_by_id(genotype: NeuronGenotype) -> dict[int, int]:
    return dict(zip(genotype.ids.tolist(), genotype.layers.tolist(), strict=True))


@examples
@given(seeds, st.sampled_from([strangers, relatives]))
def test_children_are_valid_and_feed_every_output(seed: int, family: type) -> None:
    first, second = family(seed)
    child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
    if child is not None:
        child.validate()
        assert len(set(child.edges[child.edges[:, 1] >= child.n_neurons - 10, 1].tolist())) == 10


@examples
@given(seeds)
def test_neurons_come_from_a_disc_of_the_second_and_the_rest_of_the_first(seed: int) -> None:
    first, second = strangers(seed)
    child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
    if child is None:
        return
    rng = np.random.default_rng(seed)  # the same draws: centre, then radius
    centre, radius = second.positions[rng.integers(second.n_hidden)], rng.uniform(0, 4)
    for parent, inside in ((first, False), (second, True)):
        come = np.isin(child.ids, parent.ids)
        distances = np.linalg.norm(child.positions[come] - centre, axis=1)
        assert ((distances <= radius) == inside).all()
    assert np.isin(child.ids, np.concatenate([first.ids, second.ids])).all()


@examples
@given(seeds, st.sampled_from([strangers, relatives]))
def test_edges_are_the_parents(seed: int, family: type) -> None:
    first, second = family(seed)
    child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
    if child is not None:
        outputs = set(child.id_of[-child.n_outputs :].tolist())
        new = named_edges(child) - named_edges(first) - named_edges(second)
        assert {target for _, target in new} <= outputs  # an output that would have no input gets one


@examples
@given(seeds)
def test_edges_among_neurons_that_stay_are_kept_with_their_ties(seed: int) -> None:
    first, second = relatives(seed)
    child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
    if child is None:
        return
    there = set(child.ids.tolist()) - set(second.ids.tolist()) | set(child.id_of[child.layer_of == 0].tolist())
    kept = {(u, v) for u, v in named_edges(first) if u in there and v in there}
    assert kept <= named_edges(child)


@examples
@given(seeds)
def test_shared_neurons_keep_the_layer_order_of_the_first_parent(seed: int) -> None:
    first, second = relatives(seed)
    child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
    if child is None:
        return
    old, new = layers_by_id(first), layers_by_id(child)
    pairs = sorted({(old[id], new[id]) for id in old.keys() & new.keys()})
    assert len({a for a, _ in pairs}) == len(pairs)
    assert [b for _, b in pairs] == sorted({b for _, b in pairs})


def test_most_crossovers_of_strangers_mix_both() -> None:
    mixed = 0
    for seed in range(40):
        first, second = strangers(seed)
        child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
        mixed += child is not None and np.isin(child.ids, first.ids).any() and np.isin(child.ids, second.ids).any()
    assert mixed > 20


def test_ties_of_the_second_parent_do_not_join_groups_of_the_first() -> None:
    ties = SPACE.sample(np.random.default_rng(3))
    rng = np.random.default_rng(0)
    space = create(SPACE.task, {"operators": {"tie_weights": 1}, "largest_steps": {"tie_weights": 1.0}})
    first, second = space.mutate(ties, rng).genotype, space.mutate(space.sample(rng), rng).genotype
    for seed in range(20):
        child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
        if child is None:
            continue
        names = child.id_of[child.edges]
        of_second = np.isin(names, second.ids).any(axis=1)
        assert not set(child.ties[of_second]) & set(child.ties[~of_second]) - {-1}


def test_a_second_parent_without_hidden_neurons_gives_nothing() -> None:
    first = SPACE.sample(np.random.default_rng(0))
    linear = random_genotype(np.random.default_rng(0), n_inputs=64, layers=(), n_outputs=10)
    assert exchange_disc(first, linear, np.random.default_rng(0), SPACE.law) is None
    child = exchange_disc(linear, first, np.random.default_rng(0), SPACE.law)
    assert child is not None
    child.validate()


def chain(ids: list[int], places: list[list[int]]) -> NeuronGenotype:
    """64 inputs, of which the first leads through these hidden neurons, one a layer, to the output."""
    edges = [(0, 64), *((64 + k, 65 + k) for k in range(len(ids)))]
    return arrange(
        64, 1, ids=np.array(ids), layers=np.arange(len(ids)) + 1, positions=np.array(places, np.float32),
        edges=np.array(edges),
    )


def test_neurons_that_only_the_second_parent_has_move_behind_their_predecessors() -> None:
    a, b, shared, guest = (FIRST_HIDDEN_ID + k for k in range(4))
    first, second = chain([a, b, shared], [[0, 0]] * 3), chain([shared, guest], [[0, 0], [7, 7]])
    children = [exchange_disc(first, second, np.random.default_rng(seed), SPACE.law) for seed in range(20)]
    mixed = [child for child in children if child is not None and {shared, guest} <= set(child.ids.tolist())]
    assert mixed
    for child in mixed:
        child.validate()
        assert layers_by_id(child) == {a: 1, b: 2, shared: 3, guest: 4}


def test_a_neuron_at_two_places_comes_only_once() -> None:
    moved, other = FIRST_HIDDEN_ID, FIRST_HIDDEN_ID + 1
    first, second = chain([moved, other], [[0, 0], [0, 1]]), chain([moved], [[7, 7]])
    for seed in range(10):
        child = exchange_disc(first, second, np.random.default_rng(seed), SPACE.law)
        assert child is not None
        child.validate()
