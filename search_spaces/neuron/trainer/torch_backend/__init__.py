"""Trainer in pure torch: for machines without the native library, and for other devices than the CPU.

- ``products``: products with the sparse matrix of a network, by embedding_bag or by a masked dense matrix.
- ``propagation``: forward and backward passes of a whole network over some samples.
- ``batches``: samples, targets and the loss; passes over batches of any size.
- ``learner``: parameters under Adam, and their changes when edges are removed and added.
- ``rewiring``: the edges that are removed and added.
- ``training``: the loop over epochs and steps.
- ``trainer``: TorchTrainer, the interface.
"""

from search_spaces.neuron.trainer.torch_backend.trainer import TorchTrainer

__all__ = ["TorchTrainer"]
