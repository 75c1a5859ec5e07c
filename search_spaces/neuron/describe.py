"""Tables that describe a neuron genotype to a reader."""

from __future__ import annotations

import numpy as np

from search_spaces.neuron.genotype import Activation, NeuronGenotype
from search_spaces.neuron.layering import pair_capacities, pair_counts, pair_of_edge


def describe(genotype: NeuronGenotype) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return two tables, the layers and the edges between them, as (title, column names, rows).

    Layers have their channels if neurons share biases, and their activations if these differ from the norm's; edges
    have their weights if some share one.
    """
    sizes = np.diff(genotype.layer_offsets)
    counts, capacities = pair_counts(genotype), pair_capacities(genotype)
    names = ["inputs", *map(str, range(1, genotype.depth)), "outputs"]
    degrees = counts.sum(axis=0)[1:] / sizes[1:]
    columns = {
        "layer": names, "neurons": [str(size) for size in sizes], **_channels(genotype), **_activations(genotype),
        "mean in-degree": ["-", *(f"{degree:.1f}" for degree in degrees)],
    }
    pairs = np.argwhere(counts)
    edges = {
        "from": [names[i] for i, _ in pairs], "to": [names[j] for _, j in pairs],
        "edges": [str(counts[i, j]) for i, j in pairs], **_weights(genotype),
        "density": [f"{100 * counts[i, j] / capacities[i, j]:.2f} %" for i, j in pairs],
    }
    return [(title, list(of), list(map(list, zip(*of.values(), strict=True)))) for title, of in
            (("layers", columns), ("edges", edges))]


def _channels(genotype: NeuronGenotype) -> dict[str, list[str]]:
    """Count the biases that a layer's neurons share; empty if no neurons share one."""
    if (genotype.channels < 0).all():
        return {}
    of_layer = [genotype.channels[genotype.layers == layer] for layer in range(1, genotype.depth)]
    shared = [len(np.unique(channels[channels >= 0])) for channels in of_layer]
    return {"channels": ["-", *(str(n) if n else "-" for n in shared), "-"]}


def _activations(genotype: NeuronGenotype) -> dict[str, list[str]]:
    if (genotype.activations == Activation.NORM).all():
        return {}
    texts = []
    for layer in range(1, genotype.depth):
        counts = np.bincount(genotype.activations[genotype.layers == layer], minlength=len(Activation))
        present = [kind for kind in Activation if counts[kind]]
        numbers = [f" {counts[kind]}" if len(present) > 1 else "" for kind in present]
        texts.append(", ".join(kind.name.lower() + n for kind, n in zip(present, numbers, strict=True)))
    return {"activation": ["-", *texts, "-"]}


def _weights(genotype: NeuronGenotype) -> dict[str, list[str]]:
    """Count the distinct weights of each pair of layers that has edges; empty if no edges share one."""
    if genotype.n_weights == genotype.n_edges:
        return {}
    own = np.where(genotype.ties < 0, -1 - np.arange(genotype.n_edges), genotype.ties)
    distinct = np.unique(np.stack([pair_of_edge(genotype), own]), axis=1)[0]
    return {"weights": [str(n) for n in np.unique(distinct, return_counts=True)[1]]}
