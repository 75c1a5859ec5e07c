"""A Dask cluster as a place where trials run.

- ``place``: the driver's side: the cluster, and which workers take part; ``flow``: trials on their way there and back.
- ``worker``: what a worker does with a trial; ``data``: the data of evaluators, which travel once.

Importing this package does not import Dask.
"""
