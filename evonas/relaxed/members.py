"""From a trained supernet to the members of a family: which genotypes, and with what weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from evonas import pareto
from evonas.relaxed.learners import data_loss
from evonas.relaxed.loop import SupernetTraining
from evonas.relaxed.methods import SharingSettings
from evonas.relaxed.sharing import one_hot
from evonas.space import G
from evonas.training import Found, Stop
from evonas.training.calibration import recalibrate
from evonas.types import Ints

#: Samples of a forward pass without gradients, and passes that give the statistics of BatchNorm.
BATCH, N_BATCHES = 250, 4
#: Draws of different candidates for each of them, before the space counts as exhausted.
DRAWS = 20


def best_paths(training: SupernetTraining[G], n_members: int, rng: np.random.Generator, stop: Stop) -> list[G]:
    """Of many random genotypes the best by loss on held-out samples, with the shared weights, and FLOPs.

    By rank, then crowding distance.

    Raises:
        ValueError: The space has too few genotypes.
    """
    settings, space = training.settings, training.space
    assert isinstance(settings, SharingSettings)
    candidates = _different_genotypes(training, max(settings.candidates, n_members), n_members, rng)
    scores = []
    for genotype in candidates:
        stop.check()
        loss = _held_out_loss(training, _network(training, genotype), settings.scoring_samples)
        scores.append((loss, space.cost(genotype)["flops"]))
    best = pareto.rank_and_crowd(np.array(scores)).order()[:n_members]
    return [candidates[index] for index in best]


def read_off(training: SupernetTraining[G], genotypes: Sequence[G]) -> list[Found[G]]:
    """Genotypes with the supernet's weights and statistics of BatchNorm of their own."""
    members = []
    for genotype in genotypes:
        state = _network(training, genotype).state_dict()
        members.append(Found(genotype, {name: value.numpy().copy(order="C") for name, value in state.items()}))
    return members


def _different_genotypes(training: SupernetTraining[G], wanted: int, needed: int, rng: np.random.Generator) -> list[G]:
    """Random paths, each with its own frequencies of operations: so all costs are there, not only middle ones."""
    n_operations = len(training.choices.operations)
    found: dict[str, G] = {}
    for _ in range(DRAWS * wanted):
        path: Ints = rng.choice(n_operations, size=training.choices.n_choices, p=rng.dirichlet(np.ones(n_operations)))
        genotype = training.space.discretize(one_hot(path, n_operations), training.settings.rule)
        found.setdefault(genotype.digest, genotype)
        if len(found) == wanted:
            break
    if len(found) < needed:
        raise ValueError(f"only {len(found)} different networks were found: ask for fewer members than {needed}")
    return list(found.values())


def _network(training: SupernetTraining[G], genotype: G) -> nn.Module:
    """The phenotype with the supernet's weights."""
    network = training.space.compile(genotype, training.space.extract(training.learner.supernet, genotype))
    inputs = [training.batch(training.seen[i * BATCH : (i + 1) * BATCH]).x for i in range(N_BATCHES)]
    recalibrate(network, [(x,) for x in inputs if len(x) > 1])
    return network


@torch.no_grad()
def _held_out_loss(training: SupernetTraining[G], network: nn.Module, n_samples: int) -> float:
    network.eval()
    chosen = training.held_out[:n_samples]
    total = 0.0
    for begin in range(0, len(chosen), BATCH):
        batch = training.batch(chosen[begin : begin + BATCH])
        total += float(data_loss(network(batch.x), batch.y, training.task)) * len(batch.x)
    return total / len(chosen)
