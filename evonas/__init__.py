"""Evolutionary, multi-objective, neuron-level neural architecture search.

``evonas.Run(path)`` is a run on disk, finished or in progress: its front, its evaluations, its networks.
``evonas.load(path)`` reads an exported network, ``evonas.load(run, id)`` one of a run. ``evonas.evolve`` starts a run,
which ``evonas.RunObserver`` observes; ``evonas.EvoClassifier`` and ``evonas.EvoRegressor`` are the search as estimators
of scikit-learn. ``evonas.export_module`` writes any module of torch as C. The parts of a search are in the modules of
this package.
"""

from __future__ import annotations

TYPE_CHECKING = False  # not imported: any import here delays the moment from which Ctrl-C is handled quietly
if TYPE_CHECKING:
    from typing import Any

    from evonas.estimator import EvoClassifier, EvoRegressor
    from evonas.run.api import Run, load
    from evonas.run.evolution import evolve
    from evonas.run.modules import export_module
    from evonas.run.observer import RunObserver

    __version__: str

__all__ = ["EvoClassifier", "EvoRegressor", "Run", "RunObserver", "__version__", "evolve", "export_module", "load"]

_MODULES = {
    "EvoClassifier": "evonas.estimator", "EvoRegressor": "evonas.estimator", "Run": "evonas.run.api",
    "RunObserver": "evonas.run.observer", "evolve": "evonas.run.evolution", "export_module": "evonas.run.modules",
    "load": "evonas.run.api",
}


def __getattr__(name: str) -> Any:
    """Import attributes on access, so that importing one module does not import all of them."""
    if name in _MODULES:
        from importlib import import_module

        return getattr(import_module(_MODULES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("evonas")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
