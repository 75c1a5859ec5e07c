"""Comparison of search methods by ``python -m scripts.benchmarks.front``.

- ``methods``: the methods with their settings; ``checks``: checks of the command's arguments
- ``schedule``: the runs in their order, each to its end
- ``results``: fronts chosen by validation, then measured on the test set, as JSON and a plot; ``table``: as Markdown
"""
