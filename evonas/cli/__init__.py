"""The command line.

- ``search``: evolve, seed, resume; ``sample``; ``inspect``: front; ``individual``: show, lineage; ``report``
- ``compare``; ``final``: retrain, measure, export
- ``installed``: datasets, spaces
- ``app``: the application; ``console``, ``progress``: what is printed; ``options``: reading values

Exit codes: 0 done, 2 bad usage or bad input (one sentence, no traceback), 130 interrupted (the run can be resumed).

Commands import what they need when they run: help, usage errors and version must not wait for it.
"""

from evonas.cli.app import main

__all__ = ["main"]
