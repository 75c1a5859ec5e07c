"""The error of this package."""

from __future__ import annotations

from evonas.types import UserError


class DataError(UserError):
    """A data set is unknown, missing, damaged or unfit; the message is one sentence that names the remedy."""
