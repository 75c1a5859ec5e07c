"""A small convolutional network twice: as a torch module, and written edge by edge in tied neurons, by plain loops."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from evonas.types import Task
from search_spaces.neuron.genotype import FIRST_HIDDEN_ID, Activation, NeuronGenotype
from search_spaces.neuron.trainer.base import Network, Norm

N_OUTPUTS = 3


@dataclass(frozen=True)
class Layer:
    """A convolution of a grid ``(height, width)``; a signal is a grid of height 1, and its kernels have that height."""

    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    activation: Activation

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """The grid that it makes of a grid."""
        height, width = (
            (n + 2 * padding - kernel) // stride + 1
            for n, kernel, stride, padding in zip(size, self.kernel, self.stride, self.padding, strict=True)
        )
        return height, width


@dataclass(frozen=True)
class Case:
    """Convolutions one after the other; the outputs are linear in all of their maps."""

    input_shape: tuple[int, ...]  # (channels, height, width) or (channels, length)
    layers: tuple[Layer, ...]
    norm: Norm

    @property
    def task(self) -> Task:
        return Task("classification", self.input_shape, N_OUTPUTS)

    @property
    def is_signal(self) -> bool:
        return len(self.input_shape) == 2


class ConvolutionalModule(nn.Module):
    """The network as torch writes it: a norm over all of a layer, with a gain a channel, is GroupNorm of one group."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._case = case
        self.convolutions, self.norms = nn.ModuleList(), nn.ModuleList()
        channels, *grid = case.input_shape
        size = (1, grid[0]) if case.is_signal else (grid[0], grid[1])
        n_features = 0
        for layer in case.layers:
            kind: Any = nn.Conv1d if case.is_signal else nn.Conv2d
            settings = [one[1] if case.is_signal else one for one in (layer.kernel, layer.stride, layer.padding)]
            normed = layer.activation == Activation.NORM and case.norm != "none"
            self.convolutions.append(kind(channels, layer.channels, *settings, bias=not normed))
            self.norms.append(nn.GroupNorm(1, layer.channels) if normed else nn.Identity())
            channels, size = layer.channels, layer.size(size)
            n_features += channels * size[0] * size[1]
        self.outputs = nn.Linear(n_features, N_OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for layer, convolution, norm in zip(self._case.layers, self.convolutions, self.norms, strict=True):
            x = norm(convolution(x))
            x = x if layer.activation == Activation.LINEAR else x.relu()
            maps.append(x.flatten(1))
        logits: Tensor = self.outputs(torch.cat(maps, dim=1))
        return logits


class Written:
    """The module's network in single neurons, and where its parameters are."""

    def __init__(self, case: Case, module: ConvolutionalModule) -> None:
        self._module = module
        self._taps: list[tuple[Any, ...]] = []  # (convolution or "outputs", target channel, source channel, *offset)
        self._number: dict[tuple[Any, ...], int] = {}
        self._edges: list[tuple[int, int, int]] = []  # target, source, tap
        self._rows: list[tuple[int, int]] = []  # convolution and channel of every hidden neuron
        channels, *grid = case.input_shape
        size = (1, grid[0]) if case.is_signal else (grid[0], grid[1])
        n_inputs = channels * size[0] * size[1]
        first, begin = 0, n_inputs
        for level, layer in enumerate(case.layers):
            self._convolve(level, layer, first=first, channels=channels, size=size, begin=begin)
            first, channels, size = begin, layer.channels, layer.size(size)
            begin += channels * size[0] * size[1]
        for source, k in product(range(n_inputs, begin), range(N_OUTPUTS)):
            self._add(source, begin + k, ("outputs", k, source - n_inputs))
        self.genotype, self.tap = self._genotype(n_inputs, case)
        self.network = Network(self.genotype, *self.gathered(lambda parameter: parameter), case.norm)

    def _convolve(
        self, level: int, layer: Layer, *, first: int, channels: int, size: tuple[int, int], begin: int
    ) -> None:
        height, width = layer.size(size)
        for c, y, x in product(range(layer.channels), range(height), range(width)):
            self._rows.append((level, c))
            target = begin + (c * height + y) * width + x
            for source_c, dy, dx in product(range(channels), *map(range, layer.kernel)):
                sy, sx = y * layer.stride[0] - layer.padding[0] + dy, x * layer.stride[1] - layer.padding[1] + dx
                if 0 <= sy < size[0] and 0 <= sx < size[1]:
                    self._add(first + (source_c * size[0] + sy) * size[1] + sx, target, (level, c, source_c, dy, dx))

    def _add(self, source: int, target: int, tap: tuple[Any, ...]) -> None:
        if tap not in self._number:
            self._number[tap] = len(self._taps)
            self._taps.append(tap)
        self._edges.append((target, source, self._number[tap]))

    def _genotype(self, n_inputs: int, case: Case) -> tuple[NeuronGenotype, list[int]]:
        edges = sorted(self._edges)
        levels = np.array([level for level, _ in self._rows], np.int32)
        n_hidden = len(levels)
        channels = {row: number for number, row in enumerate(dict.fromkeys(self._rows))}
        genotype = NeuronGenotype(
            n_inputs, N_OUTPUTS, FIRST_HIDDEN_ID + np.arange(n_hidden), levels + 1, np.zeros((n_hidden, 2), np.float32),
            np.array([(source, target) for target, source, _ in edges], np.int32),
            ties=np.array([tap if self._taps[tap][0] != "outputs" else -1 for *_, tap in edges], np.int32),
            channels=np.array([channels[row] for row in self._rows], np.int32),
            activations=np.array([case.layers[level].activation for level in levels], np.int8),
        )
        genotype.validate()
        return genotype, [tap for *_, tap in edges]

    @property
    def has_gain(self) -> Any:
        """Rows whose gain the module has, ``(n_rows,)``."""
        normed = [isinstance(self._module.norms[level], nn.GroupNorm) for level, _ in self._rows]
        return np.array([*normed, *[False] * N_OUTPUTS])

    def gathered(self, read: Any) -> list[Any]:
        """Weights of edges, biases and gains of rows, from what ``read`` gives for each of the module's parameters."""
        module = self._module
        weights = {level: self._array(read, one.weight) for level, one in enumerate(module.convolutions)}
        outputs, last = self._array(read, module.outputs.weight), self._array(read, module.outputs.bias)
        edge = []
        for tap in self.tap:
            level, *index = self._taps[tap]
            if level == "outputs":
                edge.append(outputs[tuple(index)])
            else:
                weight = weights[level]
                edge.append(weight[tuple(index)] if weight.ndim == 4 else weight[index[0], index[1], index[3]])
        bias, gain = [], []
        for level, channel in self._rows:
            norm = module.norms[level]
            normed = isinstance(norm, nn.GroupNorm)
            bias.append(self._array(read, norm.bias if normed else module.convolutions[level].bias)[channel])
            gain.append(self._array(read, norm.weight)[channel] if normed else 1.0)
        arrays = edge, [*bias, *last], [*gain, *[1.0] * N_OUTPUTS]
        return [np.array(array, np.float32) for array in arrays]

    @staticmethod
    def _array(read: Any, parameter: Any) -> Any:
        return read(parameter).detach().numpy()

    def sums(self, edge: Any, bias: Any, gain: Any) -> list[Any]:
        """The same arrays with the sum over each tap's edges in the place of every edge's value, and each channel's."""
        by_tap = np.bincount(self.tap, edge)[self.tap]
        channels = np.concatenate([self.genotype.channels, self.genotype.channels.max() + 1 + np.arange(N_OUTPUTS)])
        return [by_tap, np.bincount(channels, bias)[channels], np.bincount(channels, gain)[channels]]
