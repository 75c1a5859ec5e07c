"""Conversion to and from networkx."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from evonas.space import InvalidGenotype
from evonas.types import Floats, Ints
from search_spaces.neuron.distance import input_positions
from search_spaces.neuron.edge_editing import new_ids
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, Activation, NeuronGenotype, connected
from search_spaces.neuron.layering import arrange, longest_path_layers

KINDS = ("input", "hidden", "output")


def to_networkx(
    genotype: NeuronGenotype, *, weights: Floats | None = None, inputs: Floats | None = None
) -> nx.DiGraph[int]:
    """Return the genotype as a graph whose nodes are neuron ids, in global order.

    Nodes have ``kind`` ("input", "hidden" or "output"), ``layer`` and, if there is one, ``position`` (row, column);
    hidden ones have ``channel`` (-1 has its own bias) and ``activation`` (a name of ``Activation``, in lower case);
    edges have ``tie`` (-1 is untied) and, if given, ``weight``.

    Args:
        genotype: A valid genotype.
        weights: One for each edge, in the genotype's order, shape ``(n_edges,)``.
        inputs: Positions of the inputs, shape ``(n_inputs, 2)``.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    ids, layers = genotype.id_of.tolist(), genotype.layer_of.tolist()
    kinds = np.repeat(KINDS, [genotype.n_inputs, genotype.n_hidden, genotype.n_outputs]).tolist()
    for node, kind, layer in zip(ids, kinds, layers, strict=True):
        graph.add_node(node, kind=kind, layer=layer)
    placed = [] if inputs is None else list(zip(ids, inputs.tolist(), strict=False))
    placed += zip(genotype.ids.tolist(), genotype.positions.tolist(), strict=True)
    for node, position in placed:
        graph.nodes[node]["position"] = tuple(position)
    for node, channel, activation in zip(
        genotype.ids.tolist(), genotype.channels.tolist(), genotype.activations.tolist(), strict=True
    ):
        graph.nodes[node].update(channel=channel, activation=Activation(activation).name.lower())
    for number, (source, target) in enumerate(genotype.edges.tolist()):
        graph.add_edge(ids[source], ids[target], tie=int(genotype.ties[number]))
        if weights is not None:
            graph.edges[ids[source], ids[target]]["weight"] = float(weights[number])
    return graph


def from_networkx(graph: nx.DiGraph[Any], input_shape: tuple[int, ...], rng: np.random.Generator) -> NeuronGenotype:
    """Return the genotype of a graph whose nodes have a ``kind``.

    Inputs and outputs are taken in the order of the nodes. A hidden node that is an integer of at least
    ``FIRST_HIDDEN_ID`` keeps it as its id, others get new ones. Unless all hidden nodes have a ``layer``, all get the
    length of the longest path that leads to them; one without a ``position`` gets the mean of its predecessors'. Edges
    may have a ``tie``, hidden nodes a ``channel`` and an ``activation``.

    Args:
        graph: The graph.
        input_shape: Shape of one sample; there must be as many input nodes as it has values.
        rng: Draws ids.

    Raises:
        InvalidGenotype: A kind is missing, an activation is unknown, the graph has a cycle, an edge does not lead to a
            later layer, a hidden node has no inputs or no outputs, or the number of inputs is not that of
            ``input_shape``.
    """
    kinds = dict(graph.nodes(data="kind"))
    unknown = [node for node, kind in kinds.items() if kind not in KINDS]
    if unknown:
        raise InvalidGenotype(f"node {unknown[0]!r} must have a kind of {', '.join(KINDS)}, got {kinds[unknown[0]]!r}")
    nodes = {name: [node for node, kind in kinds.items() if kind == name] for name in KINDS}
    places = input_positions(input_shape)
    n_inputs, n_outputs, hidden = len(nodes["input"]), len(nodes["output"]), nodes["hidden"]
    if n_inputs != len(places) or not n_outputs:
        raise InvalidGenotype(
            f"a graph for inputs of shape {input_shape} must have {len(places)} input nodes and at least one output "
            f"node, got {n_inputs} and {n_outputs}"
        )
    index = {node: number for number, node in enumerate([*nodes["input"], *hidden, *nodes["output"]])}
    edges = np.array([(index[u], index[v]) for u, v in graph.edges], np.int64).reshape(-1, 2)
    ties = np.array([tie for _, _, tie in graph.edges(data="tie", default=-1)], np.int32)
    paths = longest_path_layers(len(index), edges)[n_inputs : n_inputs + len(hidden)]
    given = [graph.nodes[node].get("layer") for node in hidden]
    frame = arrange(
        n_inputs, n_outputs, ids=_ids(hidden, rng), layers=paths if None in given else np.array(given, np.int32),
        positions=_positions(graph, hidden, edges, places, paths), edges=edges, ties=ties,
        channels=np.array([graph.nodes[node].get("channel", -1) for node in hidden], np.int32),
        activations=np.array([_activation(graph, node) for node in hidden], np.int8),
    )
    genotype = connected(frame, frame.edges, frame.ties).genotype
    if genotype.n_hidden < len(hidden):
        raise InvalidGenotype(
            f"{len(hidden) - genotype.n_hidden} hidden nodes are on no path from an input to an output; remove them"
        )
    genotype.validate()
    return genotype


def _activation(graph: nx.DiGraph[Any], node: Any) -> Activation:
    name = graph.nodes[node].get("activation", "norm")
    known = {activation.name.lower(): activation for activation in Activation}
    if name not in known:
        raise InvalidGenotype(f"hidden node {node!r} must have an activation of {', '.join(known)}, got {name!r}")
    return known[name]


def _ids(hidden: list[Any], rng: np.random.Generator) -> Ints:
    """Return ids of the hidden nodes: their own if these can be ids."""
    ids = new_ids(len(hidden), rng)
    for number, node in enumerate(hidden):
        if isinstance(node, int) and FIRST_HIDDEN_ID <= node <= np.iinfo(np.int64).max:
            ids[number] = node
    return ids


def _positions(
    graph: nx.DiGraph[Any], hidden: list[Any], edges: Ints, inputs: Floats, paths: NDArray[np.int32]
) -> Floats:
    """Return positions of the hidden nodes, ``(n_hidden, 2)``: given ones, else the mean of their predecessors'.

    Args:
        graph: The graph.
        hidden: Its hidden nodes.
        edges: (source, target) indices, ``(n_edges, 2)``.
        inputs: Positions of the inputs, ``(n_inputs, 2)``.
        paths: Longest path to each neuron, ``(n_neurons,)``.
    """
    n_inputs = len(inputs)
    positions = np.concatenate([inputs, np.zeros((len(hidden), 2), np.float32)])
    for number in np.argsort(paths, kind="stable"):
        given = graph.nodes[hidden[number]].get("position")
        sources = edges[edges[:, 1] == n_inputs + number, 0]
        positions[n_inputs + number] = positions[sources].mean(axis=0) if given is None else given
    return positions[n_inputs:]
