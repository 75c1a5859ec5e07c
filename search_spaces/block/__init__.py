"""The macro space: the 8 blocks of a ResNet-18, each with an operation of its own.

- ``options``: what a user may set; ``operations``: kernels and inner widths to choose from, as convolutions
- ``layout``: the network around the choices; ``cost``: parameters, FLOPs and depth, in closed form. No torch.
- ``genotype``: an operation a block, as a literal; ``mutation``: moves between genotypes
- ``network``: the torch module; ``supernet``: all operations at once, as slices of the widest or with weights of their
  own; ``inheritance``: from a parent's weights to a child's
- ``draw``: blocks as a drawing; ``published``: methods as their papers have them; ``space``: all of it as the engine
  sees it
"""
