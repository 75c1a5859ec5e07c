"""Evolutionary, multi-objective, neuron-level neural architecture search.

``evonas.load(path)`` reads an exported network; the parts of a run are in the modules of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evonas.export.package import load

    __version__: str

__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Attributes are imported when they are asked for, so that importing one module does not import them all."""
    if name == "load":
        from evonas.export.package import load

        return load
    if name == "__version__":
        from importlib.metadata import version

        return version("evonas")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
