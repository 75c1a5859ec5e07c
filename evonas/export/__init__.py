"""Networks as programs for other runtimes; :mod:`evonas.run.export` writes them, checked against torch.

- ``formats``: from a trained genotype to a program, for any space; ``traced``: ONNX of any module; ``litert``: LiteRT
- ``onnx_graph``: ONNX node by node; ``layers``: C of networks of layers
- ``c_frame``, ``c_text``, ``c_scope``: what C of any network has in common; ``names``: names in it; ``quantisation``:
  rounded numbers
- ``module``, ``data_units``: conversion between the units of a data set's files, which exported networks use, and those
  of the search
"""
