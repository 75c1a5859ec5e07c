"""Kernels in Triton: the update of the parameters of all candidates at once, which stand one after the other."""

import triton
import triton.language as tl


@triton.jit
def share_gradients(group_begin, member, gradient, MB: tl.constexpr):
    """Give every member of a group the sum of all their gradients."""
    group = tl.program_id(0)
    begin = tl.load(group_begin + group)
    end = tl.load(group_begin + group + 1)
    total = tl.full((MB,), 0, tl.float32)
    for first in range(begin, end, MB):
        places = first + tl.arange(0, MB)
        index = tl.load(member + places, mask=places < end, other=0)
        total += tl.load(gradient + index, mask=places < end, other=0.0)
    value = tl.sum(total, 0)
    for first in range(begin, end, MB):
        places = first + tl.arange(0, MB)
        index = tl.load(member + places, mask=places < end, other=0)
        tl.store(gradient + index, tl.full((MB,), 0, tl.float32) + value, mask=places < end)


@triton.jit
def clip(run_begin, run_first, run_last, gradient, share, clip_norm, factor, PB: tl.constexpr):
    """Factor of a candidate's gradient, by the norm of all of it; what is shared counts once."""
    candidate = tl.program_id(0)
    total = tl.full((PB,), 0, tl.float32)
    for run in range(tl.load(run_begin + candidate), tl.load(run_begin + candidate + 1)):
        last = tl.load(run_last + run)
        for first in range(tl.load(run_first + run), last, PB):
            places = first + tl.arange(0, PB)
            value = tl.load(gradient + places, mask=places < last, other=0.0)
            total += value * value * tl.load(share + places, mask=places < last, other=0.0)
    norm = tl.sqrt(tl.sum(total, 0))
    tl.store(factor + candidate, tl.minimum(1.0, tl.load(clip_norm + candidate) / (norm + 1e-6)))


@triton.jit(do_not_specialize=["n_edges", "n", "n_candidates"])
def adam(
    parameter, first_moment, second_moment, gradient, candidates, rates, factor, trained, now, n_edges, n,
    n_candidates, PB: tl.constexpr, CLIPPED: tl.constexpr, FROZEN: tl.constexpr,
):
    """A step of Adam or AdamW; ``rates`` holds rate, scale of the second moment, shrinkage and decay of every step.

    Only edges shrink and decay, and those that are not trained stay as they are.
    """
    places = tl.program_id(0) * PB + tl.arange(0, PB)
    there = places < n
    candidate = tl.load(candidates + places, mask=there, other=0)
    row = rates + (tl.load(now) * n_candidates + candidate) * 4
    rate = tl.load(row, mask=there, other=0.0)
    scale = tl.load(row + 1, mask=there, other=0.0)
    is_edge = places < n_edges
    shrink = tl.load(row + 2, mask=there & is_edge, other=1.0)
    decay = tl.load(row + 3, mask=there & is_edge, other=0.0)
    before = tl.load(parameter + places, mask=there, other=0.0)
    slope = tl.load(gradient + places, mask=there, other=0.0)
    if CLIPPED:
        slope *= tl.load(factor + candidate, mask=there, other=1.0)
    value = before * shrink
    slope += value * decay
    mean = tl.load(first_moment + places, mask=there, other=0.0) * 0.9 + slope * 0.1
    square = tl.load(second_moment + places, mask=there, other=0.0) * 0.999 + slope * slope * 0.001
    value -= rate * mean / (tl.sqrt(square) * scale + 1e-8)
    if FROZEN:
        free = tl.load(trained + places, mask=there, other=0.0) > 0
        value = tl.where(free, value, before)
        mean = tl.where(free, mean, 0.0)
        square = tl.where(free, square, 0.0)
    tl.store(first_moment + places, mean, mask=there)
    tl.store(second_moment + places, square, mask=there)
    tl.store(parameter + places, value, mask=there)
