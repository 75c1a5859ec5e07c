"""Comparison of estimators by ``python -m scripts.benchmarks.tables``.

- ``tables``: the data sets, all of them from installed packages
- ``methods``: the estimators
- ``results``: scores as CSV, and as a Markdown table
"""
