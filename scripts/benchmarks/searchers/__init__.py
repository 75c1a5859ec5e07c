"""Searchers on the table of NAS-Bench-201, many seeds each, at equal evaluations.

- ``play``: a search in memory, without a run directory.
- ``contestants``: the searchers with their settings.
- ``results``: what a search reached, kept in a file; many at a time.
- ``report``: all results as JSON, a table and a plot.
"""
