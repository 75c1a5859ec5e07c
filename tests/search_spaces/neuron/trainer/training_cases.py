"""Random samples, and the recipes that every trainer is tried with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from evonas.data.samples import Samples, Splits
from evonas.training import Recipe, Regrowth
from evonas.types import Floats, Task

CLASSES = Task("classification", (12,), 3)
IMAGES = Task("classification", (2, 2, 3), 3)
TARGETS = Task("regression", (12,), 3)
PLAIN = Recipe()
SHAPES: list[tuple[int, ...]] = [(), (1,), (4,), (1, 7), (6, 5), (8, 1, 4)]
#: Wide enough that no gradient is zero but for rounding, which Adam would blow up to full steps.
WIDE: dict[str, Any] = {"layers": (16, 12), "density": 0.5}


def random_samples(rng: np.random.Generator, n: int, task: Task = CLASSES, *, n_classes: int = 3) -> Samples:
    x = rng.normal(size=(n, *task.input_shape)).astype(np.float32)
    if task.kind == "regression":
        return Samples(x, rng.normal(size=(n, task.n_outputs)).astype(np.float32))
    return Samples(x, rng.integers(0, n_classes, n))


def random_splits(seed: int, n: int = 100, task: Task = CLASSES) -> Splits:
    rng = np.random.default_rng([seed, n])
    return Splits("random", task, random_samples(rng, n, task), random_samples(rng, 37, task), "none")


def teacher_of(samples: Samples, task: Task = CLASSES) -> Floats:
    """What some teacher says of samples, ``(n, n_outputs)``."""
    rng = np.random.default_rng(len(samples))
    if task.kind == "regression":
        outputs = rng.normal(size=(len(samples), task.n_outputs))
    else:
        outputs = rng.dirichlet(np.ones(task.n_outputs), len(samples))
    return outputs.astype(np.float32)


def weighted(samples: Samples) -> Samples:
    """Samples that count between nothing and several times as much as others."""
    weight = np.random.default_rng([3, len(samples)]).exponential(size=len(samples))
    weight[::7] = 0 if len(samples) > 1 else 1
    return replace(samples, weight=(weight / weight.mean()).astype(np.float32))


def weighted_splits(seed: int, task: Task = CLASSES) -> Splits:
    splits = random_splits(seed, task=task)
    return replace(splits, train=weighted(splits.train), validation=weighted(splits.validation))


def assert_close(actual: Any, expected: Any, *, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=rtol, atol=atol)


TRAINING_CASES: dict[str, dict[str, Any]] = {
    "adamw": {},
    "adam-coupled-decay": {"optimizer": "adam", "weight_decay": 0.01},
    "one-cycle": {"schedule": "one-cycle"},
    "constant-warm-up": {"schedule": "constant", "warmup": 0.3},
    "clipping": {"clip_norm": 0.1},
    "label-smoothing": {"label_smoothing": 0.2},
    "input-dropout": {"input_dropout": 0.3},
    "hidden-dropout": {"hidden_dropout": 0.3},
    "both-dropouts-in-a-tile-and-a-half": {"batch_size": 96, "input_dropout": 0.2, "hidden_dropout": 0.4},
    "batch-of-single-samples": {"batch_size": 10},
    "dropout-of-single-samples": {"batch_size": 9, "input_dropout": 0.5},
    "batch-of-a-tile": {"batch_size": 64},
    "batch-of-two-tiles": {"batch_size": 128},
    "batch-of-a-tile-and-a-half": {"batch_size": 96},
    "batch-beyond-the-data": {"batch_size": 1024},
}

AUGMENTED_CASES: dict[str, dict[str, Any]] = {
    "shifted": {"batch_size": 16, "shift": 1},
    "flipped-in-two-tiles": {"batch_size": 128, "flip": True},
    "both-of-single-samples-with-dropout": {"batch_size": 10, "shift": 1, "flip": True, "input_dropout": 0.2},
    "both-in-part-of-a-tile-with-dropout-and-regrowth": {
        "batch_size": 32, "shift": 1, "flip": True, "input_dropout": 0.2, "regrowth": Regrowth(fraction=0.2, every=6),
    },
    "shifted-with-random-regrowth": {
        "batch_size": 64, "shift": 1, "regrowth": Regrowth(fraction=0.2, every=3, grow="random"),
    },
}
