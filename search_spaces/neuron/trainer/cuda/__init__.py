"""Trainer of whole populations on a GPU, in Triton: different networks in the same kernels.

- ``structure``: networks packed into one block-diagonal matrix; ``kernels`` and ``update_kernels``: what is
  computed with it
- ``problem``: samples on the device, and what a step reads; ``tables``: the latter for each epoch
- ``population``: parameters on the device, and the launches of a step; ``launch``: CUDA graphs
- ``candidate``: one network of a training; ``training``: the loop; ``passes``: outputs and gradients alone
- ``trainer``: CudaTrainer, the interface

The result for a network does not depend on those beside it: sums have a fixed order of their own, and random numbers
are addressed by the network's seed. On the CPU all of it runs in Triton's interpreter (``TRITON_INTERPRET=1``).
"""

from search_spaces.neuron.trainer.cuda.trainer import CudaTrainer

__all__ = ["CudaTrainer"]
