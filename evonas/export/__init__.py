"""Networks as programs for other runtimes; :mod:`evonas.run.export` writes them, checked against torch.

- ``formats``: from a trained genotype to a program, whatever its space offers; ``traced``: ONNX of any module
- ``onnx_graph``: ONNX node by node; ``names``: of exported C
- ``module``, ``data_units``: between the values of a data set's files, which exported networks take and give, and those
  of the search
"""
