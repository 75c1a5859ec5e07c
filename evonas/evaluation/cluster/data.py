"""Evaluators on their way to the workers of a cluster: large arrays travel once, whichever evaluator has them."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from distributed import Client, Future

from evonas.evaluation.base import Evaluator
from evonas.evaluation.cluster.worker import OnDisk, hold
from evonas.space import G
from evonas.types import UserError

#: Arrays of fewer bytes travel with the evaluator.
LARGE = 2**20


def short(error: BaseException) -> str:
    """The first line of an error, for a sentence."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


@dataclass(frozen=True)
class Sent:
    """An evaluator on its way to workers.

    Attributes:
        evaluator: The evaluator.
        digest: Digest of its bytes.
        held: Tasks that hold its bytes, by the digest of each: first the evaluator, then its large arrays.
    """

    evaluator: Evaluator[Any]
    digest: str
    held: dict[str, Future]

    @property
    def is_lost(self) -> bool:
        """Whether the scheduler has dropped some of it."""
        return any(future.status in ("cancelled", "lost") for future in self.held.values())


def send(client: Client, evaluator: Evaluator[G], before: Sent | None, folder: Path | None) -> Sent:
    """Make tasks that hold the bytes of an evaluator; those that an earlier one had, too, are its own.

    Args:
        client: Client of the scheduler.
        evaluator: The evaluator.
        before: The one before; None for none.
        folder: Folder that all workers see; None for none.

    Raises:
        UserError: It cannot be sent.
    """
    large: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        """Keep large arrays out of the stream; returns whether this one stays in it."""
        try:
            raw = buffer.raw()
        except BufferError:  # it is not contiguous
            return True
        if raw.nbytes < LARGE:
            return True
        large.append(raw)
        return False

    try:
        head = cloudpickle.dumps(evaluator, protocol=pickle.HIGHEST_PROTOCOL, buffer_callback=keep)
    except Exception as error:
        raise UserError(f"cluster: the evaluator cannot be sent to workers ({short(error)}): leave the cluster "
                        f"out") from error
    data: dict[str, Any] = {_digest(head): head}
    for raw in large:
        digest = _digest(raw)
        data[digest] = np.frombuffer(raw, np.uint8) if folder is None else _on_disk(folder / digest, raw)
    known = {} if before is None else before.held
    held = {
        digest: known[digest] if digest in known else client.submit(hold, bytes_, key=f"evonas-data-{digest}")
        for digest, bytes_ in data.items()
    }
    return Sent(evaluator, _digest("".join(data).encode()), held)


def _on_disk(path: Path, raw: memoryview) -> OnDisk:
    if not path.exists():
        try:
            path.write_bytes(raw)
        except OSError as error:
            raise UserError(f"cluster: cannot write {path} ({error.strerror}): make room, or name another folder by "
                            f"TMPDIR") from None
    return OnDisk(str(path), raw.nbytes)


def _digest(data: bytes | memoryview) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
