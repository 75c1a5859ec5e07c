"""Random networks to start from: layers of neurons at random places, wired by the distance law."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evonas.types import Ints
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.edge_editing import feed_outputs, new_ids, with_edges
from search_spaces.neuron.edge_sampling import AbsentEdges, layer_members
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import arrange, longest_path_layers, pair_capacities, pair_counts
from search_spaces.neuron.placing import at_predecessors

#: Published: the output layer's share of the edges is that of this many times its neurons.
OUTPUT_SHARE = 60
#: Published: most edges of a skip pair.
MOST_SKIP_EDGES = 4000
#: Rounds of :func:`top_up`; each fills at least one pair, so that a founder misses its number of edges only if layers
#: are full.
TOP_UP_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and edges of a founder.

    Attributes:
        sizes: Neurons of each hidden layer.
        n_edges: Edges of the whole network.
        shares: Relative number of edges into each layer, the output's last, from the layer before it.
    """

    sizes: tuple[int, ...]
    n_edges: int
    shares: tuple[float, ...]


def log_uniform_plan(n_inputs: int, n_outputs: int, edges: tuple[int, int], rng: np.random.Generator) -> Plan:
    """Draw a number of edges log-uniform in ``edges``, and 1 to 4 hidden layers of sizes like 1, 1/2, 1/3, 1/4.

    Neurons and their mean in-degree both grow with the square root of the edges: the in-degree is U(5, 20) if there are
    as many edges as inputs, and at most half of the inputs. It is the same in all hidden layers; in small networks the
    published shares would leave those behind the first nearly without edges.

    Args:
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
        edges: Fewest and most edges.
        rng: Draws the plan.
    """
    n_edges = max(n_outputs, round(np.exp(rng.uniform(*np.log(edges)))))
    degree = min(rng.uniform(5, 20) * np.sqrt(n_edges / n_inputs), max(1.0, n_inputs / 2))
    n_hidden = max(n_outputs, round(n_edges / degree))
    n_layers = min(int(rng.integers(1, 5)), n_hidden)
    shares = 1 / np.arange(1, n_layers + 1)
    sizes = np.maximum(1, np.round(n_hidden * shares / shares.sum())).astype(int)
    return Plan(tuple(sizes.tolist()), n_edges, (*sizes.tolist(), max(n_outputs, sizes[-1])))


def published_plan(n_inputs: int, n_outputs: int, rng: np.random.Generator) -> Plan:
    """Draw 1 to 4 hidden layers of U(in / 2.5 l, 2 in / l) neurons, and U(5 N, 20 N) edges for N neurons.

    Adjacent pairs share the edges in proportion to the product of their sizes, 60-fold into the output.

    Args:
        n_inputs: Number of inputs.
        n_outputs: Number of outputs.
        rng: Draws the plan.
    """
    n_layers = int(rng.integers(1, 5))
    layers = np.arange(1, n_layers + 1)
    sizes = np.maximum(1, np.round(rng.uniform(n_inputs / (2.5 * layers), 2 * n_inputs / layers))).astype(int).tolist()
    n_edges = round(rng.uniform(5, 20) * (n_inputs + sum(sizes) + n_outputs))
    shares = np.multiply([n_inputs, *sizes], [*sizes, OUTPUT_SHARE * n_outputs])
    return Plan(tuple(sizes), n_edges, tuple(shares.tolist()))


def grow(
    plan: Plan, n_outputs: int, law: DistanceLaw, rng: np.random.Generator, *, placed: bool = False
) -> NeuronGenotype:
    """A connected network after a plan: every output has an input, every neuron is on its longest-path layer.

    Neurons that draw no inputs or no outputs are left out; then edges are added between the others until their number
    is that of the plan, or there is no room.

    Args:
        plan: Plan of layers and edges.
        n_outputs: Neurons of the last layer.
        law: Which edges are likely.
        rng: Draws places and edges.
        placed: Neurons end at the mean of their predecessors, and draw their outputs from there; else they stay at
            random places.
    """
    n_hidden = sum(plan.sizes)
    frame = arrange(
        int(np.prod(law.input_shape)), n_outputs,
        ids=new_ids(n_hidden, rng),
        layers=np.repeat(np.arange(1, len(plan.sizes) + 1), plan.sizes),
        positions=law.random_positions(n_hidden, rng),
        edges=np.empty((0, 2), np.int64),
    )
    pairs, counts = _first_counts(frame, plan, rng)
    if placed:
        frame, edges = _layer_by_layer(frame, pairs, counts, law, rng)
    else:
        edges = AbsentEdges(frame, law).draw_over_pairs(pairs, counts, rng)
    alive = connected(frame, edges).genotype
    layers = longest_path_layers(alive.n_neurons, alive.edges)[alive.n_inputs : alive.n_inputs + alive.n_hidden]
    layered = arrange(
        alive.n_inputs, n_outputs, ids=alive.ids, layers=layers, positions=alive.positions,
        edges=alive.edges.astype(np.int64),
    )
    grown = top_up(feed_outputs(layered, rng), plan.n_edges, law, rng)
    return at_predecessors(grown, law, grown.n_inputs + np.arange(grown.n_hidden)) if placed else grown


def _layer_by_layer(
    frame: NeuronGenotype, pairs: Ints, counts: Ints, law: DistanceLaw, rng: np.random.Generator
) -> tuple[NeuronGenotype, Ints]:
    """Frame with neurons at the mean of their predecessors, and the edges, ``(n_edges, 2)``.

    Args:
        frame: The neurons, without edges.
        pairs: Pairs of layers, ``(n_pairs, 2)``.
        counts: Number of edges of each pair, ``(n_pairs,)``.
        law: Distance law.
        rng: Generator of the edges.
    """
    drawn = [np.empty((0, 2), np.int64)]
    for layer in range(1, frame.depth + 1):
        into = pairs[:, 1] == layer
        drawn.append(AbsentEdges(frame, law).draw_over_pairs(pairs[into], counts[into], rng))
        if layer < frame.depth:
            frame = at_predecessors(frame, law, layer_members(frame, layer), drawn[-1])
    return frame, np.concatenate(drawn)


def _first_counts(frame: NeuronGenotype, plan: Plan, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw layer pairs ``(n, 2)`` that get edges at first, and their numbers of edges, within their room.

    A random number of skip pairs get U(E / 10 n, E / 5 n) edges each, n being the number of adjacent pairs; these get
    the rest by the plan's shares times U(.85, 1.15).

    Args:
        frame: The neurons.
        plan: Sizes and edges.
        rng: Draws the counts.
    """
    capacities = pair_capacities(frame)
    n_adjacent, n_edges = frame.depth, plan.n_edges
    adjacent = np.array([(i, i + 1) for i in range(n_adjacent)])
    skips = np.argwhere(np.triu(capacities, 2) > 0)
    skips = rng.permutation(skips)[: rng.integers(0, len(skips) + 1)]
    skip_counts = rng.uniform(n_edges / (10 * n_adjacent), n_edges / (5 * n_adjacent), len(skips))
    skip_counts = np.minimum(skip_counts.astype(np.int64), MOST_SKIP_EDGES)
    shares = np.array(plan.shares) * rng.uniform(0.85, 1.15, n_adjacent)
    counts = np.round((n_edges - skip_counts.sum()) * shares / shares.sum()).astype(np.int64)
    pairs = np.concatenate([adjacent, skips])
    return pairs, np.minimum(np.concatenate([counts, skip_counts]), capacities[tuple(pairs.T)])


def top_up(genotype: NeuronGenotype, n_edges: int, law: DistanceLaw, rng: np.random.Generator) -> NeuronGenotype:
    """Add edges to layer pairs in proportion to their edges, until there are ``n_edges`` or no room.

    Args:
        genotype: Gets the edges.
        n_edges: Number of edges of the result.
        law: Distance law.
        rng: Draws the edges.
    """
    for _ in range(TOP_UP_ROUNDS):
        missing = n_edges - genotype.n_edges
        if missing <= 0:
            break
        counts = pair_counts(genotype)
        room = pair_capacities(genotype) - counts
        pairs = np.argwhere(room > 0)
        if not len(pairs):
            break
        weights = (counts + 1.0)[tuple(pairs.T)]
        new = np.minimum(rng.multinomial(missing, weights / weights.sum()), room[tuple(pairs.T)])
        genotype = with_edges(genotype, AbsentEdges(genotype, law).draw_over_pairs(pairs, new, rng))
    return genotype
