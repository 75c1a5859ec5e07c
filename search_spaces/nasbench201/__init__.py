"""NAS-Bench-201 (Dong 2020, https://arxiv.org/abs/2001.00326): all cells of six edges and five operations.

- ``space``: the cells as a search space, in the network that they were published in.
- ``genotype``: cells by number, as strings, and which of them compute the same.
- ``table``: what was measured of all of them, in the place of training.
"""
