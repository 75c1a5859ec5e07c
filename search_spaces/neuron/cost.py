"""What a network costs, from its graph alone."""

from __future__ import annotations

import numpy as np

from evonas.types import Metrics
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.trainer.base import Norm

#: Operations of LayerNorm a neuron (sum, subtract the mean, square, sum, scale) and a layer (divide twice, add epsilon,
#: square root, reciprocal).
NORM_FLOPS_PER_NEURON, NORM_FLOPS_PER_LAYER = 5, 5


def n_shared(genotype: NeuronGenotype) -> int:
    """Weights that tying saves: the sum over groups of (size - 1)."""
    tied = genotype.ties[genotype.ties >= 0]
    return len(tied) - len(np.unique(tied))


def cost(genotype: NeuronGenotype, norm: Norm) -> Metrics:
    """Costs per sample; of a genotype that training will prune, with the edges that will be left, as often tied as now.

    Returns:
        ``edges``; ``params`` (edges, biases, and a gain for each hidden neuron with ``layer-affine``, tied edges
        once); ``flops`` = 2 * edges, the convention of the sparse-training literature; ``flops_total``, which adds a
        bias for each neuron, ReLU and norm (and its gain) for each hidden one; ``neurons``, the hidden ones;
        ``depth``, the output's layer.
    """
    n_edges = genotype.n_trained_edges
    n_hidden, n_biases = genotype.n_hidden, genotype.n_hidden + genotype.n_outputs
    gains = n_hidden if norm == "layer-affine" else 0
    norms = 0 if norm == "none" else NORM_FLOPS_PER_NEURON * n_hidden + NORM_FLOPS_PER_LAYER * (genotype.depth - 1)
    return {
        "edges": float(n_edges),
        "params": float(n_edges + n_biases + gains - n_shared(genotype) * n_edges // max(1, genotype.n_edges)),
        "flops": 2.0 * n_edges,
        "flops_total": float(2 * n_edges + n_biases + n_hidden + norms + gains),
        "neurons": float(n_hidden),
        "depth": float(genotype.depth),
    }
