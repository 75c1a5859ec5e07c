"""The space of tiny convolutional networks: what one would train for a small device without any search.

It is the bar for the other spaces at equal FLOPs, and has no trainer of its own: torch trains it.

- ``genotype``: a stem, convolutions, a head; as data that is stored.
- ``layers``: the layers that follow from a genotype with all their sizes, and what they cost. No torch.
- ``founders``: networks of a given cost, and a family of them; ``mutation``: moves between networks.
- ``network``: the torch module; ``space``: all of it as the engine sees it.
"""
