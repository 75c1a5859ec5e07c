"""Networks for other runtimes, and these at work on this machine: to check them against torch, and to time them.

- ``programs``: from a trained genotype to a program; ``traced``: ONNX of any module; ``module``, ``units``: between the
  values of a data set's files, which exported networks take and give, and those of the search
- ``running``: a program at work; ``compiled``: C, where there is a compiler; ``onnx_session``: onnxruntime; ``timing``;
  ``latency_table``: what networks take as the sum of what their parts take
"""
