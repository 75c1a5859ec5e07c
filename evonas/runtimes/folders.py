"""The user's own folder for what runs of one machine share: the lock of timings, and what is built once."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from evonas.types import UserError


def private_folder() -> Path:
    """A folder below that for temporary files that only the user may enter; made if it is not there.

    Raises:
        UserError: A link is in its place, or a folder of another user.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"evonas-{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or (hasattr(os, "getuid") and state.st_uid != user):
        raise UserError(f"{folder} must be a folder of this user, for what runs share: remove it, or set TMPDIR")
    return folder
