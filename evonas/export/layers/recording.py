"""Layers of a module, recorded while it runs on one sample: whatever its code does with shapes, they are known then.

Every function of torch that the module calls on what depends on the sample becomes a layer; a function for which there
is none is refused by name. Control flow that depends on values is refused, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode, resolve_name

from evonas.capabilities.layers import LayerGraph, Shape
from evonas.export.layers.folding import fold_scales, merge_sums
from evonas.export.layers.recorded import Recorded, Recorder


def layers_of(
    module: nn.Module, input_shape: tuple[int, ...], name_of: Callable[[str], str] = str
) -> LayerGraph:
    """The layers that a module computes in evaluation mode, BatchNorm folded.

    Args:
        module: Maps samples ``(n, *input_shape)`` to outputs ``(n, n_outputs)``; is left as it was.
        input_shape: ``(channels, height, width)``, ``(channels, length)`` or ``(n_features,)``.
        name_of: Gives the name of a max-pooling layer from the path of its module.

    Raises:
        ValueError: The module calls a function for which there is no layer, or the outputs are not one vector a sample.
    """
    recorder = Recorder(Shape(input_shape[0], tuple(input_shape[1:])))
    x = torch.zeros(1, *input_shape, dtype=_dtype(module), device=_device(module))
    recorder.remember(x, Recorded(0))
    with _evaluation(module), _paths(module, recorder, name_of), torch.no_grad(), _Calls(recorder):
        y = module(x)
    found = recorder.found(y) if isinstance(y, Tensor) else None
    if found is None:
        raise ValueError(f"{type(module).__name__} gives no tensor that depends on its input, expected one output "
                         f"(n, n_outputs)")
    if y.ndim != 2:
        raise ValueError(f"{type(module).__name__} gives outputs of shape {tuple(y.shape[1:])} a sample, expected one "
                         f"vector: end with a global average or nn.Flatten, and nn.Linear")
    last = recorder.vector(found)
    if last != len(recorder.layers):
        last = recorder.copied(last)
    return merge_sums(fold_scales(LayerGraph(recorder.input, tuple(recorder.layers))))


def _dtype(module: nn.Module) -> torch.dtype:
    return next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.float32)


def _device(module: nn.Module) -> torch.device:
    return next((p.device for p in module.parameters()), torch.device("cpu"))


@contextmanager
def _evaluation(module: nn.Module) -> Iterator[None]:
    training = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, was_training in training:
            part.training = was_training


@contextmanager
def _paths(module: nn.Module, recorder: Recorder, name_of: Callable[[str], str]) -> Iterator[None]:
    """Tell the recorder the path of the module that runs."""
    paths = {id(part): path for path, part in module.named_modules()}

    def enter(part: nn.Module, *_: Any) -> None:
        recorder.names.append(name_of(paths.get(id(part), type(part).__name__)))

    def leave(*_: Any) -> None:
        recorder.names.pop()

    with ExitStack() as hooks:
        hooks.callback(register_module_forward_pre_hook(enter).remove)
        hooks.callback(register_module_forward_hook(leave).remove)
        yield


class _Calls(TorchFunctionMode):
    """Passes calls of torch's functions to the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not any(self._recorder.found(value) is not None for value in _tensors([*args, *kwargs.values()])):
            return result
        if func in HANDLERS:
            self._recorder.remember(result, self._layer(func, args, kwargs))
        elif any(True for _ in _tensors([result])) or not _is_property(func):
            raise ValueError(f"there is no layer for torch's {_name(func)}, which {self._recorder.name} calls")
        return result

    def _layer(self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Recorded:
        """The layer of a call; raises :class:`ValueError` for arguments that only torch knows."""
        try:
            return HANDLERS[func](self._recorder, *args, **kwargs)
        except (TypeError, IndexError) as error:
            given = f" (by name: {', '.join(kwargs)})" if kwargs else ""
            raise ValueError(f"there is no layer for torch's {_name(func)} with these arguments{given}, with which "
                             f"{self._recorder.name} calls it: give those of its usual form only") from error


def _name(func: Callable[..., Any]) -> str:
    """Name of a function of torch."""
    return str(resolve_name(func) or getattr(func, "__name__", func)).removeprefix("torch.")


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _is_property(func: Callable[..., Any]) -> bool:
    """Whether a function tells what all samples have in common, like their shape."""
    return getattr(func, "__name__", "") in PROPERTIES


#: Methods of tensors that tell their form; attributes are read by ``__get__``.
PROPERTIES = frozenset(("__get__", "__len__", "size", "dim", "numel", "stride", "is_contiguous", "is_floating_point"))
#: Methods of the recorder by functions of torch.
HANDLERS: Mapping[Callable[..., Any], Callable[..., Recorded]] = {
    **dict.fromkeys((torch.conv1d, torch.conv2d), Recorder.convolution),
    functional.linear: Recorder.linear, functional.batch_norm: Recorder.batch_norm,
    **dict.fromkeys((functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), Recorder.relu),
    functional.relu6: Recorder.relu6, functional.hardtanh: Recorder.hardtanh,
    **dict.fromkeys((torch.clamp, torch.clip, Tensor.clamp, Tensor.clip), Recorder.clamp),
    **dict.fromkeys((functional.max_pool1d, functional.max_pool2d), Recorder.max_pool),
    **dict.fromkeys((functional.avg_pool1d, functional.avg_pool2d), Recorder.average_pool),
    **dict.fromkeys((functional.adaptive_avg_pool1d, functional.adaptive_avg_pool2d), Recorder.adaptive_pool),
    **dict.fromkeys((torch.mean, Tensor.mean), Recorder.mean),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__, Tensor.__radd__),
                    Recorder.addition),
    **dict.fromkeys((torch.cat, torch.concat), Recorder.concatenation),
    **dict.fromkeys((torch.flatten, Tensor.flatten), Recorder.flatten),
    **dict.fromkeys((torch.reshape, Tensor.reshape, Tensor.view), Recorder.reshape),
    **dict.fromkeys((Tensor.contiguous, Tensor.clone, Tensor.detach), Recorder.same),
    **dict.fromkeys((functional.dropout, functional.dropout1d, functional.dropout2d), Recorder.dropout),
    functional.pad: Recorder.pad, Tensor.new_zeros: Recorder.zeros,
    **dict.fromkeys((torch.zeros_like,), Recorder.zeros_like),
}
