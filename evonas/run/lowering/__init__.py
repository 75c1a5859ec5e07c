"""Networks of one space as networks of another, which compute the same.

- ``networks``: one network; ``front``: the front of a run as founders of another; ``export``: networks as files
"""
