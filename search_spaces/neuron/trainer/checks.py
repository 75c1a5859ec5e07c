"""Checks of arguments before anything is computed: arrays that do not fit, values that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.data.samples import Samples, Splits
from evonas.types import Floats, Ints, Task
from search_spaces.neuron.trainer.base import Assignment, Network


def check_network(network: Network) -> None:
    """Raise ``ValueError`` where parameters do not fit the genotype or are not finite."""
    n_rows = network.genotype.n_hidden + network.genotype.n_outputs
    for name, array, n in (
        ("edge", network.edge, network.genotype.n_edges), ("bias", network.bias, n_rows), ("gain", network.gain, n_rows)
    ):
        check_shape(name, array, (n,), np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")


def check_samples(
    samples: Samples, network: Network, task: Task | None = None, teacher: Floats | None = None
) -> None:
    """Raise ``ValueError`` where inputs do not fit the network or, with a ``task``, targets do not fit the task.

    Args:
        samples: The inputs and targets.
        network: The network that they are for.
        task: The task of the targets; None where only inputs matter.
        teacher: Outputs of a teacher for the samples, ``(n, n_outputs)``.
    """
    genotype = network.genotype
    if not len(samples):
        raise ValueError("expected at least one sample, got none")
    if samples.flat.shape[1] != genotype.n_inputs or samples.x.dtype != np.float32:
        raise ValueError(
            f"samples must have {genotype.n_inputs} float32 inputs, got {samples.flat.shape[1]} of {samples.x.dtype}"
        )
    if task is None:
        return
    if task.n_outputs != genotype.n_outputs:
        raise ValueError(f"the task has {task.n_outputs} outputs, but the network {genotype.n_outputs}")
    if teacher is not None:
        check_shape("teacher", teacher, (len(samples), task.n_outputs), np.float32)
    if samples.weight is not None:
        check_shape("weight", samples.weight, (len(samples),), np.float32)
        if not (np.isfinite(samples.weight).all() and samples.weight.min() >= 0):
            raise ValueError(f"weight must be finite and not negative, got {samples.weight.min()}")
    if task.kind == "regression":
        check_shape("targets", samples.y, (len(samples), task.n_outputs), np.float32)
        return
    check_shape("labels", samples.y, (len(samples),), np.int64)
    if samples.y.min() < 0 or samples.y.max() >= task.n_outputs:
        raise ValueError(
            f"every label must be a class from 0 to {task.n_outputs - 1}, got {samples.y.min()} to {samples.y.max()}"
        )


def check_batch(network: Network, samples: Samples, task: Task, teacher: Floats | None = None) -> None:
    """Raise ``ValueError`` where a network, samples with their targets, or a teacher's outputs do not fit each other.

    Args:
        network: The network.
        samples: The samples.
        task: Their task.
        teacher: Outputs of a teacher for the samples, ``(n, n_outputs)``.
    """
    check_network(network)
    check_samples(samples, network, task, teacher)


def check_assignment(assignment: Assignment, splits: Splits, teacher: Floats | None) -> None:
    """Raise ``ValueError`` where an assignment does not fit the samples or the outputs of a teacher.

    Args:
        assignment: The network, and how it is trained.
        splits: The samples.
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``.
    """
    network, frozen = assignment.network, assignment.frozen
    check_batch(network, splits.train, splits.task, teacher)
    if frozen is not None:
        check_shape("frozen", frozen, (network.genotype.n_edges,), np.bool_)
    if len(splits.validation):
        check_samples(splits.validation, network, splits.task)


def check_candidates(candidates: Ints, network: Network) -> None:
    """Raise ``ValueError`` where a candidate edge does not lead to a later layer of the network."""
    if candidates.ndim != 2 or candidates.shape[1] != 2:
        raise ValueError(f"candidates must have shape (n, 2), got {candidates.shape}")
    if not len(candidates):
        return
    n = network.genotype.n_neurons
    if candidates.min() < 0 or candidates.max() >= n:
        raise ValueError(f"candidates must join neurons 0 to {n - 1}, got {candidates.min()} to {candidates.max()}")
    layer_of = network.genotype.layer_of
    backward = layer_of[candidates[:, 0]] >= layer_of[candidates[:, 1]]
    if backward.any():
        source, target = candidates[int(np.argmax(backward))]
        raise ValueError(f"candidate {source} -> {target} does not lead to a later layer")


def check_shape(name: str, array: NDArray[Any], shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    """Raise ``ValueError`` where an array has another shape or type.

    Args:
        name: The name of the array in the message.
        array: The array.
        shape, dtype: Expected shape and type.
    """
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{name} must have shape {shape} and type {np.dtype(dtype)}, got {array.shape} {array.dtype}")
