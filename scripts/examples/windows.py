"""Windows of a motion sensor as a data set: recordings of four movements, generated. Usage: windows.py [FILE]"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Movements, with the range of steps or strokes a second and of their strength.
MOVEMENTS = {"standing": ((0.2, 0.5), (0.02, 0.1)), "walking": ((1.4, 2.1), (1.0, 2.5)),
             "running": ((2.4, 3.2), (3.0, 6.0)), "rowing": ((0.4, 0.8), (2.0, 5.0))}
#: Samples a second, seconds of a recording, samples of a window, and samples from one window to the next: half overlap.
RATE, SECONDS, LENGTH, STEP = 25, 24, 50, 25
#: Recordings of each movement, by as many persons; those of the last persons are for the test.
PERSONS, TESTED = 30, 6


def record(movement: str, rng: np.random.Generator) -> NDArray[np.float32]:
    """One recording, ``(6, n)``: acceleration in m/s² and rotation in rad/s along three axes.

    Args:
        movement: One of :data:`MOVEMENTS`.
        rng: Draws the person's pace, strength and style, and how the sensor lies.
    """
    pace, strength = (rng.uniform(*bounds) for bounds in MOVEMENTS[movement])
    time = np.arange(RATE * SECONDS) / RATE
    phase = 2 * np.pi * (pace * time + 0.1 * np.cumsum(rng.normal(size=len(time))) / RATE + rng.uniform())
    harmonics = [np.sin(phase), 0.5 * np.sin(2 * phase + 1), 0.3 * np.sin(3 * phase)]
    common = np.random.default_rng(list(MOVEMENTS).index(movement)).normal(size=(6, 3))
    moved = strength * (common + 0.4 * rng.normal(size=(6, 3))) @ np.array(harmonics)
    moved[3:] *= 0.3
    gravity = np.array([0.0, 0.0, 1.0]) + 0.3 * rng.normal(size=3)
    moved[:3] += 9.81 * (gravity / np.linalg.norm(gravity))[:, None]
    recorded: NDArray[np.float32] = (moved + rng.normal(scale=0.3, size=moved.shape)).astype(np.float32)
    return recorded


def windows(recording: NDArray[np.float32]) -> NDArray[np.float32]:
    """The windows of a recording, ``(n, 6, LENGTH)``, each of which overlaps the next."""
    views = np.lib.stride_tricks.sliding_window_view(recording, LENGTH, axis=1)[:, ::STEP]
    return np.ascontiguousarray(views.transpose(1, 0, 2))


def main(path: str = "windows.npz") -> None:
    """Write the windows; those of one recording are a group, which is never split between training and validation."""
    rng = np.random.default_rng(0)
    parts: dict[str, list[Any]] = {"x_train": [], "y_train": [], "group_train": [], "x_test": [], "y_test": []}
    for person in range(PERSONS):
        for label, movement in enumerate(MOVEMENTS):
            found = windows(record(movement, rng))
            part = "train" if person < PERSONS - TESTED else "test"
            parts[f"x_{part}"].append(found)
            parts[f"y_{part}"].append(np.full(len(found), label))
            if part == "train":
                parts["group_train"].append(np.full(len(found), len(MOVEMENTS) * person + label))
    arrays: dict[str, Any] = {name: np.concatenate(pieces) for name, pieces in parts.items()}
    np.savez_compressed(path, classes=np.array(list(MOVEMENTS)), **arrays)
    print(f"{len(arrays['x_train'])} windows to train on and {len(arrays['x_test'])} to test, of 6 x {LENGTH} numbers")


if __name__ == "__main__":
    main(*sys.argv[1:2])
