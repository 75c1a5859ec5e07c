"""Networks of integers on a microcontroller, by ``python -m scripts.benchmarks.microcontroller``.

- ``settings``: data sets with their budgets and searches, and the methods
- ``networks``: the best network of a run under a budget, fine-tuned with the rounding of its program
- ``emlearn_models``: models of scikit-learn as the C that emlearn writes, the largest under a budget
- ``rows``: what was measured, each row once; ``table``: the rows as Markdown
"""
