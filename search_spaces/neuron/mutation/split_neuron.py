"""Net2Net's wider layer (Chen 2015, https://arxiv.org/abs/1511.05641), a neuron at a time."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.layering import insert_neurons, locate
from search_spaces.neuron.mutation.steps import MutationParams, step_size
from search_spaces.neuron.wiring import new_ids


def split_neuron(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Give random hidden neurons a twin each, with the same layer, place, predecessors and successors.

    The twin's ``origins`` names the neuron it was split from, so that inheritance can share the outgoing weights
    between the two; the edges of twins and the outgoing edges of both are untied. None if there are no hidden
    neurons.
    """
    if not genotype.n_hidden:
        return None
    n_new = step_size(params.largest_steps["split_neuron"] * genotype.n_hidden, rng)
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
