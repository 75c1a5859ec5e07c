"""Measurements of ``python -m scripts.benchmarks.trainer``, one module for each question.

- ``networks``: the networks and the random data; ``formats``: sparse formats as torch modules, for autograd
- ``steps``: a training step of every backend; ``cells``: their times side by side, and their comparison
- ``peers``: a dense network of the same size, and other ``packages``; ``throughput``: candidates a minute; ``memory``:
  peak RSS
- ``tables``: the printed tables; ``command``: the options
"""
