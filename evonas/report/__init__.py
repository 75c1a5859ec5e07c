"""What a person sees of a run: ``front`` chooses, ``plot`` draws."""
