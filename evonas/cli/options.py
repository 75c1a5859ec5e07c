"""Reading the small languages of command-line values."""

from __future__ import annotations

from collections.abc import Mapping

from evonas.types import UserError


def parse_assignments(text: str) -> Mapping[str, float]:
    """``name=number,name=number`` as a dict; raises :class:`UserError`."""
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        return {name.strip(): float(value) for name, _, value in pairs}
    except ValueError:
        raise UserError(f"cannot read {text!r}, expected METRIC=NUMBER[,METRIC=NUMBER]") from None


def parse_names(text: str | None) -> tuple[str, ...] | None:
    """``a,b`` as a tuple; None stays None."""
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())
