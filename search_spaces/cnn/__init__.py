"""Space of tiny convolutional networks: those that are trained for a small device without any search.

Other spaces are compared with it at equal FLOPs. It has no trainer of its own: torch trains it.

- ``genotype``: a stem, convolutions and a head, as data that are stored.
- ``layers``: the layers that follow from a genotype with all their sizes and costs, without torch.
- ``founders``: networks of a given cost, and a family of them; ``mutation``: moves between networks.
- ``network``: the torch module; ``space``: the space as the engine sees it.
"""
