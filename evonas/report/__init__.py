"""What a person sees of runs: ``choice`` explains, ``compare`` sets side by side, ``tables`` list, ``plot`` draws."""
