"""Reports of runs: ``choice`` explains a choice, ``compare`` compares runs, ``tables`` and ``plot`` display them."""
