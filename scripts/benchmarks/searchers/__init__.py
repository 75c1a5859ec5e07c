"""Searchers on the table of NAS-Bench-201, many seeds each, at equal evaluations.

- ``play``: a search in memory, without a run directory.
- ``contestants``: the searchers with their settings.
- ``results``: results, kept in a file, and the table.
"""
