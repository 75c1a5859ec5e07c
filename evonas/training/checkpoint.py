"""Checkpoints that no other search takes for its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evonas.data.samples import Splits
from evonas.serialization.arrays import load, save
from evonas.space import Encoded
from evonas.types import Arrays, Floats, UserError

#: Where the header says of which search it is.
KEY = "search"


@dataclass(frozen=True)
class Checkpoint:
    """A file that one search writes, and that only the same search goes on from.

    Attributes:
        identity: All that decides the search's result, by names that one understands in an error; JSON.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(self, data: Encoded) -> None:
        """In the place of an earlier one; raises :class:`UserError` if that cannot be done."""
        save(self.path, Encoded({**data.header, KEY: dict(self.identity)}, data.arrays))

    def load(self) -> Encoded | None:
        """What was saved, None if nothing was; raises :class:`UserError` where it is damaged or of another search."""
        data = load(self.path)
        if data is None:
            return None
        found = data.header.get(KEY) if isinstance(data.header, dict) else None
        found, expected = found if isinstance(found, dict) else {}, json.loads(json.dumps(self.identity))
        for name in {**expected, **found}:
            if found.get(name) != expected.get(name):
                raise UserError(
                    f"{self.path} is no checkpoint of this search: expected the {name} {expected.get(name)}, got "
                    f"{found.get(name)}; delete it to begin anew"
                )
        return data


def data_and_seed(
    splits: Splits, seed: np.random.SeedSequence, teacher: Floats | None = None
) -> dict[str, Any]:
    """The part of :attr:`Checkpoint.identity` that every search has.

    Args:
        splits: The samples.
        seed: The seed of the search.
        teacher: What a teacher says of the training samples, ``(n_train, n_outputs)``.
    """
    return {
        "data set (fingerprint)": splits.fingerprint,
        "teacher (digest)": None if teacher is None else digest({"teacher": teacher}),
        "seed (its state)": seed.generate_state(2, np.uint64).tolist(),
    }


def digest(arrays: Arrays) -> str:
    """Hex digest of named arrays."""
    content = hashlib.blake2b(digest_size=8)
    for name, array in sorted(arrays.items()):
        content.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return content.hexdigest()
