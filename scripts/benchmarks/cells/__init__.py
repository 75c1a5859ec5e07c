"""Benchmark ``python -m scripts.benchmarks.cells``.

- ``table`` (and its ``kappa``), ``curve``, ``collapse``, ``evolution``: a comparison each
- ``settings``: what they have in common
- ``lab``: searches and trainings from scratch, each done once, and how results are written
"""
