"""Python side of the native library: structures, sessions, and the packed form of samples.

ctypes needs no binding library at build or run time, is independent of the Python version, releases the GIL in every
call, and also loads a library that was built with sanitizers. The C++ sources are in ``search_spaces/neuron/native``;
the structures here repeat those of ``session.h`` and ``model.h``.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from ctypes import CDLL, Structure, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_uint32, c_void_p
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from evonas.data.samples import Samples
from evonas.training import Recipe
from evonas.types import Doubles, Floats, Ints, Task
from search_spaces.neuron.genotype import NeuronGenotype, connected
from search_spaces.neuron.trainer.base import Network, Norm, row_activations, row_channels
from search_spaces.neuron.trainer.rounding import Rounding
from search_spaces.neuron.trainer.sample_order import GROUP

#: Instruction sets, widest first; the first that the machine has is used.
INSTRUCTION_SETS = ("avx512", "avx2", "generic")
_ALIGNMENT = 64


class Outcome(IntEnum):
    """Result of a native call."""

    DONE = 0
    STOPPED = 1
    DIVERGED = 2
    OUT_OF_MEMORY = 3


def library_path() -> Path:
    """Return the path of the library.

    ``EVONAS_NATIVE_LIBRARY`` names another, e.g. one that was built with sanitizers.
    """
    return Path(os.environ.get("EVONAS_NATIVE_LIBRARY") or Path(__file__).with_name("libevonas_native.so"))


@cache
def _library() -> CDLL | None:
    try:
        library = CDLL(str(library_path()))
    except OSError:
        return None
    library.evonas_open.restype = c_void_p
    library.evonas_close.restype = library.evonas_pack.restype = library.evonas_export.restype = None
    for function in (library.evonas_close, library.evonas_n_edges):
        function.argtypes = [c_void_p]
    return library


def available() -> bool:
    """Return whether the library was built, and can be loaded on this machine."""
    return _library() is not None


def _loaded() -> CDLL:
    library = _library()
    if library is None:
        raise RuntimeError(f"the native trainer was not built: cannot load {library_path()}; use the torch trainer")
    return library


def instruction_set() -> str:
    """Return the instruction set in use: ``avx512``, ``avx2`` or ``generic``; ``EVONAS_ISA`` names another one.

    Raises:
        ValueError: ``EVONAS_ISA`` names one that this machine does not have.
    """
    supported = supported_instruction_sets()
    chosen = os.environ.get("EVONAS_ISA") or supported[0]
    if chosen not in supported:
        raise ValueError(f"EVONAS_ISA must be one of {', '.join(supported)} on this machine, got {chosen!r}")
    return chosen


@cache
def supported_instruction_sets() -> tuple[str, ...]:
    """Return the instruction sets of this machine, widest first."""
    return tuple(name for name in INSTRUCTION_SETS if _loaded().evonas_supports(name.encode()))


_NETWORK_ARRAYS = (
    "layer_begin", "row_begin", "source", "tie", "channel", "activation", "frozen", "edge", "bias", "gain",
)
_GRIDS = ("edge_step", "step", "low", "high")


class _NetworkView(Structure):
    _fields_ = [
        *((name, c_int32) for name in ("n_inputs", "n_rows", "n_layers", "n_edges", "norm", "largest")),
        *((name, c_void_p) for name in (*_NETWORK_ARRAYS, *_GRIDS)),
    ]


class _Targets(Structure):
    _fields_ = [
        ("labels", c_void_p), ("values", c_void_p), ("teacher", c_void_p), ("smoothing", c_float),
        ("teacher_weight", c_float), ("weights", c_void_p),
    ]


class _DataView(Structure):
    _fields_ = [("n_samples", c_int32), ("rows", c_void_p), ("groups", c_void_p), ("targets", _Targets)]


class EpochView(Structure):
    """Steps of one epoch; see ``session.h``."""

    _fields_ = [
        ("order", c_void_p), ("batch_size", c_int32), ("group", c_int32), ("first_step", c_int32),
        ("release", c_int32), ("rates", c_void_p), ("keep", c_void_p), ("share", c_void_p), ("keys", c_void_p),
        ("dropout_threshold", c_uint32), ("dropout_scale", c_float),
        ("hidden_threshold", c_uint32), ("hidden_scale", c_float), ("views", c_void_p), ("view", c_void_p),
        ("clip_norm", c_float), ("weight_decay", c_float),
        ("decoupled", c_int32), ("n_score_samples", c_int32), ("by_pair", c_int32), ("stop", c_void_p),
        ("seconds_left", c_double),
    ]


class EpochResult(Structure):
    """Mean loss over the samples, edges times samples, and the number of remaining edges."""

    _fields_ = [("loss", c_double), ("edge_updates", c_double), ("n_edges", c_int32)]


def pointer(array: NDArray[Any] | None) -> int | None:
    """Return the address of a contiguous array, which must outlive its use."""
    if array is None:
        return None
    assert array.flags.c_contiguous
    return array.ctypes.data


#: Packed inputs by the id of the inputs, which have no hash; an entry is removed with its inputs, before another array
#: can have the id.
_packed: dict[int, Floats] = {}
_packing = threading.Lock()


def packed(samples: Samples) -> Floats:
    """The inputs of samples in groups of 64, ``(n_groups, n_inputs, 64)``, zeros beyond the last sample.

    Packed once as long as the inputs live, shared by all threads and candidates, never copied in a training step.
    """
    key = id(samples.x)
    with _packing:  # also while packing, so that threads that start together do not each pack
        if key not in _packed:
            rows = np.ascontiguousarray(samples.flat, np.float32)
            n_samples, n_inputs = rows.shape
            shape = (-(-n_samples // GROUP), n_inputs, GROUP)
            buffer = np.empty(int(np.prod(shape)) + _ALIGNMENT // 4, np.float32)
            start = -buffer.ctypes.data % _ALIGNMENT // 4
            groups = buffer[start : start + int(np.prod(shape))].reshape(shape)
            sizes = c_int32(n_samples), c_int32(n_inputs)
            _loaded().evonas_pack(c_void_p(pointer(rows)), *sizes, c_void_p(pointer(groups)))
            _packed[key] = groups
            weakref.finalize(samples.x, _packed.pop, key, None)
        return _packed[key]


class Data:
    """Samples with their targets, as native calls take them; keeps the arrays alive."""

    def __init__(
        self, samples: Samples, task: Task | None, recipe: Recipe, teacher: Floats | None = None, *,
        packed_order: bool = True,
    ) -> None:
        """Take checked arguments.

        Args:
            samples: The inputs and targets.
            task: The task; None without targets.
            recipe: Its label smoothing and the teacher's weight.
            teacher: Outputs of a teacher for the samples, float32 of shape ``(n, n_outputs)``.
            packed_order: False where single samples are shuffled.
        """
        self.n_samples = len(samples)
        rows = None if packed_order else np.ascontiguousarray(samples.flat, np.float32)
        groups = packed(samples) if packed_order else None
        labels = values = weight = None
        if task is not None and task.kind == "classification":
            labels = np.ascontiguousarray(samples.y, np.int32)
        elif task is not None:
            values = np.ascontiguousarray(samples.y, np.float32)
        teacher = None if task is None or teacher is None else np.ascontiguousarray(teacher, np.float32)
        if task is not None and samples.weight is not None:
            weight = np.ascontiguousarray(samples.weight, np.float32)
        self._alive = (rows, groups, labels, values, teacher, weight)
        shares = recipe.label_smoothing, recipe.teacher_weight
        targets = _Targets(pointer(labels), pointer(values), pointer(teacher), *shares, pointer(weight))
        self.view = _DataView(self.n_samples, pointer(rows), pointer(groups), targets)


class Session:
    """Network in native memory; a context manager. Two threads must not use it at once."""

    def __init__(
        self, network: Network, frozen: NDArray[np.bool_] | None = None, rounding: Rounding | None = None
    ) -> None:
        genotype = network.genotype
        genotype.validate()
        self._network, self._genotype = network, genotype
        self._arrays = [
            np.ascontiguousarray(array, dtype)
            for array, dtype in self._columns(genotype, network, frozen)
        ]
        n_rows = genotype.n_hidden + genotype.n_outputs
        grids: list[NDArray[Any]] = [] if rounding is None else list(map(np.ascontiguousarray, rounding[1:]))
        view = _NetworkView(
            genotype.n_inputs, n_rows, genotype.depth, genotype.n_edges, get_args(Norm).index(network.norm),
            0 if rounding is None else rounding.largest, *map(pointer, [*self._arrays, *grids]),
        )
        self._handle = c_void_p(_loaded().evonas_open(byref(view), c_char_p(instruction_set().encode())))
        if not self._handle:
            raise MemoryError(f"there is no memory to train a network of {genotype.n_edges} edges")

    @staticmethod
    def _columns(
        genotype: NeuronGenotype, network: Network, frozen: NDArray[np.bool_] | None
    ) -> list[tuple[NDArray[Any], DTypeLike]]:
        return [
            (genotype.layer_offsets[1:] - genotype.n_inputs, np.int32), (genotype.row_pointers, np.int32),
            (genotype.edges[:, 0], np.int32), (genotype.ties, np.int32),
            (row_channels(genotype), np.int32), (row_activations(genotype), np.uint8),
            (np.zeros(genotype.n_edges) if frozen is None else frozen, np.uint8),
            (network.edge, np.float32), (network.bias, np.float32), (network.gain, np.float32),
        ]

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        _loaded().evonas_close(self._handle)

    def _call(self, function: str, data: Data, *arguments: Any) -> Outcome:
        outcome = Outcome(getattr(_loaded(), function)(self._handle, byref(data.view), *arguments))
        if outcome is Outcome.OUT_OF_MEMORY:
            raise MemoryError(f"there is no memory to train a network of {self._genotype.n_edges} edges")
        return outcome

    @property
    def n_edges(self) -> int:
        """Present number of edges, after pruning and regrowth."""
        return int(_loaded().evonas_n_edges(self._handle))

    def train_epochs(self, data: Data, epochs: Sequence[EpochView]) -> tuple[Outcome, Sequence[EpochResult], int]:
        """Pass over the data for each of ``epochs``, until one does not end well.

        Returns:
            The outcome of the last one, the result of each, and the number that ended well.
        """
        views, results, n_done = (EpochView * len(epochs))(*epochs), (EpochResult * len(epochs))(), c_int32()
        outcome = self._call("evonas_train_epochs", data, views, c_int32(len(epochs)), results, byref(n_done))
        return outcome, list(results), n_done.value

    def outputs(self, data: Data) -> Floats:
        """Return outputs before softmax, ``(n_samples, n_outputs)``."""
        outputs = np.empty((data.n_samples, self._genotype.n_outputs), np.float32)
        self._call("evonas_evaluate", data, c_void_p(pointer(outputs)), byref(c_double()))
        return outputs

    def loss(self, data: Data) -> float:
        """Return the mean loss."""
        loss = c_double()
        self._call("evonas_evaluate", data, None, byref(loss))
        return loss.value

    def gradients(self, data: Data) -> tuple[float, Floats, Floats, Floats]:
        """Return the mean loss and its gradients of edges, biases and gains."""
        loss = c_double()
        arrays = [np.empty_like(array) for array in self._arrays[-3:]]
        self._call("evonas_gradients", data, byref(loss), *(c_void_p(pointer(array)) for array in arrays))
        return loss.value, arrays[0], arrays[1], arrays[2]

    def edge_scores(self, data: Data, candidates: Ints) -> Floats:
        """Return E[h_u * delta_v] of (source, target) pairs."""
        pairs, scores = np.ascontiguousarray(candidates, np.int64), np.empty(len(candidates), np.float32)
        arguments = c_void_p(pointer(pairs)), c_int64(len(pairs)), c_void_p(pointer(scores))
        self._call("evonas_edge_scores", data, *arguments)
        return scores

    def statistics(self, data: Data) -> list[Doubles]:
        """Return E[h], E[h**2] and E[delta**2] of every neuron."""
        arrays = [np.empty(self._genotype.n_neurons) for _ in range(3)]
        self._call("evonas_statistics", data, *(c_void_p(pointer(array)) for array in arrays))
        return arrays

    def network(self) -> Network:
        """Return the present network; without ties and channels once training has ended them."""
        genotype, n = self._genotype.released, self.n_edges
        edges, origin, edge = np.empty((n, 2), np.int32), np.empty(n, np.int32), np.empty(n, np.float32)
        bias, gain = (array.copy() for array in self._arrays[-2:])
        arrays = (c_void_p(pointer(array)) for array in (edges, origin, edge, bias, gain))
        _loaded().evonas_export(self._handle, *arrays)
        ties = np.where(origin < 0, np.int32(-1), genotype.ties[origin])
        result = connected(genotype, edges, ties)
        rows = result.neurons[genotype.n_inputs :] - genotype.n_inputs
        return Network(result.genotype, edge[result.edges], bias[rows], gain[rows], self._network.norm)
