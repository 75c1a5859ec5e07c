"""Places of buffers in one block of memory: those that are never alive together may share a place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeAlias

from evonas.export.layers.steps import Plan


class Life(NamedTuple):
    """Time in which a buffer holds what is read later, in steps, both ends included.

    Attributes:
        begin: The first step that touches it; -1 if it is filled before.
        end: The last one; the number of steps if it is read after.
    """

    begin: int
    end: int

    def overlaps(self, other: Life) -> bool:
        """Whether two buffers are alive together."""
        return self.begin <= other.end and other.begin <= self.end


class Memory(NamedTuple):
    """Places of buffers.

    Attributes:
        places: The first value of each buffer, by its number.
        size: Values of the whole block.
    """

    places: dict[int, int]
    size: int


#: Number of values of a buffer, and its life.
_Sized: TypeAlias = tuple[int, Life]
#: Orders in which buffers get the first place that is free; the one with the smallest block is taken.
_ORDERS: tuple[Callable[[_Sized], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer[0], buffer[1].begin), lambda buffer: (buffer[1].begin, -buffer[0]),
    lambda buffer: (buffer[1].begin - buffer[1].end, -buffer[0]), lambda buffer: (-buffer[1].end, -buffer[0]),
)


def lives(plan: Plan) -> dict[int, Life]:
    """The life of each buffer that a step touches."""
    found: dict[int, Life] = {plan.input.buffer: Life(-1, -1)}
    for time, step in enumerate(plan.steps):
        for view in (step.source, step.target):
            if view is not None:
                found[view.buffer] = Life(found.get(view.buffer, Life(time, time)).begin, time)
    last = found.get(plan.output.buffer, Life(-1, -1))
    return {**found, plan.output.buffer: Life(last.begin, len(plan.steps))}


def allocate(plan: Plan, elsewhere: Collection[int] = ()) -> Memory:
    """Places for the buffers of a plan.

    Args:
        plan: The steps.
        elsewhere: Buffers that have a place outside the block.
    """
    inside = {buffer: life for buffer, life in lives(plan).items() if buffer not in elsewhere}
    return pack({buffer: plan.sizes[buffer] for buffer in inside}, inside)


def pack(sizes: dict[int, int], alive: dict[int, Life]) -> Memory:
    """Places for buffers, each the first that is free for its whole life, in the best of a few orders.

    Args:
        sizes: Values of each buffer.
        alive: Life of each buffer.
    """
    best: Memory | None = None
    for order in _ORDERS:
        places: dict[int, int] = {}
        for buffer in sorted(sizes, key=lambda b: (order((sizes[b], alive[b])), b)):
            taken = sorted(
                (places[other], places[other] + sizes[other])
                for other in places if alive[other].overlaps(alive[buffer])
            )
            places[buffer] = _first_gap(taken, sizes[buffer])
        size = max((places[buffer] + sizes[buffer] for buffer in places), default=0)
        if best is None or size < best.size:
            best = Memory(places, size)
    assert best is not None
    return best


def _first_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """The first place with room between intervals (begin, end) in order of their beginnings."""
    at = 0
    for begin, end in taken:
        if begin - at >= size:
            break
        at = max(at, end)
    return at
