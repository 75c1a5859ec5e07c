"""The device that torch trains on: a setting of the machine, and no part of what is searched.

It is that of the environment variable ``EVONAS_DEVICE``, which worker processes inherit; without it the CPU. A run sets
it while it trains (:func:`using`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evonas.types import UserError

if TYPE_CHECKING:
    import torch

#: The environment variable.
VARIABLE = "EVONAS_DEVICE"
#: Device that this process began with.
OWN = os.environ.get(VARIABLE, "auto")
#: Form of a name.
NAME = re.compile(r"auto|cpu|cuda(:\d+)?")


def check_name(name: str) -> str:
    """The name of a device; raises ``ValueError`` if it is none."""
    if not NAME.fullmatch(name):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:K with the number of a GPU, got {name!r}")
    return name


def has_cuda() -> bool:
    """Whether torch finds a CUDA device; where it was built without CUDA none of its functions for CUDA is called."""
    import torch

    is_built: bool = torch.backends.cuda.is_built()  # type: ignore[no-untyped-call]
    return is_built and torch.cuda.is_available()


def find(name: str) -> torch.device:
    """The device of a name; ``auto`` is the first GPU if there is one, else the CPU.

    Raises:
        UserError: The machine has no such device.
    """
    return _found(check_name(name), f"the device {name} was asked for", "give --device cpu")


def _found(name: str, asked: str, remedy: str) -> torch.device:
    """The device of a name, see :func:`find`.

    Args:
        name: Its name, which has been checked.
        asked: What the sentence about a missing device begins with: what has asked for it.
        remedy: What its sentence ends with.
    """
    import torch

    if name == "auto":
        name = "cuda" if has_cuda() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    if not has_cuda():
        raise UserError(f"{asked}, but torch finds no CUDA device on this machine: {remedy}")
    device = torch.device(name)
    if device.index is not None and device.index >= (n := torch.cuda.device_count()):
        raise UserError(f"{asked}, but this machine has {n}: give a number below {n}")
    return device


def name_now() -> str:
    """The name of the device that is in use."""
    try:
        return check_name(os.environ.get(VARIABLE, "cpu"))
    except ValueError as error:
        raise UserError(f"the variable {VARIABLE}: {error}") from None


def current() -> torch.device:
    """The device that is in use; raises :class:`UserError` if the machine has none such."""
    name = name_now()
    return _found(name, f"the device {name} was asked for, by --device or the variable {VARIABLE}",
                  f"give --device cpu, or set {VARIABLE} to cpu")


def adopt(name: str) -> None:
    """Use a device in this process from now on, as a worker does that of its driver; ``auto`` is what it began with."""
    if (wanted := OWN if name == "auto" else check_name(name)) != name_now():
        os.environ[VARIABLE] = wanted


@contextmanager
def using(name: str) -> Iterator[None]:
    """Use a device in this context, in this process and those that it starts; raises as :func:`find` does.

    ``auto`` leaves what the environment names.
    """
    before = os.environ.get(VARIABLE)
    if name == "auto" and before is not None:
        _found(name_now(), f"the variable {VARIABLE} asks for the device {before}",
               "set it to cpu or unset it, or give --device cpu")
    else:
        find(name)
        os.environ[VARIABLE] = name
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before
