"""The life of a run, from a configuration to what is taken away.

- ``build``: the parts of a run; ``searchers``, ``evaluators``, ``initialization``: its searcher, metrics and seeder;
  ``presets``: what a preset sets
- ``start``: begin, seed, resume; ``loop``: ask, evaluate, tell; ``one_shot``: a search for a whole family first
- ``open``: a run on disk, open, and whether runs fit each other
- ``warm_start``: founders from other runs; ``distillation``: a teacher; ``lowering``: networks of one
  space as networks of another
- ``retrain``: final training, measured on the test set; ``refit``: an estimator's networks, picked by repeated
  validation and trained on all samples; ``package``, ``export``: networks as files
- ``measure``: what times networks, and their latency and memory; ``targets``: those that a run names, and their tools
- ``scoring``: zero-cost proxies of networks; ``sampling``: architectures from a hypernetwork; ``examples``: spaces for
  example tasks, without data
- ``api``: a run as Python sees it, ``frame``: its tables in pandas; ``evolution``: runs from Python
- ``observer``: what may watch a run; ``progress``: what a terminal shows meanwhile; ``observers``: what MLflow or
  TensorBoard record meanwhile
- ``plugins``: spaces, searchers, metrics and tables by the names of their entry points
"""
