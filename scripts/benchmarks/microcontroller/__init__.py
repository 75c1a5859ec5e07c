"""Networks of integers on a microcontroller, by ``python -m scripts.benchmarks.microcontroller``.

- ``settings``: data sets with their budgets and searches, and the methods
- ``networks``: the best network of a run under a budget, fine-tuned with the rounding of its program
- ``emlearn_models``: models of scikit-learn, the largest under a budget; ``emlearn_source``: their C
- ``rows``: what was measured, each row once; ``table``: the rows as Markdown
"""
