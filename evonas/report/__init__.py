"""What a person sees of runs: ``front`` chooses, ``compare`` sets side by side, ``tables`` list, ``plot`` draws."""
