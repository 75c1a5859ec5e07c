"""Capabilities of a search space beside :class:`evonas.space.SearchSpace`: every optional protocol, by its purpose.

- ``variation``: weights from relatives, aims, neighbours, features
- ``initialization``: families to start from; ``family``: searches that end in a whole family with weights
- ``choices``: operations to choose among, and the supernet; ``training``: a trainer of the space's own
- ``export``: programs for other runtimes, and parts that are timed; ``layers``: networks as layers, to be lowered
- ``display``: genotypes for a person; ``diagram``: a network as nodes and edges to draw; ``tables``: measurements of
  networks that others have trained
- ``options``: what a space says of its options; ``option_models``: how options are read and described; ``given``:
  tables of settings with the typed values that they make;
  ``presets``: methods as they were published
"""
