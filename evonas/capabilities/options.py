"""Information of a search space about its own options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pydantic import BaseModel


@runtime_checkable
class HasWeightOptions(Protocol):
    """Capability: name the options in which two runs must agree before one continues from the weights of the other."""

    @property
    def weight_options(self) -> Mapping[str, Any]:
        """The space's options that determine what weights compute."""
        ...


@runtime_checkable
class HasOptions(Protocol):
    """Capability: describe the options of the space.

    See :func:`evonas.capabilities.option_models.describe_options`.
    """

    @property
    def options(self) -> BaseModel:
        """The settings, as an instance of the model that checks them."""
        ...


@runtime_checkable
class ReadsOptions(Protocol):
    """Capability of a factory: declare the model of the options, which are read before there is a task.

    Such a factory takes an instance of the model as well as a table; :class:`evonas.capabilities.option_models.Factory`
    is one. Without ``option_model`` a factory gets the table.
    """

    @property
    def option_model(self) -> type[BaseModel]:
        """The model that checks a table of options."""
        ...


@runtime_checkable
class SuitsData(Protocol):
    """Capability: options whose best value depends on the data."""

    def suitable_options(self) -> Mapping[str, Any]:
        """Values for options that were left out; a new run takes and stores them, a resumed one has its own."""
        ...
