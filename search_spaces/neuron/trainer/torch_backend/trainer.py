"""Interface of the torch trainer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.genotype import NeuronGenotype
from search_spaces.neuron.trainer.base import Assignment, Gradients, Network, Norm, Statistics, TrainedNetwork
from search_spaces.neuron.trainer.checks import (
    check_assignment,
    check_batch,
    check_candidates,
    check_network,
    check_samples,
)
from search_spaces.neuron.trainer.rounding import rounding_for
from search_spaces.neuron.trainer.torch_backend.batches import Piece, pieces, predict, problem
from search_spaces.neuron.trainer.torch_backend.learner import Learner, flat_parameters
from search_spaces.neuron.trainer.torch_backend.products import Bags, ProductName
from search_spaces.neuron.trainer.torch_backend.propagation import Propagation, compile_network
from search_spaces.neuron.trainer.torch_backend.training import Training


class TorchTrainer:
    """Readable counterpart of the native trainer; implements :class:`search_spaces.neuron.trainer.base.Trainer`.

    On the CPU it uses one thread, so that results do not depend on the number of simultaneous trials.

    Args:
        product: ``"auto"`` takes for each network the product that was measured to be faster at its density.
        device: Any torch device.
    """

    releases_gil = False

    @property
    def description(self) -> str:
        """Product and device."""
        return f"{self.name}, {self._device}"

    def __init__(self, product: ProductName | Literal["auto"] = "auto", device: str | torch.device = "cpu") -> None:
        self.name = {"auto": "torch", "embedding_bag": "torch-embedding-bag", "dense": "dense"}[product]
        self._product: ProductName | Literal["auto"] = product
        self._device = torch.device(device)

    @torch.no_grad()
    def train(self, assignment: Assignment, splits: Splits, teacher: Floats | None = None) -> TrainedNetwork:
        """Train a network in torch; see :meth:`search_spaces.neuron.trainer.base.Trainer.train`."""
        check_assignment(assignment, splits, teacher)
        torch.set_num_threads(1)
        rounding = rounding_for(assignment.network, splits, assignment.recipe.quantisation)
        learner = Learner(
            assignment.network, assignment.frozen, assignment.recipe, self._compile, self._device, rounding
        )
        return Training(learner, assignment, splits, teacher).run()

    @torch.no_grad()
    def predict(self, network: Network, samples: Samples) -> Floats:
        """See :meth:`search_spaces.neuron.trainer.base.Trainer.predict`."""
        check_network(network)
        check_samples(samples, network)
        torch.set_num_threads(1)
        propagation = self._compile(network.genotype, network.norm)
        return predict(propagation, flat_parameters(network, self._device), samples.flat)

    @torch.no_grad()
    def gradients(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.gradients`.
        """
        propagation, passes = self._passes(network, samples, task, recipe, teacher)
        loss, total = 0.0, torch.zeros((), device=self._device)
        for piece in passes:
            loss, total = loss + piece.loss, total + piece.gradient
        return Gradients(loss, *(part.cpu().numpy() for part in propagation.split(total)))

    @torch.no_grad()
    def edge_scores(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, candidates: Ints,
        teacher: Floats | None = None,
    ) -> Floats:
        """E[h_u * delta_v] of absent edges, ``(n_candidates,)``.

        Args:
            network, samples, task, recipe, candidates, teacher: See
                :meth:`search_spaces.neuron.trainer.base.Trainer.edge_scores`.
        """
        check_candidates(candidates, network)
        _, passes = self._passes(network, samples, task, recipe, teacher)
        order = np.argsort(candidates[:, 1], kind="stable")
        source, row = candidates[order, 0], candidates[order, 1] - network.genotype.n_inputs
        bags = Bags(row, source, network.genotype.n_hidden + network.genotype.n_outputs).to(self._device)
        scores = np.zeros(len(candidates), np.float32)
        for piece in passes:
            scores[order] += bags.entry_gradient(piece.delta, piece.activations.h).cpu().numpy()
        return scores

    @torch.no_grad()
    def statistics(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Statistics:
        """Activation and gradient statistics of every neuron.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.statistics`.
        """
        _, passes = self._passes(network, samples, task, recipe, teacher)
        n, sums = len(samples), torch.zeros(3, network.genotype.n_neurons, device=self._device)
        for piece in passes:
            h = piece.activations.h
            sums[0] += h.sum(1) / n
            sums[1] += h.square().sum(1) / n
            sums[2, network.genotype.n_inputs :] += piece.delta.square().sum(1) * n  # delta is a share of the mean loss
        return Statistics(*sums.cpu().numpy())

    def _compile(self, genotype: NeuronGenotype, norm: Norm) -> Propagation:
        return compile_network(genotype, norm, self._device, self._product)

    def _passes(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None
    ) -> tuple[Propagation, Iterator[Piece]]:
        check_batch(network, samples, task, teacher)
        torch.set_num_threads(1)
        propagation = self._compile(network.genotype, network.norm)
        parameters = flat_parameters(network, self._device)
        return propagation, pieces(propagation, parameters, problem(samples, task, recipe, teacher))
