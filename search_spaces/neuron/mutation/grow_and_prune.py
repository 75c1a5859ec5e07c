"""Mutations that grow a network, which training prunes back; proposals for the growth; and one that only prunes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from search_spaces.neuron.edge_editing import with_edges
from search_spaces.neuron.edge_sampling import AbsentEdges, absent_edges
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.mutation.neurons import EDGES_PER_NODE, add_neurons
from search_spaces.neuron.mutation.steps import MutationParams, log_uniform

#: Bounds of a child's edges before training prunes it, as multiples of its parent's.
FACTORS = (1.5, 2.5)

#: Function that adds about a number of edges to a genotype that lacks some; None if it finds no place for any.
Proposal: TypeAlias = Callable[[NeuronGenotype, int, np.random.Generator, MutationParams], NeuronGenotype | None]


def inflated(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams, propose: Proposal
) -> NeuronGenotype | None:
    """Return a child that a proposal has grown, and that training prunes to near its parent's edges.

    Its final number of edges is within ``params.edges``.

    If the search aims at a size, the child is pruned as near to it as the step allows. Training decides which edges
    stay, and not the draw: sparse evolutionary training (Mocanu 2018, https://doi.org/10.1038/s41467-018-04316-3). A
    network that has every possible edge is only pruned. The result is None if it would keep them all, or the proposal
    finds none.

    Args:
        genotype: The parent.
        rng: Draws the step.
        params: Bounds and steps.
        propose: Adds the edges.
    """
    widest = np.log1p(params.largest_steps["inflate"])
    fewest, most = params.edges
    step = rng.uniform(-widest, widest)
    if params.target is not None:
        step = np.clip(np.log(params.target / genotype.n_trained_edges), -widest, widest)
    wanted = round(genotype.n_trained_edges * np.exp(step))
    target = max(genotype.n_outputs, fewest, min(wanted, most))
    if genotype.n_edges == genotype.n_possible_edges:
        return genotype.requesting(prune_to=target) if target < genotype.n_edges else None
    missing = max(1, round((rng.uniform(*FACTORS) - 1) * genotype.n_edges), target - genotype.n_edges)
    child = propose(genotype, missing, rng, params)
    return None if child is None else child.requesting(prune_to=target, grow_to=child.grow_to)


def inflate(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Grow by the distance law; training prunes back (see :func:`inflated`).

    Layer pairs get new edges in proportion to those that they have. A full network is only pruned; the result is None
    if it would keep all edges.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    return inflated(genotype, rng, params, _by_law)


def _by_law(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype:
    return with_edges(genotype, absent_edges(genotype, params.law).draw_like_present(n_edges, rng))


def inflate_gradient(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Ask training to begin with more edges, those on which the loss depends most, and to prune back.

    Gradients need weights and data, so the child has its parent's edges and a request, ``grow_to``, which
    :func:`search_spaces.neuron.growth.grown` fulfils.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    return inflated(genotype, rng, params, _request)


def _request(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype:
    return genotype.requesting(
        prune_to=genotype.prune_to, grow_to=min(genotype.n_edges + n_edges, genotype.n_possible_edges)
    )


def inflate_skips(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Grow by the distance law between layers that are not neighbours; training prunes back (see :func:`inflated`).

    Layer pairs get equal numbers of new edges, as far as they have room: also those that have none yet. The result is
    None if there is no hidden layer, or no room; a full network is only pruned.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    return inflated(genotype, rng, params, _past_layers)


def _past_layers(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    weights = np.triu(np.ones((genotype.depth + 1, genotype.depth + 1)), 2)
    new = AbsentEdges(genotype, params.law).draw_by_pair_weights(weights, n_edges, rng)
    return with_edges(genotype, new) if len(new) else None


def inflate_neurons(
    genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Grow by new neurons on one layer, half of the time a new one; training prunes back (see :func:`inflated`).

    They are wired as by :func:`add_nodes`, and have on average as many edges as the present hidden neurons, at least 4.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    return inflated(genotype, rng, params, _by_neurons)


def _by_neurons(
    genotype: NeuronGenotype, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    first_output = genotype.n_neurons - genotype.n_outputs
    ends = (genotype.edges >= genotype.n_inputs) & (genotype.edges < first_output)
    degree = max(EDGES_PER_NODE, int(ends.sum()) / max(1, genotype.n_hidden))
    return add_neurons(genotype, max(1, round(n_edges / degree)), n_edges, rng, params)


#: Shares of its parent's edges that a child keeps. Small steps, each trained to its end, lose least.
KEPT = (0.4, 0.95)


def prune(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Ask training to prune to the edges that the search aims at, or to a log-uniform share of the parent's.

    This is a step of iterative magnitude pruning with the learning rate rewound (Renda 2020,
    https://arxiv.org/abs/2003.02389). The result is None if the aim is no smaller than the parent, or the bounds leave
    no room.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    fewest, most = (share * genotype.n_trained_edges for share in KEPT)
    wanted = log_uniform(fewest, most, rng) if params.target is None else max(params.target, fewest)
    target = max(round(wanted), params.edges[0], genotype.n_outputs)
    if target > most:
        return None
    return genotype.requesting(prune_to=min(target, params.edges[1]))
