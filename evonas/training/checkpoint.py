"""Checkpoints that only the search that wrote them accepts."""

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
from evonas.types import Arrays, Encoded, Floats, UserError

#: Key of the search's identity in the header.
KEY = "search"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file that one search writes, and from which only the same search continues.

    Attributes:
        path: Path of the file.
        identity: Everything that determines the search's result, by names that are clear in an error; JSON.
    """

    path: Path
    identity: Mapping[str, Any]

    def save(self, data: Encoded) -> None:
        """Write the checkpoint in the place of an earlier one.

        Raises:
            UserError: It cannot be written.
        """
        save(self.path, Encoded({**data.header, KEY: dict(self.identity)}, data.arrays))

    def load(self) -> Encoded | None:
        """The saved data, None if there is none.

        Raises:
            UserError: The file is damaged or of another search.
        """
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
        teacher: Outputs of a teacher for the training samples, ``(n_train, n_outputs)``.
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
