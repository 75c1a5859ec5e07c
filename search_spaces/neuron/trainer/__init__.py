"""Training of neuron networks: one interface, a native backend, and its fallback in torch.

- ``base``: arguments and results of all trainers; ``checks``: arguments that are refused; ``counter_rng``: random
  numbers that all trainers share
- ``native``: the trainer in C++; ``torch_backend``: the trainer in torch

Importing this package imports neither torch nor the native library.
"""

from __future__ import annotations

import logging
import multiprocessing
from functools import cache
from typing import Literal, TypeAlias, get_args

from search_spaces.neuron.trainer.base import Trainer

#: Names of trainers: ``native``; ``torch``: embedding_bag or dense products, whichever is faster for a network;
#: ``dense``: always dense products; ``auto``: native if the library is there, else torch.
TrainerName: TypeAlias = Literal["auto", "native", "torch", "dense"]

_REMEDY = "install a C++17 compiler (g++ or clang++) and then this package again"


def choose_trainer(name: TrainerName = "auto") -> Trainer:
    """Return the trainer of a name; it can be pickled.

    If ``auto`` finds no native library, it takes torch and logs this once, in the main process, in one line at level
    WARNING of the logger ``search_spaces.neuron.trainer``.

    Raises:
        ValueError: The name is unknown, or ``native`` is asked for and the library is not there.
    """
    if name not in get_args(TrainerName):
        raise ValueError(f"trainer must be one of {', '.join(get_args(TrainerName))}, got {name!r}")
    if name in ("auto", "native"):
        from search_spaces.neuron.trainer.native import NativeTrainer, available

        if available():
            return NativeTrainer()
        if name == "native":
            raise ValueError(f"the native trainer was not built; {_REMEDY}, or choose trainer 'auto' or 'torch'")
        _announce_fallback()
    from search_spaces.neuron.trainer.torch_backend import TorchTrainer

    return TorchTrainer("dense" if name == "dense" else "auto")


@cache
def _announce_fallback() -> None:
    if multiprocessing.parent_process() is not None:
        return  # the parent process has logged it
    logging.getLogger(__name__).warning(
        "The native trainer was not built; training in torch, several times slower. To build it, %s.", _REMEDY
    )
