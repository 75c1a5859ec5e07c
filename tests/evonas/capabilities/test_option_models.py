"""What a model says of its options."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from evonas.capabilities.option_models import OptionHelp, describe_options


class Inner(BaseModel):
    """A table within the table."""

    size: int = 3


class Base(BaseModel):
    """Options that several spaces have.

    Attributes:
        width: Neurons of a layer.

            Also in a second paragraph.
        low, high: Bounds of what follows.
        other: Is overridden.

    Not an attribute: this.
    """

    width: int = Field(8, ge=1, lt=100)
    low: float = 0.5
    high: float | None = None
    other: str = "text"


class Options(Base):
    """Options of a third party's space.

    Attributes:
        other: Overrides the text.
        kind: With a colon: here.
    """

    kind: Literal["a", "b"] | None = "a"
    described: bool = Field(False, description="Beside the field.")
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[int, float] = (1, 2.0)
    weights: dict[str, float] = Field(default_factory=lambda: {"x": 1.0})
    inner: Inner = Inner()
    needed: int
    plain: str = ""


@pytest.fixture(scope="module")
def options() -> dict[str, OptionHelp]:
    return {option.name: option for option in describe_options(Options)}


@pytest.mark.parametrize(
    ("name", "takes", "default", "text"),
    [
        ("width", "INT>=1,<100", "8", "Neurons of a layer. Also in a second paragraph."),
        ("low", "NUMBER", "0.5", "Bounds of what follows."),
        ("high", "NUMBER", "None", "Bounds of what follows."),
        ("other", "TEXT", "text", "Overrides the text."),
        ("kind", "a|b", "a", "With a colon: here."),
        ("described", "true|false", "false", "Beside the field."),
        ("sizes", "INT,...", "1,2", ""),
        ("pair", "INT,NUMBER", "1,2", ""),
        ("weights", "a table", "x = 1", ""),
        ("inner", "a table", "size=3", ""),
        ("needed", "INT", "", ""),
        ("plain", "TEXT", "", ""),
    ],
)
def test_every_field_is_described(
    options: dict[str, OptionHelp], name: str, takes: str, default: str, text: str
) -> None:
    assert options[name] == OptionHelp(name, takes, default, text)


def test_every_field_is_there_once(options: dict[str, OptionHelp]) -> None:
    assert list(options) == list(Options.model_fields)


def test_a_type_that_json_does_not_know_costs_its_values_only() -> None:
    class Odd(BaseModel):
        """Attributes:
            f: Something that is called.
        """

        model_config = ConfigDict(arbitrary_types_allowed=True)
        f: Any = print
        g: type[int] | memoryview = int

    assert [option.name for option in describe_options(Odd)] == ["f", "g"]


def test_a_model_without_a_docstring_has_names_and_defaults() -> None:
    class Bare(BaseModel):
        x: int = 1

    assert describe_options(Bare) == [OptionHelp("x", "INT", "1", "")]
