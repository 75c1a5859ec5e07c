"""Stored form of genotypes: named arrays and a header, and checks of untrusted data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evonas.space import Encoded, InvalidGenotype
from search_spaces.neuron.genotype import NEURON_DEFAULTS, NeuronGenotype


def encode(genotype: NeuronGenotype) -> Encoded:
    """Return arrays and header as stored: edges as sources and in-degrees, in the narrowest type that holds them."""
    header: dict[str, Any] = {"n_inputs": genotype.n_inputs, "n_outputs": genotype.n_outputs}
    if genotype.prune_to:
        header["prune_to"] = genotype.prune_to
    if genotype.grow_to:
        header["grow_to"] = genotype.grow_to
    if genotype.release_at != 1:
        header["release_at"] = genotype.release_at
    sources, degrees = genotype.edges[:, 0], np.diff(genotype.row_pointers)
    arrays: dict[str, NDArray[Any]] = {
        "ids": genotype.ids, "layers": genotype.layers, "positions": genotype.positions,
        "sources": sources.astype(np.min_scalar_type(genotype.n_neurons)),
        "degrees": degrees.astype(np.min_scalar_type(int(degrees.max()))),
    }
    if (genotype.ties >= 0).any():
        arrays["ties"] = genotype.ties
    for name, default in NEURON_DEFAULTS.items():
        gene = getattr(genotype, name)
        if (gene != default.value).any():
            arrays[name] = gene
    return Encoded(header, arrays)


#: Kinds of numbers and ranges of the stored arrays, and bounds on the neurons that a header may ask for.
_STORED: dict[str, tuple[str, type[np.generic]]] = {
    "ids": ("iu", np.int64), "layers": ("iu", np.int32), "positions": ("f", np.float32), "sources": ("iu", np.int32),
    "degrees": ("iu", np.int64), "ties": ("iu", np.int32), "origins": ("iu", np.int64), "channels": ("iu", np.int32),
    "activations": ("iu", np.int8),
}
_OPTIONAL = ("ties", *NEURON_DEFAULTS)
MOST_NEURONS = 2**27


def decode(data: Encoded) -> NeuronGenotype:
    """Invert :func:`encode`.

    Raises:
        InvalidGenotype: A field is missing or of another kind, or the data break an invariant.
    """
    n_inputs, n_outputs = (_stored_number(data, name, 1) for name in ("n_inputs", "n_outputs"))
    arrays = {name: _stored_array(data, name) for name in _STORED}
    sources, degrees = arrays.pop("sources"), arrays.pop("degrees")
    if len(degrees) != len(arrays["ids"]) + n_outputs or len(degrees) + n_inputs > MOST_NEURONS:
        raise InvalidGenotype(f"the stored in-degrees are of {len(degrees)} neurons, expected hidden ones and outputs")
    if len(degrees) and (int(degrees.min()) < 0 or int(degrees.max()) > len(sources) or degrees.sum() != len(sources)):
        raise InvalidGenotype(f"the stored in-degrees sum to {degrees.sum()}, but there are {len(sources)} edges")
    targets = np.repeat(np.arange(n_inputs, n_inputs + len(degrees), dtype=np.int32), degrees)
    genotype = NeuronGenotype(
        n_inputs, n_outputs, **arrays, edges=np.stack([sources, targets], axis=1),
        prune_to=_stored_number(data, "prune_to", 0), grow_to=_stored_number(data, "grow_to", 0),
        release_at=_stored_share(data, "release_at"),
    )
    genotype.validate()
    return genotype


def _stored_number(data: Encoded, name: str, least: int) -> int:
    """Return a whole number of the header.

    Args:
        data: The stored data.
        name: Name of the number.
        least: Smallest valid value; a number with 0 may be absent, and is 0.
    """
    if not isinstance(data.header, dict) or (least and name not in data.header):
        raise InvalidGenotype(f"the stored genotype has no field {name!r}")
    value = data.header.get(name, 0)
    if type(value) is not int or not least <= value <= MOST_NEURONS**2:
        raise InvalidGenotype(f"{name} of the stored genotype must be a whole number from {least}, got {value!r:.60}")
    return value


def _stored_share(data: Encoded, name: str) -> float:
    """Return a number of the header from 0 to 1; 1 if it is absent."""
    value = data.header.get(name, 1.0)
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise InvalidGenotype(f"{name} of the stored genotype must be a share from 0 to 1, got {value!r:.60}")
    return float(value)


def _stored_array(data: Encoded, name: str) -> NDArray[Any]:
    kinds, dtype = _STORED[name]
    if name not in data.arrays and name not in _OPTIONAL:
        raise InvalidGenotype(f"the stored genotype has no field {name!r}")
    array = np.asarray(data.arrays.get(name, np.empty(0, dtype)))
    if array.dtype.kind not in kinds or array.ndim != (2 if name == "positions" else 1):
        found = f"{array.dtype} of shape {array.shape}"
        raise InvalidGenotype(f"{name} of the stored genotype must be numbers of a neuron or an edge, got {found}")
    if array.dtype.kind in "iu" and array.size:
        limits = np.iinfo(np.dtype(dtype))
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            raise InvalidGenotype(f"{name} of the stored genotype must fit {np.dtype(dtype)}, got {array.max()}")
    with np.errstate(over="ignore"):  # values that do not fit become infinite and are refused
        return array.astype(dtype)
