"""Networks of layers (see :mod:`evonas.capabilities.layers`) as programs, and modules of torch as layers.

- ``recording``, with ``recorded`` and ``windows``: layers of a module, as it runs; ``folding``: BatchNorm inside the
  layer before it
- ``module``: layers as a module of torch; ``rounding``: layers with weights as a device stores them
- ``steps``: layers as steps on buffers, in place where possible; ``memory``: the places of the buffers
- ``c_functions``, ``c_program``: C99
"""
