"""Laws of contracts that are called as pytest calls them, on what breaks them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest


def found_by(contract: object, law: str, *parts: Any, **arguments: Any) -> str:
    """What a law says that is broken.

    Args:
        contract: An instance of the contract.
        law: Name of the test.
        parts: What fixtures give to the test.
        arguments: What its parameters are.
    """
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)) as failure:
        getattr(contract, law)(*parts, **arguments)
    return str(failure.value)


def laws_of(contract: type[Any]) -> set[str]:
    """The names of the tests of a contract."""
    return {name for name, _ in inspect.getmembers(contract, inspect.isfunction) if name.startswith("test_")}
