"""Modules are recorded as layers: what they call is one, or refused by name; and they stay as they were."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from evonas.capabilities.layers import Addition, Concatenation, Convolution, Flatten, Linear, MaxPool, Relu
from evonas.export.layers.module import LayerModule
from evonas.export.layers.recording import layers_of

IMAGE = (2, 6, 5)


class Calls(nn.Module):
    """A module that calls a function on its input, and makes a vector of what that gives."""

    def __init__(self, function: Callable[[Tensor], Tensor], ends: bool = True) -> None:
        super().__init__()
        self.function, self.ends = function, ends
        self.weight = nn.Parameter(torch.ones(2, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(x)
        return y.flatten(1) if self.ends else y


@pytest.mark.parametrize("function", [
    lambda x: x.relu(), lambda x: torch.relu(x), lambda x: x + x, lambda x: torch.add(x, x.relu()),
    lambda x: x.clone().add_(x), lambda x: torch.cat([x, x.relu()], 1), lambda x: torch.cat((x, x), dim=-3),
    lambda x: x.mean((2, 3)), lambda x: x.mean(dim=[-1, -2], keepdim=True), lambda x: torch.mean(x, (3, 2)),
    lambda x: x.clamp(-0.5, 0.5), lambda x: torch.clamp(x, min=0.25), lambda x: x.clamp(max=0.25),
    lambda x: functional.pad(x, (1, 0, -1, 2)), lambda x: functional.pad(functional.pad(x, (1, 1)), (0, 0, 2, 0)),
    lambda x: x.reshape(len(x), -1), lambda x: x.view(x.size(0), -1), lambda x: x.contiguous(),
    lambda x: x + x.new_zeros(x.shape), lambda x: torch.zeros_like(x) + x, lambda x: functional.relu6(x.detach()),
    lambda x: functional.max_pool2d(x, 2) if x.shape[-1] > 3 else x,
    lambda x: x.view(-1, 60), lambda x: x.mean((2, 3), True).view(-1, 2),
    lambda x: functional.dropout(x, training=False), lambda x: functional.dropout2d(x, p=0.0),
    lambda x: functional.relu(x.view(len(x), -1)) + x.flatten(1), lambda x: torch.cat([x.flatten(1), x.flatten(1)], 1),
])
def test_a_function_is_recorded(function: Callable[[Tensor], Tensor]) -> None:
    module = Calls(function)
    graph = layers_of(module, IMAGE)
    x = torch.randn(3, *IMAGE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(LayerModule(graph)(x), module(x), atol=1e-6)


@pytest.mark.parametrize(("function", "message"), [
    (lambda x: x.softmax(1), "no layer for torch's .*softmax, which function calls|the module calls"),
    (lambda x: x * 2, "no layer for torch's"), (lambda x: x[:, :1], "no layer for torch's"),
    (lambda x: x.transpose(1, 2), "no layer for torch's .*transpose"),
    (lambda x: x if x.sum() > 0 else -x, "no layer for torch's .*sum"),
    (lambda x: x + 1, "adds what is no tensor of the same shape"), (lambda x: x + x.mean((2, 3), True), "adds what is"),
    (lambda x: torch.add(x, x, alpha=2), "adds what is"), (lambda x: torch.cat([x, x], 2), "joins tensors along other"),
    (lambda x: x.mean(1), r"takes a mean over the axes \[1\], expected all places: the axes \[2, 3\]"),
    (lambda x: functional.pad(x, (1, 1), value=3.0), "pads otherwise than with zeros"),
    (lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect"), "pads otherwise than with zeros"),
    (lambda x: x.flatten(2), "flattens the axes 2 to -1, expected 1 to -1"),
    (lambda x: x.reshape(len(x), 4, -1), r"the shape \[1, 4, -1\], expected \(n, -1\)"),
    (lambda x: functional.avg_pool2d(x, 2, divisor_override=3), "divides sums by another number"),
    (lambda x: functional.max_pool2d(x, 2, return_indices=True)[0], "no layer"),
    (lambda x: functional.adaptive_avg_pool2d(x, (4, 4)), "averages 6 places in 4 windows of different sizes"),
    (lambda x: functional.batch_norm(x, None, None, training=True), "normalises by the statistics of a batch"),
    (lambda x: functional.linear(x, torch.ones(3, 5)), "linear layer on tensors of shape .* put nn.Flatten before it"),
    (lambda x: x.view(-1, 2), r"makes 30 rows of each sample by the shape \[-1, 2\], expected one: use x.flatten\(1\)"),
    (lambda x: torch.reshape(x, (30, 2)), "makes 30 rows of each sample"),
    (lambda x: x.flatten(1).reshape(2, -1), "makes 2 rows of each sample"),
    (lambda x: functional.dropout(x), r"drops values at random .* module.eval\(\) ends it"),
    (lambda x: functional.dropout2d(x, 0.5, True), "drops values at random"),
    (lambda x: functional.dropout1d(x.flatten(1), training=True), "drops values at random"),
    (lambda x: x.mean(axis=(2, 3)), r"torch's .*mean with these arguments \(by name: axis\), .* the module calls"),
    (lambda x: torch.add(x, x, out=torch.empty(1, *IMAGE)), r"torch's add with these arguments \(by name: out\)"),
    (lambda x: torch.reshape(x, shape=(1, -1)), r"torch's reshape with these arguments \(by name: shape\)"),
    (lambda x: torch.clamp(x, 0.0, out=torch.empty(1, *IMAGE)), "by name: out"),
    (lambda x: x.view(torch.int32), "torch's .*view with these arguments, with which the module calls it"),
    (lambda x: x + x.new_zeros(5), "torch's .*new_zeros with these arguments"),
    (lambda x: torch.ones(1, 3), "gives no tensor that depends on its input"),
])
def test_what_is_no_layer_is_refused_by_name(function: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layers_of(Calls(function), IMAGE)


def test_outputs_that_are_no_vector_are_refused() -> None:
    with pytest.raises(ValueError, match=r"gives outputs of shape \(2, 6, 5\) a sample, expected one vector"):
        layers_of(Calls(lambda x: x.relu(), ends=False), IMAGE)


def test_a_module_stays_as_it_was() -> None:
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.9), nn.Flatten(), nn.Linear(36, 2))
    module[1].eval()
    modes = [part.training for part in module.modules()]
    before = {name: value.clone() for name, value in module.state_dict().items()}
    layers_of(module, IMAGE)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    with pytest.raises(ValueError, match="no layer"):
        layers_of(nn.Sequential(nn.Softmax(1), nn.Flatten()), IMAGE)
    assert not torch.nn.modules.module._global_forward_hooks


def test_batch_norm_is_part_of_the_layer_before_it_also_in_parts() -> None:
    first, second, norm = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 1, 1), nn.BatchNorm2d(4).eval()
    graph = layers_of(Calls(lambda x: norm(torch.cat([first(x), second(x)], 1))), IMAGE)
    assert [type(layer) for layer in graph.layers] == [Convolution, Convolution, Concatenation, Flatten]


def test_batch_norm_beside_another_reader_stays_apart() -> None:
    convolution, norm = nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3).eval()
    assert norm.running_mean is not None
    norm.running_mean.fill_(3.0)

    def function(x: Tensor) -> Tensor:
        y: Tensor = convolution(x)
        total: Tensor = norm(y) + y
        return total

    graph = layers_of(Calls(function), IMAGE)
    assert [type(layer) for layer in graph.layers] == [Convolution, Convolution, Addition, Flatten]
    x = torch.randn(2, *IMAGE)
    with torch.no_grad():
        assert torch.allclose(LayerModule(graph)(x), function(x).flatten(1), atol=1e-5)


def test_zeros_around_an_image_are_part_of_the_window_that_reads_it() -> None:
    convolution = nn.Conv2d(2, 3, 3, padding=1)
    graph = layers_of(nn.Sequential(nn.ZeroPad2d((1, 0, 0, -1)), convolution, nn.Flatten()), IMAGE)
    assert isinstance(graph.layers[0], Convolution)
    assert graph.layers[0].window.padding == ((1, 0), (2, 1))


def test_sums_of_sums_are_one_and_pools_have_the_path_of_their_module() -> None:
    module = nn.Sequential(nn.MaxPool2d(2), Calls(lambda x: (x + x.relu()) + (x + x)))
    graph = layers_of(module, IMAGE)
    assert [type(layer) for layer in graph.layers] == [MaxPool, Relu, Addition, Flatten]
    assert graph.layers[2].sources == (1, 2, 1, 1)  # type: ignore[union-attr]
    assert graph.max_pools == ("0",)
    assert layers_of(module, IMAGE, lambda path: f"pool {path}").max_pools == ("pool 0",)


def test_modules_of_doubles_and_of_features_are_recorded() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    graph = layers_of(module, (4,))
    assert [type(layer) for layer in graph.layers] == [Convolution, Linear]
    x = np.random.default_rng(0).normal(size=(5, 4))
    with torch.no_grad():
        found = LayerModule(graph, torch.float64)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, module.eval()(torch.from_numpy(x)).numpy(), atol=1e-12)
