"""What ``python -m scripts.benchmarks.front`` compares, and how.

- ``methods``: who takes part, with which settings; ``checks``: what may be asked for
- ``schedule``: the runs in their order, each to its end
- ``results``: fronts chosen by validation, then measured on the test set, as JSON and a plot; ``table``: as Markdown
"""
