"""A run as one self-contained HTML page.

- ``collect``: everything that the page shows, as JSON; ``timeline``: what changes as a run goes on;
  ``drawings``: networks, compactly
- ``page``: the JSON, the plotting library and the files of ``assets`` in one file; ``serve``: the same, kept up to date

The page loads nothing, and runs no script but its own: whatever a run holds is shown as text.
"""

from evonas.report.html.collect import Subject, collect
from evonas.report.html.drawings import Drawings
from evonas.report.html.page import render, write

__all__ = ["Drawings", "Subject", "collect", "render", "write"]
