"""Training of neuron networks: one interface, a native backend, its fallback in torch, and populations on a GPU.

- ``base``: arguments and results of all trainers; ``population``: those of trainers that take many networks at once;
  ``checks``: arguments that are refused; ``schedule``, ``sample_order`` and ``counter_rng``: rates and events by the
  step, the order of samples, and random numbers, which all trainers share
- ``native``: the trainer in C++; ``torch_backend``: the trainer in torch; ``cuda``: the trainer of populations

Importing this package imports neither torch nor the native library.
"""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
from functools import cache
from typing import Literal, TypeAlias, get_args

from evonas.training.device import current, find, has_cuda, name_now
from evonas.types import UserError
from search_spaces.neuron.trainer.base import Trainer

#: Names of trainers: ``native``; ``torch``: embedding_bag or dense products, whichever is faster for a network;
#: ``dense``: always dense products; ``cuda``: whole generations at once on a GPU; ``auto``: native if the library is
#: there, else torch.
TrainerName: TypeAlias = Literal["auto", "native", "torch", "dense", "cuda"]

_REMEDY = "install a C++17 compiler (g++ or clang++) and then this package again"


def choose_trainer(name: TrainerName = "auto") -> Trainer:
    """Return the trainer of a name, on the device that is in use (:mod:`evonas.training.device`); it can be pickled.

    ``native`` is always on the CPU, and ``cuda`` always on a GPU. If a GPU has been asked for by name, ``auto`` is
    ``cuda``, or ``torch`` on that GPU where Triton is not installed.

    If ``auto`` finds no native library, it takes torch and logs this once, in the main process, in one line at level
    WARNING of the logger ``search_spaces.neuron.trainer``.

    Raises:
        ValueError: The name is unknown.
        UserError: ``native`` is asked for and the library is not there, or ``cuda`` and there is no GPU or no Triton.
    """
    if name not in get_args(TrainerName):
        raise ValueError(f"trainer must be one of {', '.join(get_args(TrainerName))}, got {name!r}")
    asked = name_now()
    if name == "auto" and asked.startswith("cuda"):
        name = "cuda" if has_triton() else "torch"
    if name in ("auto", "native"):
        from search_spaces.neuron.trainer.native import NativeTrainer, available

        if available():
            return NativeTrainer()
        if name == "native":
            raise UserError(f"the native trainer was not built; {_REMEDY}, or choose trainer 'auto' or 'torch'")
        _announce_fallback()
    if name == "cuda":
        return _population_trainer(asked)
    from search_spaces.neuron.trainer.torch_backend import TorchTrainer

    return TorchTrainer("dense" if name == "dense" else "auto", current())


def has_triton() -> bool:
    """Whether Triton is installed; it is not imported."""
    return importlib.util.find_spec("triton") is not None


def _population_trainer(asked: str) -> Trainer:
    """The trainer of populations on the GPU that was asked for, else on the first one.

    Where the environment says so it is in Triton's interpreter; Triton reads the environment when it is imported.
    """
    if not has_triton():
        raise UserError("the trainer 'cuda' needs Triton: install evonas[cuda], or choose trainer 'auto'")
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if not interpreted and not has_cuda():
        if asked.startswith("cuda"):
            current()  # raises the error about the device, which was asked for first
        raise UserError("the trainer 'cuda' needs a CUDA device, and this machine has none: choose trainer 'auto'")
    from search_spaces.neuron.trainer.cuda import CudaTrainer

    return CudaTrainer("cpu" if interpreted else find(asked if asked.startswith("cuda") else "cuda"))


@cache
def _announce_fallback() -> None:
    if multiprocessing.parent_process() is not None:
        return  # the parent process has logged it
    logging.getLogger(__name__).warning(
        "The native trainer was not built; training in torch, several times slower. To build it, %s.", _REMEDY
    )
