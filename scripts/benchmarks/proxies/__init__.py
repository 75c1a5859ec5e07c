"""Zero-cost proxies on NAS-Bench-201 beside published scores and accuracies.

- ``tables``: the published accuracies and scores.
- ``scoring``: scores of random architectures, each kept as soon as it is there.
- ``report``: rank correlations as JSON, a table and a plot.
"""
