"""Interface of the population trainer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe
from evonas.training.augmentation import check_images
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.trainer.base import Assignment, Gradients, Network, Statistics, TrainedNetwork
from search_spaces.neuron.trainer.checks import (
    check_assignment,
    check_batch,
    check_candidates,
    check_network,
    check_samples,
)
from search_spaces.neuron.trainer.cuda.passes import Passed, passed, population_of, predicted
from search_spaces.neuron.trainer.cuda.population import lanes_for
from search_spaces.neuron.trainer.cuda.problem import Problem, problem
from search_spaces.neuron.trainer.cuda.structure import piece_of
from search_spaces.neuron.trainer.cuda.training import PopulationTraining
from search_spaces.neuron.trainer.torch_backend import TorchTrainer

#: Samples that pass together where nothing is trained.
PASSED = 256
#: Networks whose edges differ by a larger factor are trained one group after another, the small ones first.
ALIKE = 4.0
#: One thread at a time: while one records a CUDA graph no other may launch.
_turn = threading.Lock()
#: What torch raises where the memory of a GPU is full; the name is newer than the oldest torch that is supported.
OutOfMemory: type[BaseException] = getattr(torch, "OutOfMemoryError", None) or torch.cuda.OutOfMemoryError


class CudaTrainer:
    """Trainer of many networks at once on a GPU; implements
    :class:`search_spaces.neuron.trainer.population.PopulationTrainer`.

    Args:
        device: Device of all tensors: a CUDA device, or the CPU in Triton's interpreter.
    """

    name = "cuda"
    releases_gil = True

    def __init__(self, device: str | torch.device) -> None:
        self._device = torch.device(device)

    @property
    def description(self) -> str:
        """The device."""
        if self._device.type != "cuda":
            return f"cuda, interpreted on the {self._device}"
        return f"cuda, {torch.cuda.get_device_name(self._device)}"

    @torch.no_grad()
    def train_many(
        self, assignments: Sequence[Assignment], splits: Splits, teacher: Floats | None = None
    ) -> Iterator[list[tuple[int, TrainedNetwork | Exception]]]:
        """Train networks together; see :meth:`search_spaces.neuron.trainer.population.PopulationTrainer.train_many`.

        Where memory is too small for a group, it is halved; a network that does not fit alone fails. Networks of
        integers are trained one after another, by torch on the same device.

        Args:
            assignments, splits, teacher: See there.
        """
        refused: list[tuple[int, TrainedNetwork | Exception]] = []
        fitting, rounded = list[int](), list[int]()
        for index, assignment in enumerate(assignments):
            try:
                check_assignment(assignment, splits, teacher)
                check_images(splits.train.x.shape[1:], assignment.recipe)
                (fitting if assignment.recipe.quantisation is None else rounded).append(index)
            except ValueError as error:
                refused.append((index, error))
        if refused:
            yield refused
        for index in rounded:
            yield [(index, self._train_rounded(assignments[index], splits, teacher))]
        if not fitting:
            return
        train = problem(splits.train, splits.task, teacher, self._device)
        watched = len(splits.validation) and any(a.recipe.patience is not None for a in assignments)
        validation = problem(splits.validation, None, None, self._device) if watched else None
        for group in _groups([(index, assignments[index]) for index in fitting]):
            waiting = [group]
            while waiting:
                part = waiting.pop()
                chosen = [assignments[index] for index in part]
                results = self._train_together(chosen, splits, train, validation)
                if results is None:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    yield list(zip(part, results, strict=True))

    def _train_rounded(
        self, assignment: Assignment, splits: Splits, teacher: Floats | None
    ) -> TrainedNetwork | Exception:
        """The result of a network of integers.

        Args:
            assignment: The network, and how it is trained.
            splits: The samples.
            teacher: As in :meth:`train`.
        """
        try:
            return TorchTrainer("auto", self._device).train(assignment, splits, teacher)
        except Exception as error:
            return error

    def _train_together(
        self, assignments: Sequence[Assignment], splits: Splits, train: Problem, validation: Problem | None
    ) -> list[TrainedNetwork | Exception] | None:
        """Results of a group, None if memory is too small for it.

        Args:
            assignments: The group.
            splits: The samples.
            train, validation: The same on the device.
        """
        try:
            with _turn:
                return PopulationTraining(assignments, splits, train, validation).run()
        except OutOfMemory:
            pass  # what the exception holds must be free before the next attempt
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if len(assignments) > 1:
            _announce_halving()
            return None
        n_edges = assignments[0].network.genotype.n_edges
        return [MemoryError(f"a network of {n_edges} edges does not fit the memory of the GPU with batches of "
                            f"{assignments[0].recipe.batch_size}: make batches smaller")]

    @torch.no_grad()
    def train(self, assignment: Assignment, splits: Splits, teacher: Floats | None = None) -> TrainedNetwork:
        """Train one network as :meth:`train_many` does."""
        [[(_, result)]] = self.train_many([assignment], splits, teacher)
        if isinstance(result, Exception):
            raise result
        return result

    @torch.no_grad()
    def predict_many(self, networks: Sequence[Network], samples: Samples) -> list[Floats]:
        """Return outputs before softmax of each network, ``(n, n_outputs)``; memory is minded as in training.

        Args:
            networks: The networks, all with the same norm.
            samples: The samples.

        Raises:
            ValueError: A network does not fit the samples or the others.
            MemoryError: The outputs of a network do not fit the GPU.
        """
        for network in networks:
            check_network(network)
            check_samples(samples, network)
        if len(norms := {network.norm for network in networks}) > 1:
            raise ValueError(f"networks must have one norm, got {', '.join(sorted(norms))}: ask for them one by one")
        inputs = problem(samples, None, None, self._device)
        results: dict[int, Floats] = {}
        waiting = [list(range(len(networks)))] if networks else []
        while waiting:
            part = waiting.pop()
            outputs = self._predict_together([networks[index] for index in part], inputs)
            if outputs is None:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                results |= dict(zip(part, outputs, strict=True))
        return [results[index] for index in range(len(networks))]

    def _predict_together(self, networks: Sequence[Network], inputs: Problem) -> list[Floats] | None:
        """Outputs of networks, None if memory is too small for all of them."""
        try:
            pieces = [piece_of(network.genotype, network.norm) for network in networks]
            flat = [_flat(network) for network in networks]
            lanes = lanes_for(min(inputs.n, PASSED))
            population = population_of(pieces, flat, networks[0].norm, lanes, self._device)
            with _turn:
                return [np.ascontiguousarray(own.T) for own in predicted(population, inputs).cpu().numpy()]
        except OutOfMemory:
            if len(networks) == 1:
                raise MemoryError("the outputs of a network do not fit the memory of the GPU") from None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        _announce_halving()
        return None

    def predict(self, network: Network, samples: Samples) -> Floats:
        """Return outputs before softmax, ``(n, n_outputs)``."""
        return self.predict_many([network], samples)[0]

    @torch.no_grad()
    def gradients(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Gradients:
        """Gradients of the mean loss over all of ``samples`` as one batch.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.gradients`.
        """
        genotype = network.genotype
        loss, total = 0.0, np.zeros(genotype.n_edges + 2 * (genotype.n_hidden + genotype.n_outputs))
        for piece in self._pieces(network, samples, task, recipe, teacher):
            loss, total = loss + piece.loss, total + piece.gradient.cpu().numpy()
        cuts = [genotype.n_edges, genotype.n_edges + genotype.n_hidden + genotype.n_outputs]
        return Gradients(loss / len(samples), *(part.astype(np.float32) for part in np.split(total, cuts)))

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
        source, target = torch.from_numpy(candidates.reshape(-1, 2).astype(np.int64)).to(self._device).t()
        scores = torch.zeros(len(candidates), device=self._device)
        for piece in self._pieces(network, samples, task, recipe, teacher):
            scores += (piece.h[source] * piece.delta[target - network.genotype.n_inputs]).sum(1)
        result: Floats = scores.cpu().numpy()
        return result

    @torch.no_grad()
    def statistics(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None = None
    ) -> Statistics:
        """Activation and gradient statistics of every neuron.

        Args:
            network, samples, task, recipe, teacher: See :meth:`search_spaces.neuron.trainer.base.Trainer.statistics`.
        """
        n, sums = len(samples), torch.zeros(3, network.genotype.n_neurons, device=self._device)
        for piece in self._pieces(network, samples, task, recipe, teacher):
            sums[0] += piece.h.sum(1) / n
            sums[1] += piece.h.square().sum(1) / n
            sums[2, network.genotype.n_inputs :] += piece.delta.square().sum(1) * n  # delta is a share of the mean loss
        return Statistics(*sums.cpu().numpy())

    def _pieces(
        self, network: Network, samples: Samples, task: Task, recipe: Recipe, teacher: Floats | None
    ) -> Iterator[Passed]:
        """Yield passes over the samples, at most :data:`PASSED` at a time."""
        check_batch(network, samples, task, teacher)
        n = len(samples)
        piece = piece_of(network.genotype, network.norm)
        lanes = lanes_for(min(n, PASSED))
        population = population_of([piece], [_flat(network)], network.norm, lanes, self._device)
        given = problem(samples, task, teacher, self._device)
        for begin in range(0, n, PASSED):
            with _turn:
                piece_of_batch = passed(population, given, np.arange(begin, min(n, begin + PASSED)), recipe, divisor=n)
            yield piece_of_batch


def _flat(network: Network) -> Floats:
    return np.concatenate([network.edge, network.bias, network.gain])


def _groups(assignments: Sequence[tuple[int, Assignment]]) -> Iterator[list[int]]:
    """Yield indices of assignments that are trained together: of one kind, and not of very different sizes."""
    kinds: dict[Any, list[tuple[int, int]]] = {}
    for index, assignment in assignments:
        recipe = assignment.recipe
        kind = (
            assignment.network.norm, recipe.batch_size, recipe.clip_norm is None, recipe.input_dropout > 0,
            recipe.hidden_dropout > 0, assignment.frozen is None,
        )
        kinds.setdefault(kind, []).append((assignment.network.genotype.n_edges, index))
    for members in kinds.values():
        group: list[int] = []
        least = 0
        for n_edges, index in sorted(members):
            if group and n_edges > ALIKE * least:
                yield group
                group = []
            if not group:
                least = n_edges
            group.append(index)
        yield group


@cache
def _announce_halving() -> None:
    logging.getLogger(__name__).warning(
        "The memory of the GPU is too small for all networks at once; they are trained in smaller groups."
    )
