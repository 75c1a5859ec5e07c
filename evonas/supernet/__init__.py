"""Supernet training: searches by gradient in any space that is :class:`evonas.capabilities.choices.Relaxable`.

- ``settings``: the methods by name, and what may be set of each; ``published``: what their papers set; ``search``: a
  method as a search for a family; no torch
- ``hypernet``: complexity to logits; ``checkpoint``: what a search leaves behind, and how it is asked; no torch
- ``relaxation``: softmax, Gumbel-softmax, straight-through; ``priors``, and remedies against collapse
- ``bilevel``: gradients of first and second order; ``path_sampling``: paths (SPOS, FairNAS,
  sandwich); ``proxyless``: gates and cost
- ``optimizers``: weights and logits under theirs; ``steps``: one step of every method; ``training``: epochs and
  checkpoints; ``subnetworks``: from a supernet to genotypes with weights
"""
