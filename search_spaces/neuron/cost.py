"""Costs of a network, from its graph alone."""

from __future__ import annotations

from evonas.types import Metrics
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.trainer.base import Norm

#: FLOPs of an edge: a multiplication and an addition, the convention of the sparse-training literature.
FLOPS_PER_EDGE = 2
#: Operations of LayerNorm a neuron (sum, subtract the mean, square, sum, scale) and a layer (divide twice, add epsilon,
#: square root, reciprocal).
NORM_FLOPS_PER_NEURON, NORM_FLOPS_PER_LAYER = 5, 5


def cost(genotype: NeuronGenotype, norm: Norm) -> Metrics:
    """Count the costs per sample.

    For a genotype that training will prune, the edges that remain are counted, with the present share of tied ones.

    Returns:
        ``edges``; ``params`` (weights, biases, and a gain for each neuron with a norm of ``layer-affine``; shared
        values count once, unless training releases them); ``flops`` = 2 * edges, the convention of the sparse-training
        literature; ``flops_total``, which adds a bias for each neuron, and ReLU and norm (with its gain) for each
        hidden neuron that has them; ``neurons``, the hidden ones; ``depth``, the output's layer.
    """
    n_edges, n_hidden, counts = genotype.n_trained_edges, genotype.n_hidden, genotype.counts
    n_biases = n_hidden + genotype.n_outputs
    n_normed, n_norms = (0, 0) if norm == "none" else (counts.n_normed, counts.n_norms)
    n_gains = n_normed if norm == "layer-affine" else 0
    norm_flops = NORM_FLOPS_PER_NEURON * n_normed + NORM_FLOPS_PER_LAYER * n_norms
    n_rectified = n_hidden - counts.n_linear
    params = n_edges + n_biases + n_gains
    if genotype.release_at == 1:
        n_saved = genotype.n_edges - counts.n_weights
        gains = counts.n_gains if n_gains else 0
        params = n_edges - n_saved * n_edges // max(1, genotype.n_edges) + counts.n_biases + gains
    return {
        "edges": float(n_edges),
        "params": float(params),
        "flops": float(FLOPS_PER_EDGE * n_edges),
        "flops_total": float(FLOPS_PER_EDGE * n_edges + n_biases + n_rectified + norm_flops + n_gains),
        "neurons": float(n_hidden),
        "depth": float(genotype.depth),
    }
