"""Search by gradient descent for the predecessor that a layer reads, and the function: one simplex a vertex.

A vertex is a layer of neurons. It mixes all pairs of a predecessor and a function, ``v = sum gamma_jk f_k(v_j)``, with
``gamma`` on one simplex over the pairs ("parameter relevance", Taranov, Bakhteev and Strijov). The structure ``gamma``
and a decay for the weights of every function are learned on samples that the weights do not see; at the end each vertex
keeps its most probable pair. :mod:`search_spaces.neuron.gates` learns about single edges instead.

- ``settings``: what a user may set, and the functions by name
- ``network``: vertices, pairs, and the network that mixes them
- ``structure``: the logits of all simplices and the decays, their prior
- ``search``: the bilevel training; ``discretize``: from the structure to a network of single neurons
- ``family``: networks of all sizes from several searches
"""
