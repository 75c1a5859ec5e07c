"""The neuron-level search space: networks whose every neuron and edge is a gene.

- ``genotype``: the struct of arrays; ``layering``: neurons on layers
- ``distance``, ``placing``: where neurons lie; ``edge_sampling``, ``edge_editing``: which edges appear, and how they
  are put in
- ``initialization``, ``family_searches`` (by ``gates``, by ``vertices``), ``mutation``, ``crossover``: where genotypes
  come from
- ``weights``: those a child starts from; ``cost``: what a network costs
- ``trainer``: training at the speed of the hardware; ``module``: the phenotype in torch
- ``graph``: from and to networkx; ``draw``: what a network looks like
- ``options``, ``published``, ``space``: what the engine sees
"""

from search_spaces.neuron.space import create

__all__ = ["create"]
