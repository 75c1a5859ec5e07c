"""Growth at the start of training: edges with the largest gradients, among those that the distance law proposes.

The score of an absent edge is that of RigL (Evci 2020, https://arxiv.org/abs/1911.11134); there, all absent edges
compete. Here the law is the prior: many absent edges are long, and few samples give noisy scores.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evonas.data.samples import Samples
from evonas.training import Recipe
from evonas.types import Floats, Task
from search_spaces.neuron.distance import DistanceLaw
from search_spaces.neuron.edge_sampling import AbsentEdges
from search_spaces.neuron.genotype import connected
from search_spaces.neuron.trainer.base import Network, Trainer

#: Candidates for each new edge.
CANDIDATES = 8
#: Training samples on which candidates are scored: with 1 024, growing takes 4 to 13 % of the time of a trial of three
#: epochs on Fashion-MNIST, from 2 000 to 20 000 edges; with twice as many up to 19 %.
SCORE_SAMPLES = 1024


def grown(
    network: Network, n_edges: int, *, train: Samples, task: Task, recipe: Recipe, law: DistanceLaw,
    trainer: Trainer, rng: np.random.Generator, teacher: Floats | None = None,
) -> Network:
    """The network with ``n_edges`` edges, more than it has, and the same function: new weights are 0.

    The new edges are those of the largest \\|E[h_u * delta_v]\\| (of equal ones the first drawn) among
    :data:`CANDIDATES` times as many that the law draws.

    Args:
        network: The network as it is.
        n_edges: Edges that the result has.
        train: The training samples.
        task: Their task.
        recipe: The recipe of the training that follows.
        law: Proposes edges by their length.
        trainer: Scores the proposed edges.
        rng: Draws edges and samples.
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``.
    """
    genotype = network.genotype
    missing = n_edges - genotype.n_edges
    candidates = AbsentEdges(genotype, law).draw_like_present(CANDIDATES * missing, rng)
    chosen = np.sort(rng.choice(len(train), min(SCORE_SAMPLES, len(train)), replace=False))
    said = None if teacher is None else teacher[chosen]
    scores = trainer.edge_scores(network, train.take(chosen), task, recipe, candidates, said)
    best = np.argsort(-np.abs(scores), kind="stable")[:missing]
    ties = np.concatenate([genotype.ties, np.full(missing, -1, np.int32)])
    result = connected(genotype, np.concatenate([genotype.edges, candidates[best]]), ties)
    edge = np.concatenate([network.edge, np.zeros(missing, np.float32)])[result.edges]
    return replace(network, genotype=replace(result.genotype, release_at=genotype.release_at), edge=edge)
