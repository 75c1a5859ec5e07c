"""Mutations that add, split, merge and remove neurons and layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.types import Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.edge_editing import feed_outputs, new_ids, with_edges
from search_spaces.neuron.edge_sampling import AbsentEdges, layer_members
from search_spaces.neuron.genotype import Activation, NeuronGenotype, connected
from search_spaces.neuron.layering import insert_neurons, locate, pair_counts
from search_spaces.neuron.mutation.steps import (
    LARGEST_STEPS,
    MutationParams,
    choose_pairs,
    even_shares,
    log_uniform,
    preferences,
)
from search_spaces.neuron.placing import at_predecessors

#: Published: U(.12, .32) N neurons are added with U(.18, .28) E edges; the ratio of the ends is kept at every step
#: size.
EDGES_PER_NODE_SHARE = 0.28 / 0.32
#: Published: those edges, as a share, where the step has a lower bound.
EDGES_OF_NODES = (0.18, 0.28)
#: Published founders have at least 5 edges a neuron, so that a new neuron got at least 4: two inputs, two outputs.
EDGES_PER_NODE = 4


def add_nodes(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Add neurons at random places with edges by the distance law, about half of them inputs, half outputs.

    Neurons that draw no input or no output are left out. The result is None if that leaves no neuron.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    largest = params.largest_steps["add_nodes"]
    if "add_nodes" in params.smallest_steps:
        n_new = params.step("add_nodes", genotype.n_neurons, rng)
        share = rng.uniform(*EDGES_OF_NODES) * largest / LARGEST_STEPS["add_nodes"]
        return add_neurons(genotype, n_new, max(2, round(share * genotype.n_edges)), rng, params)
    share = log_uniform(min(largest, 1 / genotype.n_neurons), largest, rng)
    n_edges = max(2, round(share * EDGES_PER_NODE_SHARE * genotype.n_edges))
    n_new = max(1, min(round(share * genotype.n_neurons), n_edges // EDGES_PER_NODE))
    return add_neurons(genotype, n_new, n_edges, rng, params)


def add_neurons(
    genotype: NeuronGenotype, n_new: int, n_edges: int, rng: np.random.Generator, params: MutationParams
) -> NeuronGenotype | None:
    """Child with ``n_new`` more neurons at random places of one layer, and ``n_edges`` by the distance law.

    There are more inputs where outputs have no room, as before the last layer. Neurons that lie at their predecessors
    get inputs from a random place first. See :func:`add_nodes`.

    Args:
        genotype: The parent.
        n_new: Number of neurons.
        n_edges: Number of edges, half of them inputs.
        rng: Generator of the change.
        params: Parameters of the operators.
    """
    frame, new, layer = _with_new_neurons(genotype, n_new, rng, params)
    before = np.array([(i, layer) for i in range(layer)])
    after = np.array([(layer, j) for j in range(layer + 1, frame.depth + 1)])
    edges: list[Ints] = []
    n_after = min(n_edges - n_edges // 2, n_new * (frame.n_neurons - int(frame.layer_offsets[layer + 1])))
    for pairs, count in ((before, n_edges - n_after), (after, n_after)):
        if params.at_predecessors and edges:
            frame = at_predecessors(frame, params.law, new, np.concatenate(edges))
        absent = AbsentEdges(frame, params.law)
        chosen = choose_pairs(pairs, preferences(pairs, rng), rng)
        for (i, j), k in zip(chosen, even_shares(count, len(chosen)), strict=True):
            sources, targets = (layer_members(frame, i), new) if j == layer else (new, layer_members(frame, j))
            edges.append(absent.draw(sources, targets, int(k), rng))
    child = with_edges(frame, np.concatenate(edges))
    return child if child.n_hidden > genotype.n_hidden else None


def _with_new_neurons(
    genotype: NeuronGenotype, n_new: int, rng: np.random.Generator, params: MutationParams
) -> tuple[NeuronGenotype, Ints, int]:
    """Return the genotype with neurons that have no edges yet, their global indices, and their layer.

    Args:
        genotype: The parent.
        n_new: Number of neurons.
        rng: Draws layer and places.
        params: Gives the plane.
    """
    layers = genotype.layers
    if genotype.n_hidden and rng.random() < 0.5:
        layer = int(rng.integers(1, genotype.depth))
    else:
        layer = int(rng.integers(1, genotype.depth + 1))
        layers = layers + (layers >= layer).astype(np.int32)
    shifted = replace(genotype, layers=layers)
    ids, positions = new_ids(n_new, rng, genotype.ids), params.law.random_positions(n_new, rng)
    has_norm = not genotype.n_hidden or (genotype.activations == Activation.NORM).any()
    activation = Activation.NORM if has_norm else Activation.RELU
    frame, new = insert_neurons(
        shifted, ids=ids, layers=np.full(n_new, layer), positions=positions, activations=np.full(n_new, activation)
    )
    return frame, new, layer


# Net2Net's wider layer (Chen 2015, https://arxiv.org/abs/1511.05641), one neuron at a time.
def split_neuron(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Give each of some random hidden neurons a twin, with the same layer, place, predecessors and successors.

    The twin's ``origins`` names the neuron it was split from, so that inheritance can share the outgoing weights
    between the two; the edges of twins and the outgoing edges of both are untied. The result is None if there are no
    hidden neurons.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    if not genotype.n_hidden:
        return None
    n_new = min(params.step("split_neuron", genotype.n_hidden, rng), genotype.n_hidden)
    chosen = rng.choice(genotype.n_hidden, n_new, replace=False)
    frame, twins = insert_neurons(
        genotype, ids=new_ids(n_new, rng, genotype.ids), layers=genotype.layers[chosen],
        positions=genotype.positions[chosen], origins=genotype.ids[chosen],
        activations=genotype.activations[chosen],
    )
    twin_of = np.full(frame.n_neurons, -1)
    twin_of[frame.n_inputs + locate(frame.ids, genotype.ids[chosen])] = twins
    source, target = frame.edges.T
    source_twin, target_twin = twin_of[source], twin_of[target]
    of_source, of_target = source_twin >= 0, target_twin >= 0
    both = of_source & of_target
    edges = np.concatenate([
        frame.edges,
        np.stack([source_twin, target], axis=1)[of_source],
        np.stack([source, target_twin], axis=1)[of_target],
        np.stack([source_twin, target_twin], axis=1)[both],
    ])
    ties = np.full(len(edges), -1, np.int32)
    ties[: frame.n_edges] = np.where(of_source, -1, frame.ties)
    return connected(frame, edges, ties).genotype


def merge_neurons(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Let random hidden neurons each absorb the neuron of their layer with the most similar inputs: undo a split.

    Similarity is the share of common sources (intersection over union); of equally similar neurons the nearest is
    taken. The survivor has the inputs and the outputs of both, untied; its ``origins`` names the absorbed neuron, so
    that inheritance can average incoming weights and add outgoing ones. The result is None if no layer has two neurons.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    crowded = np.flatnonzero((np.bincount(genotype.layers) > 1)[genotype.layers])
    if not len(crowded):
        return None
    n = min(params.step("merge_neurons", genotype.n_hidden, rng), len(crowded))
    chosen = rng.choice(crowded, n, replace=False)
    survivors, absorbed = _disjoint(chosen, _most_similar(genotype, chosen, params.law))
    into = np.arange(genotype.n_neurons)
    into[genotype.n_inputs + absorbed] = genotype.n_inputs + survivors
    merged = np.zeros(genotype.n_neurons, bool)
    merged[genotype.n_inputs + np.concatenate([survivors, absorbed])] = True
    ties = np.where(merged[genotype.edges].any(axis=1), -1, genotype.ties).astype(np.int32)
    source, target = into[genotype.edges].T
    _, first = np.unique(target * genotype.n_neurons + source, return_index=True)
    origins = genotype.origins.copy()
    origins[survivors] = -genotype.ids[absorbed]
    frame = replace(genotype, origins=origins)
    return connected(frame, np.stack([source, target], axis=1)[first], ties[first]).genotype


def _most_similar(genotype: NeuronGenotype, chosen: Ints, law: DistanceLaw) -> Ints:
    """Return for each of the chosen hidden neurons the most similar one of its layer.

    Args:
        genotype: The parent.
        chosen: Indices of hidden neurons.
        law: Gives positions.

    Returns:
        Indices of hidden neurons, of the shape of ``chosen``.
    """
    from scipy.sparse import csr_array  # takes longer to load than the rest of the package

    n_inputs, n_hidden = genotype.n_inputs, genotype.n_hidden
    rows = genotype.row_pointers[: n_hidden + 1]
    sources, degree = genotype.edges[: rows[-1], 0], np.diff(rows)
    has = csr_array((np.ones(len(sources), np.float32), sources, rows), shape=(n_hidden, n_inputs + n_hidden))
    shared: Floats = (has[chosen] @ has.T).toarray()
    similarity = shared / (degree[chosen, None] + degree - shared)
    lengths = edge_lengths(law.positions(genotype), n_inputs + chosen[:, None], n_inputs + np.arange(n_hidden))
    other = (genotype.layers[chosen, None] == genotype.layers) & (chosen[:, None] != np.arange(n_hidden))
    similarity[~other] = -1
    lengths[similarity < similarity.max(axis=1, keepdims=True)] = np.inf
    nearest: Ints = lengths.argmin(axis=1)
    return nearest


def _disjoint(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Return the pairs whose members occur in no earlier pair."""
    seen: set[int] = set()
    left = []
    for pair in zip(first.tolist(), second.tolist(), strict=True):
        if seen.isdisjoint(pair):
            seen.update(pair)
            left.append(pair)
    survivors, absorbed = np.array(left, np.int64).T
    return survivors, absorbed


#: Published: about this many bridging edges are drawn for each removed edge.
BRIDGES_PER_EDGE = 0.8


def remove_layer(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Remove a random hidden layer with its edges; draw 80 % as many from the layers before it to those behind it.

    The bridging edges are distributed over layer pairs (i, j) in proportion to the edges from i into the layer times
    those from it to j. The result is None if there are fewer than two hidden layers: without any, a network is linear.

    Args:
        genotype: The parent.
        rng: Draws the child.
        params: Bounds, steps and the distance law.
    """
    if genotype.depth < 3:
        return None
    layer = int(rng.integers(1, genotype.depth))
    counts = pair_counts(genotype)
    through = np.outer(counts[:, layer], counts[layer])
    pairs = np.argwhere(through > 0)
    weights = through[tuple(pairs.T)].astype(float)
    n_removed = counts[:, layer].sum() + counts[layer].sum()
    bridges = rng.multinomial(round(BRIDGES_PER_EDGE * n_removed), weights / weights.sum())
    new = AbsentEdges(genotype, params.law).draw_over_pairs(pairs, bridges, rng)
    keep = (genotype.layer_of != layer)[genotype.edges.T.astype(np.int64)].all(axis=0)
    edges = np.concatenate([genotype.edges[keep], new])
    ties = np.concatenate([genotype.ties[keep], np.full(len(new), -1, np.int32)])
    return feed_outputs(connected(genotype, edges, ties).genotype, rng)
