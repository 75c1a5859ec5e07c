"""Weights of samples: the given weights times those of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evonas.data.weights import check_weights
from evonas.types import Doubles, Ints, UserError

#: None: all samples weigh the same; ``"balanced"``: all classes do; or the weight of a sample by class.
ClassWeight: TypeAlias = Literal["balanced"] | Mapping[Any, float] | None


def sample_weights(sample_weight: Any, n_samples: int) -> Doubles | None:
    """The weights given to ``fit``, checked, ``(n,)``; None if there are none.

    Raises:
        UserError: They are invalid.
    """
    if sample_weight is None:
        return None
    return check_weights(np.asarray(sample_weight), n_samples, "sample_weight")


def class_weighted(
    weights: Doubles | None, class_weight: ClassWeight, classes: NDArray[Any], labels: Ints
) -> Doubles | None:
    """Weights ``(n,)`` of samples times those of their classes; None where all count alike.

    Args:
        weights: Weights of the samples.
        class_weight: Weights of the classes.
        classes: ``(n_classes,)``.
        labels: Their numbers, ``(n,)``.

    Raises:
        UserError: It names unknown classes, or leaves a class without weight.
    """
    counts = np.bincount(labels) if weights is None else np.bincount(labels, weights)
    if class_weight is None:
        factors = np.ones(len(classes))
    elif isinstance(class_weight, Mapping):
        factors = _factors(class_weight, classes)
    else:  # balanced, as was checked
        factors = counts.sum() / (len(classes) * np.where(counts > 0, counts, np.inf))
    if not (counts * factors > 0).all():
        label = classes.tolist()[int((counts * factors > 0).argmin())]
        raise UserError(f"expected a positive weight for some sample of every class, got 0 for all of class {label!r}: "
                        f"remove its samples or give them weight")
    if weights is None and class_weight is None:
        return None
    own: Doubles = factors[labels] if weights is None else weights * factors[labels]
    return own


def _factors(class_weight: Mapping[Any, float], classes: NDArray[Any]) -> Doubles:
    """Weight of a sample of each class, ``(n_classes,)``: 1 unless it is given."""
    known = set(classes.tolist())
    strange = [label for label in class_weight if label not in known]
    if strange and len(class_weight) - len(strange) < len(classes):  # a class that is missing in this fold is no error
        raise UserError(f"class_weight: expected labels like {', '.join(map(repr, classes[:5].tolist()))}, got "
                        f"{strange[0]!r}: correct it, or name all classes")
    try:
        factors = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], np.float64)
    except (TypeError, ValueError):
        raise UserError(f"class_weight: expected a number for each class, got {dict(class_weight)!r}") from None
    bad = ~(np.isfinite(factors) & (factors >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise UserError(f"class_weight: expected finite weights that are not negative, got {factors[row]:g} for class "
                        f"{classes.tolist()[row]!r}: correct it")
    return factors
