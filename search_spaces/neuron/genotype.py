"""Neuron-level genotype: a DAG of neurons as a struct of arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from evonas.space import InvalidGenotype

#: Ids of hidden neurons are drawn from [FIRST_HIDDEN_ID, 2**63); inputs and outputs have small ids that never change.
FIRST_HIDDEN_ID = 1 << 32


#: What is computed of the neurons and edges alone.
_OF_GRAPH = frozenset({"_has_valid_graph", "layer_of", "id_of", "layer_offsets", "row_pointers"})


class Activation(IntEnum):
    """Function of a hidden neuron of its weighted sum z, with its bias b.

    ``NORM``: the network's norm over those neurons of the layer that have this gene, gain, bias and ReLU (see
    :data:`search_spaces.neuron.trainer.base.Norm`); ``RELU``: relu(z + b); ``LINEAR``: z + b. The last two have no norm
    and ignore the gain: convolutions with folded BatchNorm and average pools consist of them.
    """

    NORM = 0
    RELU = 1
    LINEAR = 2


@dataclass(frozen=True, eq=False)
class NeuronGenotype:
    """Neurons on layers, and edges from earlier to later layers.

    Neurons have a *global index*: inputs first, then hidden neurons sorted by (layer, id), then outputs. Edges are
    pairs of global indices sorted by (target, source): the order of a CSR matrix whose rows are targets, so that every
    weight array of length ``n_edges`` is aligned with it.

    Attributes:
        n_inputs: Number of input neurons; they are on layer 0.
        n_outputs: Number of output neurons; they are the only ones on the last layer, ``depth``.
        ids: int64 ``(n_hidden,)``, unique, at least ``FIRST_HIDDEN_ID``: the identity of a neuron across a lineage.
        layers: int32 ``(n_hidden,)``, the layer gene, ascending; every layer from 1 to the highest is in use.
        positions: float32 ``(n_hidden, 2)``, the (row, column) gene in the plane of the inputs.
        edges: int32 ``(n_edges, 2)``, (source, target) global indices, sorted by (target, source), unique.
        ties: int32 ``(n_edges,)``, edges with the same non-negative number share one weight; -1 is untied.
        origins: int64 ``(n_hidden,)``, for inheritance: the id of the neuron that this one was split from, or minus the
            id of the one that it has absorbed, 0 for none.
        channels: int32 ``(n_hidden,)``, neurons with the same non-negative number share one bias and one gain, as the
            positions of a convolution's channel do; -1 has its own.
        activations: int8 ``(n_hidden,)``, an :class:`Activation` for each hidden neuron.
        prune_to: Edges that training leaves (see ``evonas.training.Pruning``), 0 for all of them: a gene of a child
            that was grown to be pruned back. Training returns a genotype with 0.
        grow_to: Edges with which training begins (see ``search_spaces.neuron.growth``), 0 for those that are there: a
            gene of a child whose new edges are chosen by their gradients. Training returns a genotype with 0.
        release_at: Share of the training steps after which sharing ends: every edge gets a weight of its own, every
            neuron its own bias and gain, and pruning begins only then. 1 keeps ties. Training returns a genotype with
            1.
    """

    n_inputs: int
    n_outputs: int
    ids: NDArray[np.int64]
    layers: NDArray[np.int32]
    positions: NDArray[np.float32]
    edges: NDArray[np.int32]
    ties: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    origins: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    channels: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    activations: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    prune_to: int = 0
    grow_to: int = 0
    release_at: float = 1.0

    def __post_init__(self) -> None:
        if not len(self.ties) and len(self.edges):
            object.__setattr__(self, "ties", np.full(len(self.edges), -1, np.int32))
        for name, (default, dtype) in NEURON_DEFAULTS.items():
            if not len(getattr(self, name)) and len(self.ids):
                object.__setattr__(self, name, np.full(len(self.ids), default, dtype))
        for item in fields(self):
            if isinstance(array := getattr(self, item.name), np.ndarray):
                array.setflags(write=False)

    def __getstate__(self) -> dict[str, Any]:
        """Return the genes, without what is computed of them."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the genes, which cannot be written to."""
        vars(self).update(state)
        self.__post_init__()

    @property
    def neuron_genes(self) -> NeuronGenes:
        """Genes that new neurons may leave at their defaults, by name, each ``(n_hidden,)``."""
        return {"origins": self.origins, "channels": self.channels, "activations": self.activations}

    @property
    def is_shared(self) -> bool:
        """Return whether any edges share a weight or any neurons a bias."""
        return bool((self.ties >= 0).any() or (self.channels >= 0).any())

    @property
    def released(self) -> NeuronGenotype:
        """Return the genotype as training leaves it: without sharing if ``release_at`` is below 1, else as it is."""
        return self if self.release_at == 1 else self.untied

    @property
    def untied(self) -> NeuronGenotype:
        """Return the same neurons and edges without any sharing."""
        nothing = np.empty(0, np.int32)
        return replace(self, ties=nothing, channels=nothing, release_at=1.0)

    def requesting(self, *, prune_to: int = 0, grow_to: int = 0) -> NeuronGenotype:
        """Return the same network with other requests to training; what is known of its graph is not computed again."""
        other = replace(self, prune_to=prune_to, grow_to=grow_to)
        known = {name: value for name, value in vars(self).items() if name in _OF_GRAPH}
        vars(other).update(known)
        return other

    @property
    def n_weights(self) -> int:
        """Distinct weights of edges: a shared one counts once."""
        return n_distinct(self.ties)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeuronGenotype) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def n_hidden(self) -> int:
        return len(self.ids)

    @property
    def n_neurons(self) -> int:
        return self.n_inputs + self.n_hidden + self.n_outputs

    @property
    def n_edges(self) -> int:
        return len(self.edges)

    @property
    def n_trained_edges(self) -> int:
        """Largest number of edges that training leaves."""
        most = max(self.n_edges, self.grow_to)
        return min(most, self.prune_to or most)

    @property
    def n_possible_edges(self) -> int:
        """Pairs of neurons of which one is on an earlier layer than the other."""
        sizes = np.diff(self.layer_offsets)
        return int(self.n_neurons**2 - (sizes**2).sum()) // 2

    @property
    def depth(self) -> int:
        """Layer of the outputs: 1 for a network without hidden neurons."""
        return int(self.layers[-1]) + 1 if len(self.layers) else 1

    @cached_property
    def digest(self) -> str:
        """Hex digest of the content."""
        state = hashlib.blake2b(digest_size=16)
        sizes = [self.n_inputs, self.n_outputs, self.n_hidden, self.n_edges, self.prune_to]
        if self.grow_to:  # conditional, so that genotypes keep the digests from before there were requests
            sizes.append(self.grow_to)
        state.update(np.array(sizes, np.int64).data)
        for array in (self.ids, self.layers, self.positions, self.edges, self.ties, self.origins):
            state.update(np.ascontiguousarray(array).data)
        for name in ("channels", "activations"):  # conditional for the same reason
            if (getattr(self, name) != NEURON_DEFAULTS[name].value).any():
                state.update(name.encode() + getattr(self, name).tobytes())
        if self.release_at != 1:
            state.update(b"release_at" + np.float64(self.release_at).tobytes())
        return state.hexdigest()

    @cached_property
    def counts(self) -> Counts:
        """Numbers of neurons and of shared values, from which :func:`search_spaces.neuron.cost.cost` follows."""
        normed = self.activations == Activation.NORM
        return Counts(
            n_normed=int(normed.sum()), n_norms=len(np.unique(self.layers[normed])),
            n_linear=int((self.activations == Activation.LINEAR).sum()), n_weights=self.n_weights,
            n_biases=n_distinct(self.channels) + self.n_outputs, n_gains=n_distinct(self.channels[normed]),
        )

    @cached_property
    def layer_of(self) -> NDArray[np.int32]:
        """Layer of every neuron by global index, shape ``(n_neurons,)``."""
        return np.concatenate([
            np.zeros(self.n_inputs, np.int32), self.layers, np.full(self.n_outputs, self.depth, np.int32)
        ])

    @cached_property
    def id_of(self) -> NDArray[np.int64]:
        """Id of every neuron by global index, ``(n_neurons,)``: inputs count from 0, outputs continue after them."""
        fixed = np.arange(self.n_inputs + self.n_outputs)
        return np.concatenate([fixed[: self.n_inputs], self.ids, fixed[self.n_inputs :]])

    @cached_property
    def layer_offsets(self) -> NDArray[np.int64]:
        """Global index of each layer's first neuron, then the number of neurons, shape ``(depth + 2,)``."""
        return np.searchsorted(self.layer_of, np.arange(self.depth + 2))

    @cached_property
    def row_pointers(self) -> NDArray[np.int64]:
        """CSR row pointers over the targets ``n_inputs .. n_neurons``, shape ``(n_hidden + n_outputs + 1,)``."""
        return np.searchsorted(self.edges[:, 1], np.arange(self.n_inputs, self.n_neurons + 1))

    def validate(self) -> None:
        """Check every invariant, once: no array of a genotype can be written to.

        Raises:
            InvalidGenotype: An invariant is broken; one sentence names it and the first entry at fault.
        """
        _ = self._has_valid_graph
        if self.prune_to and not self.n_outputs <= self.prune_to:
            raise InvalidGenotype(f"prune_to must be 0 or at least the outputs, {self.n_outputs}, got {self.prune_to}")
        if self.grow_to and not self.n_edges < self.grow_to <= self.n_possible_edges:
            bounds = f"more than the {self.n_edges} edges and at most the {self.n_possible_edges} possible ones"
            raise InvalidGenotype(f"grow_to must be 0, or {bounds}, got {self.grow_to}")

    @cached_property
    def _has_valid_graph(self) -> bool:
        """Return True, or raise as :meth:`validate` does."""
        self._check_graph()
        return True

    def _check_graph(self) -> None:
        layers, edges = self.layers, self.edges
        per_neuron: dict[str, NDArray[Any]] = {"ids": self.ids, "layers": layers, "positions": self.positions}
        per_neuron |= {name: getattr(self, name) for name in NEURON_DEFAULTS}
        rows = [len(array) for array in per_neuron.values()]
        if len(set(rows)) > 1 or self.positions.shape[1:] != (2,):
            raise InvalidGenotype(f"{', '.join(per_neuron)} must have one row a hidden neuron, got {rows}")
        if len(self.activations) and not 0 <= self.activations.min() <= self.activations.max() <= max(Activation):
            raise InvalidGenotype(f"activations must be 0, 1 or 2, got {self.activations.min()} to "
                                  f"{self.activations.max()}")
        if not 0 <= self.release_at <= 1:
            raise InvalidGenotype(f"release_at must be a share from 0 to 1, got {self.release_at}")
        if edges.ndim != 2 or edges.shape[1] != 2 or len(self.ties) != len(edges):
            shapes = f"{edges.shape} and {self.ties.shape}"
            raise InvalidGenotype(f"edges must have shape (n_edges, 2) and ties (n_edges,), got {shapes}")
        if len(layers) and (layers[0] != 1 or (np.diff(layers) < 0).any() or (np.diff(layers) > 1).any()):
            raise InvalidGenotype("hidden neurons must be sorted by layer, with no empty layer from 1 to the last")
        if len(self.ids) and int(self.ids.min()) < FIRST_HIDDEN_ID:
            raise InvalidGenotype(f"ids of hidden neurons must be at least {FIRST_HIDDEN_ID}, got {self.ids.min()}")
        if (np.diff(np.sort(self.ids)) == 0).any():
            raise InvalidGenotype("two hidden neurons have the same id")
        if ((np.diff(self.ids) < 0) & (np.diff(layers) == 0)).any():
            raise InvalidGenotype("the neurons of a layer must be sorted by id")
        if not np.isfinite(self.positions).all():
            raise InvalidGenotype("positions must be finite")
        if not len(edges):
            raise InvalidGenotype("a network needs at least one edge")
        if edges.min() < 0 or edges.max() >= self.n_neurons:
            found = f"{edges.min()} to {edges.max()}"
            raise InvalidGenotype(f"edges must join neurons 0 to {self.n_neurons - 1}, got {found}")
        key = edges[:, 1].astype(np.int64) * self.n_neurons + edges[:, 0]
        if (np.diff(key) <= 0).any():
            raise InvalidGenotype("edges must be sorted by (target, source) and unique")
        backward = self.layer_of[edges[:, 0]] >= self.layer_of[edges[:, 1]]
        if backward.any():
            source, target = edges[int(np.argmax(backward))]
            raise InvalidGenotype(
                f"edge {source} -> {target} does not lead to a later layer "
                f"({self.layer_of[source]} -> {self.layer_of[target]})"
            )
        alive = np.zeros((2, self.n_neurons), bool)
        alive[0, edges[:, 0]] = alive[1, edges[:, 1]] = True
        dead = np.flatnonzero(~alive[:, self.n_inputs : self.n_inputs + self.n_hidden].all(axis=0))
        if len(dead):
            lacking = "inputs" if alive[0, self.n_inputs + dead[0]] else "outputs"
            raise InvalidGenotype(f"hidden neuron {self.ids[dead[0]]} has no {lacking}")


def n_distinct(groups: NDArray[np.int32]) -> int:
    """Count the distinct values of ``(n,)`` members: each group has one value, and each member with -1 has its own."""
    shared = groups[groups >= 0]
    return len(groups) - len(shared) + len(np.unique(shared)) if len(shared) else len(groups)


class Counts(NamedTuple):
    """Numbers of neurons and of shared values of a network.

    Attributes:
        n_normed: Hidden neurons whose function is the network's norm.
        n_norms: Layers with such neurons.
        n_linear: Hidden neurons without ReLU.
        n_weights: Distinct weights of edges.
        n_biases: Distinct biases.
        n_gains: Distinct gains of the neurons with a norm.
    """

    n_normed: int
    n_norms: int
    n_linear: int
    n_weights: int
    n_biases: int
    n_gains: int


class NeuronGenes(TypedDict, total=False):
    """Genes of hidden neurons beside id, layer and position, each ``(n_hidden,)``; see :class:`NeuronGenotype`."""

    origins: NDArray[np.int64]
    channels: NDArray[np.int32]
    activations: NDArray[np.int8]


class GeneDefault(NamedTuple):
    """Default of a gene of hidden neurons.

    Attributes:
        value: The value.
        dtype: Type of the gene.
    """

    value: int
    dtype: type[np.integer[Any]]


#: Defaults of :class:`NeuronGenes`.
NEURON_DEFAULTS: Mapping[str, GeneDefault] = {
    "origins": GeneDefault(0, np.int64), "channels": GeneDefault(-1, np.int32),
    "activations": GeneDefault(int(Activation.NORM), np.int8),
}


def select_genes(genotype: NeuronGenotype, chosen: NDArray[Any]) -> NeuronGenes:
    """Return the genes of some of the hidden neurons, by an index or a mask."""
    genes = genotype.neuron_genes
    return {
        "origins": genes["origins"][chosen], "channels": genes["channels"][chosen],
        "activations": genes["activations"][chosen],
    }


class Connected(NamedTuple):
    """Connected part of a graph, and the origin of its neurons and edges.

    Attributes:
        genotype: The connected part.
        neurons: Old global index of every neuron of ``genotype``, shape ``(n_neurons,)``.
        edges: Index into the given edges of every edge of ``genotype``, shape ``(n_edges,)``.
    """

    genotype: NeuronGenotype
    neurons: NDArray[np.int64]
    edges: NDArray[np.int64]


def connected(genotype: NeuronGenotype, edges: NDArray[np.integer], ties: NDArray[np.int32] | None = None) -> Connected:
    """Return the genotype with other edges, without the hidden neurons that then lack inputs or outputs.

    Such neurons are removed in cascade.

    Empty layers are squeezed out; ids and positions stay.

    Args:
        genotype: Gives the neurons.
        edges: ``(n, 2)`` (source, target) in the global indices of ``genotype``, unique, in any order.
        ties: ``(n,)`` aligned with ``edges``; None is untied.
    """
    source, target = edges.T.astype(np.int64, order="C")
    n, n_inputs, first_output = genotype.n_neurons, genotype.n_inputs, genotype.n_neurons - genotype.n_outputs
    alive = np.ones(n, bool)
    kept = np.arange(len(edges))
    while True:
        has_inputs, has_outputs = np.zeros(n, bool), np.zeros(n, bool)
        has_inputs[target] = has_outputs[source] = True
        alive[n_inputs:first_output] = (has_inputs & has_outputs)[n_inputs:first_output]
        whole = alive[source] & alive[target]
        if whole.all():
            break
        left = np.flatnonzero(whole)
        source, target, kept = source[left], target[left], kept[left]
    neurons = np.flatnonzero(alive)
    index = np.cumsum(alive, dtype=np.int32) - 1
    order = np.argsort(target * n + source, kind="stable")  # merges ascending runs, of which edges mostly consist
    kept = kept[order]
    hidden = neurons[(neurons >= n_inputs) & (neurons < first_output)] - n_inputs
    layers = np.unique(genotype.layers[hidden], return_inverse=True)[1] + 1
    result = NeuronGenotype(
        n_inputs, genotype.n_outputs, genotype.ids[hidden], layers.astype(np.int32), genotype.positions[hidden],
        np.stack([index[source], index[target]], axis=1).take(order, axis=0),
        np.full(len(kept), -1, np.int32) if ties is None else ties[kept],
        **select_genes(genotype, hidden),
    )
    return Connected(result, neurons, kept)
