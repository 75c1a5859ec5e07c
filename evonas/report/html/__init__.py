"""A run as one self-contained HTML page.

- ``collect``: everything that the page shows, as JSON; ``timeline``: quantities over the time of a run;
  ``drawings``: networks in a compact form
- ``page``: the JSON, the plotting library and the files of ``assets`` in one file; ``serve``: the same, kept up to date

The page loads nothing and runs no script but its own: all contents of a run are shown as text.
"""

from evonas.report.html.collect import Subject, collect
from evonas.report.html.drawings import Drawings
from evonas.report.html.page import render, write

__all__ = ["Drawings", "Subject", "collect", "render", "write"]
