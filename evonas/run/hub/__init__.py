"""A network as a folder that a hub of models takes as it is: ``folder``: its files; ``card``: its model card."""
