"""The error of this package."""

from __future__ import annotations


class DataError(ValueError):
    """A data set is unknown, missing, damaged or unfit; the message is one sentence that names the remedy."""
