"""Gates that learn by gradient descent which edges matter: the differentiable search among sub-networks of a network.

Every edge has a relaxed gate under a sparsity prior ("parameter relevance", Taranov, Bakhteev and Strijov; the
hard-concrete gates are those of Louizos 2017, https://arxiv.org/abs/1712.01312). Weights and gates are trained on
different halves of the training samples while the prior grows stronger, and networks are read off during the training.

- ``priors``: the gates' distributions, densities and costs
- ``gates``: the gates in training, and the strength of the prior
- ``discretize``: from gates to a genotype with weights
- ``search``: the training; ``family``: a family of networks from several of them
"""
