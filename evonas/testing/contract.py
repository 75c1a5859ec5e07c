"""Subclasses of contracts, which set what is tested as a value or as a fixture."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest


def required(name: str, what: str) -> Any:
    """A fixture that a subclass replaces; it fails with a sentence where one does not.

    Args:
        name: Name of the attribute that it becomes, and of the fixture that tests ask for.
        what: Noun phrase of what is to be given.
    """

    @pytest.fixture(name=name)
    def missing(self: Contract) -> Any:
        pytest.fail(
            f"{type(self).__name__} sets no `{name}`: give the class an attribute or a fixture of this name, {what}",
            pytrace=False,
        )

    return missing


class Contract:
    """Base of all contracts: an attribute of a subclass that has the name of a fixture becomes that fixture.

    So a part that is quickly made is given as a value, ``space = MySpace()``, which all tests share; one that is slow
    to make, depends on others or has variants is given as a fixture of pytest, which may have ``params``.

    Raises:
        TypeError: A method or a property has the name of a fixture, but is none.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in list(vars(cls).items()):
            overridden = next((vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)), None)
            if isinstance(overridden, _FIXTURE) and not isinstance(value, _FIXTURE):
                if isinstance(value, property) or _is_method(value):
                    raise TypeError(f"{cls.__name__}.{name} is a method where a value or a fixture is expected: put "
                                    "@pytest.fixture above it")
                setattr(cls, name, _given(name, value))


def _is_method(value: Any) -> bool:
    return isinstance(value, FunctionType) and value.__code__.co_varnames[:1] == ("self",)


def _given(name: str, value: Any) -> Any:
    @pytest.fixture(name=name)
    def given(self: Contract) -> Any:
        return value

    return given


#: Type of what ``pytest.fixture`` makes of a function.
_FIXTURE = type(_given("", None))
