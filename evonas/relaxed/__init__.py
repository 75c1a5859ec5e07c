"""Supernet training: searches by gradient in any space that is :class:`evonas.space.Relaxable`.

- ``methods``: the methods by name, and their settings; ``search``: a method as a search for a family; no torch
- ``hypernet``: complexity to logits; ``trained``: what a search leaves behind, and how it is asked; no torch
- ``relaxation``: softmax, Gumbel-softmax, straight-through; ``remedies`` against collapse into skips; ``priors``
- ``bilevel``: gradients of first and second order; ``sharing``: paths (SPOS, FairNAS); ``proxyless``: gates and cost;
- ``learners``: weights and logits under their optimisers; ``steps``: one step of every method; ``loop``: epochs and
  checkpoints; ``members``: from a supernet to genotypes with weights
"""
