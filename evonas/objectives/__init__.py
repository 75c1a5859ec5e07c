"""Aims of a search: metrics, objectives and constraints, and the comparison of results by them.

- ``metrics``: every metric of this program, with its unit, its goal and the place of its measurement
- ``objectives``: named metrics as the matrix that is minimised, and constraints
- ``pareto``: ranks, crowding, hypervolume on plain arrays
"""

from evonas.objectives.objectives import (
    LOGARITHMIC,
    MAXIMISED,
    MINIMISED,
    SHARES,
    Constraint,
    Measured,
    Objective,
    Objectives,
    costs_of,
    goal_of,
    parse_constraint,
    parse_objectives,
)

__all__ = [
    "LOGARITHMIC", "MAXIMISED", "MINIMISED", "SHARES", "Constraint", "Measured", "Objective", "Objectives", "costs_of",
    "goal_of", "parse_constraint", "parse_objectives",
]
