"""Meaning of the axes of an array of samples: internally channels come first, in files they may come last.

Letters name the axes after the first, which is that of the samples: ``h`` rows, ``w`` columns, ``l`` time steps of a
signal, ``c`` channels. Two axes are a table of features and need no letters. Without letters the shape decides:

====================  =======================================================================================
shape                 is read as
====================  =======================================================================================
``(n, a, b)``         ``cl`` or ``lc`` if that side alone is 1. Else ``cl`` if a is at most half of b; ``hw``, images
                      of one channel, if neither side is twice the other, with a warning if they differ. Bytes are
                      pixels: ``hw`` if neither side is four times the other
``(n, a, b, c)``      ``chw`` or ``hwc`` if that side alone is 1 or 3, unless only the other reading has a square, as
                      in ``(n, 4, 3, 3)``. Else ``chw`` if b equals c or a is at most half of both, ``hwc`` if a equals
                      b or c is at most half of both
====================  =======================================================================================

A shape that fits none or two of these is refused: the letters must be given.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from evonas.types import DataError

#: Letters of the axes of one sample, in the order of the file.
Axes: TypeAlias = Literal["hw", "chw", "hwc", "cl", "lc"]
#: Axes after the channels were moved to the front.
AXES_INSIDE: Mapping[Axes, Axes] = MappingProxyType({"hw": "chw", "chw": "chw", "hwc": "chw", "cl": "cl", "lc": "cl"})
#: Numbers of channels by which the channel axis of an image array is recognised at once: grey and RGB.
CHANNELS = (1, 3)


def channels_first(x: NDArray[Any], origin: str, axes: Axes | None = None) -> tuple[NDArray[Any], Axes | None]:
    """Samples as :class:`evonas.data.arrays.RawSamples` holds them, and their axes; None for a table.

    Args:
        x: Features ``(n, n_features)``, or an array of :data:`Axes`.
        origin: Description of the data for messages.
        axes: Axes of ``x``; None infers them from the shape.

    Raises:
        DataError: The shape can be read in several ways or in none, or does not match the given axes.
    """
    if x.ndim == 2 and axes is None:
        return np.ascontiguousarray(x), None
    axes = _read(x, origin) if axes is None else _check(x, origin, axes)
    if axes == "hw":
        x = x.reshape(len(x), 1, *(x.shape[1:] if x.ndim == 3 else _without_channel(x)))
    elif axes in ("lc", "hwc"):
        x = np.moveaxis(x, -1, 1)
    return np.ascontiguousarray(x), axes


def _read(x: NDArray[Any], origin: str) -> Axes:
    a, b, c = (*x.shape[1:], 0)[:3] if x.ndim > 2 else (0, 0, 0)
    readings: dict[Axes, bool] = {}
    if x.ndim == 3 and (a == 1) != (b == 1):
        readings = {"cl": a == 1, "lc": b == 1}
    elif x.ndim == 3 and x.dtype == np.uint8:
        readings = {"hw": max(a, b) < 4 * min(a, b)}
    elif x.ndim == 3:
        readings = {"cl": 2 * a <= b, "hw": max(a, b) < 2 * min(a, b)}
    elif x.ndim == 4 and (a in CHANNELS or c in CHANNELS):
        readings = {"chw": a in CHANNELS or a != b == c, "hwc": c in CHANNELS or a == b != c}
    elif x.ndim == 4:
        readings = {"chw": b == c or 2 * a <= min(b, c), "hwc": a == b or 2 * c <= min(a, b)}
    fitting = [axes for axes, fits in readings.items() if fits]
    if len(fitting) == 1:
        if fitting[0] == "hw" and x.dtype != np.uint8 and a != b:
            warnings.warn(f"x of {origin}, of shape (n, {a}, {b}), is taken for images of {a} x {b}; give axes "
                          f"(--axes) cl where these are {a} channels of length {b}, lc where they are {b} of length "
                          f"{a}, hw to silence this", stacklevel=4)
        return fitting[0]
    shape = "(n, " + ", ".join(map(str, x.shape[1:])) + ")"
    if x.ndim not in (3, 4):
        raise DataError(
            f"x of {origin}: expected features (n, n_features), signals (n, channels, length), or images (n, height, "
            f"width), (n, channels, height, width) or (n, height, width, channels), got shape {x.shape}; reshape it"
        )
    ways = {
        "hw": f"hw (images of {a} x {b})", "cl": f"cl ({a} channels of length {b})",
        "lc": f"lc ({b} channels of length {a})",
    } if x.ndim == 3 else {
        "chw": f"chw ({a} channels of {b} x {c})", "hwc": f"hwc ({c} channels of {a} x {b})",
    }
    raise DataError(f"x of {origin}: expected samples whose axes their shape tells, got {shape}, which can be read in "
                    f"several ways; say by axes (--axes) which it is: {' or '.join(ways.values())}")


def _check(x: NDArray[Any], origin: str, axes: Axes) -> Axes:
    if axes not in get_args(Axes):
        raise DataError(f"axes: expected {', '.join(get_args(Axes)[:-1])} or {get_args(Axes)[-1]}, got {axes!r}")
    if x.ndim != 1 + len(axes) and not (axes == "hw" and x.ndim == 4 and 1 in (x.shape[1], x.shape[3])):
        raise DataError(f"x of {origin}: expected an array of {1 + len(axes)} axes, n{axes}, got shape {x.shape}; "
                        f"correct or leave out axes (--axes)")
    return axes


def _without_channel(x: NDArray[Any]) -> tuple[int, ...]:
    """Height and width of images with one channel, at either position of its axis."""
    return x.shape[2:] if x.shape[1] == 1 else x.shape[1:3]
