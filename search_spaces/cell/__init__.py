"""The cell space: one cell, or a few, that a convolutional network repeats.

- ``primitives``: operations and sets of them by name, with exact counts of parameters and FLOPs.
- ``genotype``: which operation on which edge; a literal one can paste.
- ``options``, ``layout``: what a user may set, and the network around the cells that follows from it.
- ``choices``: genotypes as matrices, and as rows of a supernet's architecture.
- ``cost``: what a network costs, without torch.
- ``founders``, ``mutation``, ``crossover``: random genotypes, and moves between them.
- ``operations``, ``network``, ``supernet``: torch modules.
- ``onnx_program``: networks for onnxruntime; ``parts``: what in them is timed one by one.
- ``draw``: cells as pictures.
- ``space``: all of it as the engine sees it; ``published``: where methods were published.
"""
