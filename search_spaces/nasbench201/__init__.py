"""NAS-Bench-201 (Dong 2020, https://arxiv.org/abs/2001.00326): all cells of six edges and five operations.

- ``space``: the cells as a search space, in the network in which they were published.
- ``genotype``: cells by number, as strings, and classes of cells that compute the same.
- ``table``: published measurements of all cells, in the place of training.
"""
