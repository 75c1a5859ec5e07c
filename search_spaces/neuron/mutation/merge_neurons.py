"""Two neurons become one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.types import Floats, Ints
from search_spaces.neuron.distance import DistanceLaw, edge_lengths
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.mutation.steps import MutationParams, step_size


def merge_neurons(genotype: NeuronGenotype, rng: np.random.Generator, params: MutationParams) -> NeuronGenotype | None:
    """Let random hidden neurons absorb each the one of their layer with the most similar inputs: undoes a split.

    Similar is what shares sources (intersection over union), and of those that share equally many the nearest. The one
    that is left has the inputs and the outputs of both, untied; its ``origins`` names what it has absorbed, so that
    inheritance can average what comes in and add up what goes out. None if no layer has two neurons.
    """
    crowded = np.flatnonzero((np.bincount(genotype.layers) > 1)[genotype.layers])
    if not len(crowded):
        return None
    n = min(step_size(params.largest_steps["merge_neurons"] * genotype.n_hidden, rng), len(crowded))
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
    """For each of the chosen hidden neurons the most similar one of its layer; all are counted from the inputs on."""
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
    """The pairs of which neither is in an earlier pair."""
    seen: set[int] = set()
    left = []
    for pair in zip(first.tolist(), second.tolist(), strict=True):
        if seen.isdisjoint(pair):
            seen.update(pair)
            left.append(pair)
    survivors, absorbed = np.array(left, np.int64).T
    return survivors, absorbed
