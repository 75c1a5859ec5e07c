"""The command line. ``search``: evolve, resume; ``inspect``: front, show, datasets, spaces; ``final``: retrain, export.

Exit codes: 0 done, 2 bad usage or bad input (one sentence, no traceback), 130 interrupted (the run can be resumed).
"""

from evonas.cli.app import main

__all__ = ["main"]
