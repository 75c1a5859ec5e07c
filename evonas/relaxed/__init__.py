"""Supernet training: searches by gradient in any space that is :class:`evonas.space.Relaxable`.

- ``relaxation``: softmax, Gumbel-softmax, straight-through; ``remedies`` against collapse into skips; ``priors``
- ``hypernet``: complexity to logits; no torch
- ``bilevel``: gradients of first and second order
- ``sharing``: paths (SPOS, FairNAS), BatchNorm of a path; ``proxyless``: gates and expected cost
"""
