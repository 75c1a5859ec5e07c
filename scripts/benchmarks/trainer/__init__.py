"""What ``python -m scripts.benchmarks.trainer`` measures, a module a question.

- ``networks``: the networks and the random data; ``formats``: sparse formats as torch modules, for autograd
- ``steps``: a training step of every backend; ``cells``: their times side by side, and how they compare
- ``peers``: a dense network of the same size, and sparselab; ``throughput``: candidates a minute; ``memory``: peak RSS
- ``tables``: what is printed; ``command``: the options
"""
