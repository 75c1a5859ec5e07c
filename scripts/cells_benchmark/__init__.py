"""What ``scripts/benchmark_cells.py`` runs.

- ``lab``: searches and trainings from scratch, each done once, and how results are written
- ``evolution``: evolution in equal time, seeded and not
"""
