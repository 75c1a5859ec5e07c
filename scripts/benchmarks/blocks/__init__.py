"""Benchmark ``python -m scripts.benchmarks.blocks``.

- ``settings``: data, space and lengths, and the supernets that are compared
- ``lab``: trainings from scratch, supernets and their scores, each done once
- ``results``: rank correlations as JSON, a table and a plot
"""
