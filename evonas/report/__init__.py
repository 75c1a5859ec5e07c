"""What a person sees of a run: ``front`` chooses, ``tables`` lists, ``plot`` draws."""
