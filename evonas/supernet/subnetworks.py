"""Members of a family from a trained supernet: their genotypes and weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from evonas.objectives import pareto
from evonas.space import G, Phenotype
from evonas.supernet.optimizers import data_loss
from evonas.supernet.path_sampling import random_genotypes
from evonas.supernet.settings import SharingSettings
from evonas.supernet.training import SupernetTraining
from evonas.training import Stop
from evonas.training.calibration import BATCH, MOST, batches_of, recalibrate
from evonas.types import Doubles


def best_paths(training: SupernetTraining[G], n_members: int, rng: np.random.Generator, stop: Stop) -> list[G]:
    """The best of many random genotypes by loss on held-out samples, with the shared weights, and FLOPs.

    By rank, then crowding distance.

    Args:
        training: Training of the supernet, which has ended.
        n_members: Number of genotypes.
        rng: Generator of the candidates.
        stop: Request to stop, polled before each candidate.

    Raises:
        ValueError: The space has too few genotypes.
    """
    settings, space = training.settings, training.space
    assert isinstance(settings, SharingSettings)
    wanted = max(settings.candidates, n_members)
    candidates = random_genotypes(
        space, settings.rule, rng, wanted=wanted, needed=n_members, uniform=settings.sampling == "uniform"
    )
    scores = []
    for genotype in candidates:
        stop.check()
        loss = _held_out_loss(training, _network(training, genotype), settings.scoring_samples)
        scores.append((loss, space.cost(genotype)["flops"]))
    best = pareto.rank_and_crowd(np.array(scores)).order()[:n_members]
    return [candidates[index] for index in best]


def read_off(
    training: SupernetTraining[G], genotypes: Sequence[G], complexities: Sequence[Doubles] = ()
) -> list[Phenotype[G]]:
    """Genotypes with the supernet's weights and statistics of BatchNorm of their own.

    Args:
        training: The training at its end.
        genotypes: Members.
        complexities: The complexity of each, where a hypernetwork gave them: they decide the last layer where it has
            several weights.
    """
    members = []
    for index, genotype in enumerate(genotypes):
        if complexities:
            mix = training.hypernet.coefficients(complexities[index])
            training.learner.settle(torch.from_numpy(mix).float())
        state = _network(training, genotype).state_dict()
        weights = {name: value.cpu().numpy().copy(order="C") for name, value in state.items()}
        members.append(Phenotype(genotype, weights))
    return members


def _network(training: SupernetTraining[G], genotype: G) -> nn.Module:
    """Return the phenotype with the supernet's weights."""
    network = training.space.compile(genotype, training.space.extract(training.learner.supernet, genotype))
    network.to(training.device)
    recalibrate(network, batches_of(training.batch(training.seen[:MOST]).x))
    return network


@torch.no_grad()
def _held_out_loss(training: SupernetTraining[G], network: nn.Module, n_samples: int) -> float:
    network.eval()
    chosen = training.held_out[:n_samples]
    total = 0.0
    for begin in range(0, len(chosen), BATCH):
        batch = training.batch(chosen[begin : begin + BATCH])
        total += float(data_loss(network(batch.x), batch, training.task)) * len(batch.x)
    return total / len(chosen)
