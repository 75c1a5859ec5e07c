"""Kernels in Triton: passes of all candidates at once.

Activations and gradients are features x batch: matrices of ``B`` columns (lanes), one sample each, of which a step's
last ones may be empty: their inputs and gradients are 0. ``h`` are activations, the input rows first and then all rows;
``z``, ``d`` and ``mask`` have rows alone. Every sum runs over one candidate's own values, in an order that its own
structure alone decides: blocks have the same shape whatever is trained beside it, and nothing is added atomically.
"""

import triton
import triton.language as tl

NORMED: tl.constexpr = tl.constexpr(0)
RECTIFIED: tl.constexpr = tl.constexpr(1)
LINEAR: tl.constexpr = tl.constexpr(2)
_UINT32: tl.constexpr = tl.constexpr(0xFFFFFFFF)


@triton.jit
def _mix(h):
    """The finalizer of MurmurHash3 modulo 2**32, in 64 bits: as in counter_rng.py."""
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & _UINT32
    h = ((h ^ (h >> 13)) * 0xC2B2AE35) & _UINT32
    return h ^ (h >> 16)


@triton.jit
def _factors(keys, candidate, column, sample, threshold, scale):
    """Factors of dropout, a row of ``sample`` for each of ``column``: 0 where the hash is below the threshold."""
    first = tl.load(keys + 2 * candidate)
    second = tl.load(keys + 2 * candidate + 1)
    rows = _mix(sample.to(tl.int64) ^ first[:, None])
    columns = (column.to(tl.int64) * 0x9E3779B1 + second) & _UINT32
    hashes = _mix(rows ^ columns[:, None])
    dropped = hashes < tl.load(threshold + candidate)[:, None]
    return tl.where(dropped, 0.0, tl.load(scale + candidate)[:, None])


@triton.jit
def _samples(order, stride, candidate, now, n, batch, lanes):
    """Samples of lanes of a step, a row for each candidate, and which lanes have one."""
    begin = tl.load(now) * batch
    inside = (lanes < batch) & (begin + lanes < n)
    places = candidate.to(tl.int64)[:, None] * stride + begin + lanes[None, :]
    return tl.load(order + places, mask=inside[None, :], other=0), inside


@triton.jit(do_not_specialize=["n_rows", "stride", "n", "n_inputs", "n_steps", "n_candidates", "batch"])
def load_inputs(
    x, order, view, sources, keys, threshold, scale, row_candidate, row_input, h, now, n_rows, stride, n, n_inputs,
    n_steps, n_candidates, batch, B: tl.constexpr, BB: tl.constexpr, RB: tl.constexpr, VIEWS: tl.constexpr,
    DROPOUT: tl.constexpr,
):
    """Copy the inputs of a step, moved as the view of each candidate asks for, with dropout."""
    rows = tl.program_id(0) * RB + tl.arange(0, RB)
    lanes = tl.program_id(1) * BB + tl.arange(0, BB)
    there = rows < n_rows
    candidate = tl.load(row_candidate + rows, mask=there, other=0)
    own = tl.load(row_input + rows, mask=there, other=0)
    shown = own
    if VIEWS:
        seen = tl.load(view + candidate.to(tl.int64) * n_steps + tl.load(now))
        moved = tl.load(sources + tl.maximum(seen, 0).to(tl.int64) * n_inputs + own)
        shown = tl.where(seen >= 0, moved, own)
    sample, inside = _samples(order, stride, candidate, now, n, batch, lanes)
    valid = there[:, None] & inside[None, :]
    value = tl.load(x + shown.to(tl.int64)[:, None] * n + sample, mask=valid, other=0.0)
    if DROPOUT:
        step_keys = keys + tl.load(now) * 2 * n_candidates
        value *= _factors(step_keys, candidate, own, sample, threshold, scale)
    tl.store(h + rows.to(tl.int64)[:, None] * B + lanes[None, :], value, mask=there[:, None])


@triton.jit(do_not_specialize=["n_rows", "stride", "n", "n_candidates", "batch"])
def draw_mask(
    order, keys, threshold, scale, row_candidate, row_neuron, mask, now, n_rows, stride, n, n_candidates, batch,
    B: tl.constexpr, BB: tl.constexpr, RB: tl.constexpr,
):
    """Set what the activations of hidden neurons are multiplied with."""
    rows = tl.program_id(0) * RB + tl.arange(0, RB)
    lanes = tl.program_id(1) * BB + tl.arange(0, BB)
    there = rows < n_rows
    candidate = tl.load(row_candidate + rows, mask=there, other=0)
    neuron = tl.load(row_neuron + rows, mask=there, other=0)
    sample, _ = _samples(order, stride, candidate, now, n, batch, lanes)
    value = _factors(keys + tl.load(now) * 2 * n_candidates, candidate, neuron, sample, threshold, scale)
    tl.store(mask + rows.to(tl.int64)[:, None] * B + lanes[None, :], value, mask=there[:, None])


@triton.jit(do_not_specialize=["first_row", "n_input_rows"])
def weigh(
    begin, source, weight, bias, kind, h, z, mask, first_row, n_input_rows,
    B: tl.constexpr, BB: tl.constexpr, EB: tl.constexpr, AFFINE: tl.constexpr, MASKED: tl.constexpr,
):
    """Weighted sums of the rows of a level: into ``z`` for rows with a norm, else on into ``h``."""
    row = first_row + tl.program_id(0)
    lanes = tl.program_id(1) * BB + tl.arange(0, BB)
    last = tl.load(begin + row + 1)
    total = tl.full((EB, BB), 0, tl.float32)
    for first in range(tl.load(begin + row), last, EB):
        edges = first + tl.arange(0, EB)
        there = edges < last
        origin = tl.load(source + edges, mask=there, other=0).to(tl.int64)
        w = tl.load(weight + edges, mask=there, other=0.0)
        total += w[:, None] * tl.load(h + origin[:, None] * B + lanes[None, :], mask=there[:, None], other=0.0)
    value = tl.sum(total, 0)
    own = tl.load(kind + row).to(tl.int32)
    normed = own + tl.full((BB,), 0, tl.int32) == NORMED
    own_bias = tl.load(bias + row)
    if AFFINE:
        own_bias = tl.where(own == NORMED, 0.0, own_bias)
    value += own_bias
    tl.store(z + row.to(tl.int64) * B + lanes, value, mask=normed)
    value = tl.where((own == LINEAR) | (value > 0) | (value != value), value, 0.0)
    if MASKED:
        value *= tl.load(mask + row.to(tl.int64) * B + lanes)
    tl.store(h + (n_input_rows + row).to(tl.int64) * B + lanes, value, mask=own + tl.full((BB,), 0, tl.int32) != NORMED)


@triton.jit(do_not_specialize=["first_group", "n_input_rows"])
def normalise(
    group_begin, n_normed, bias, gain, kind, z, scale, h, mask, first_group, n_input_rows, epsilon,
    B: tl.constexpr, BB: tl.constexpr, RB: tl.constexpr, AFFINE: tl.constexpr, MASKED: tl.constexpr,
):
    """Norm over the rows of a group that have one, in ``z``, and their activations."""
    group = first_group + tl.program_id(0)
    lanes = tl.program_id(1) * BB + tl.arange(0, BB)
    begin = tl.load(group_begin + group)
    end = tl.load(group_begin + group + 1)
    share = 1.0 / tl.load(n_normed + group).to(tl.float32)
    total = tl.full((RB, BB), 0, tl.float32)
    for first in range(begin, end, RB):
        rows = first + tl.arange(0, RB)
        own = (rows < end) & (tl.load(kind + rows, mask=rows < end, other=1) == NORMED)
        total += tl.load(z + rows.to(tl.int64)[:, None] * B + lanes[None, :], mask=own[:, None], other=0.0)
    mean = tl.sum(total, 0) * share
    square = tl.full((RB, BB), 0, tl.float32)
    for first in range(begin, end, RB):
        rows = first + tl.arange(0, RB)
        own = (rows < end) & (tl.load(kind + rows, mask=rows < end, other=1) == NORMED)
        value = tl.load(z + rows.to(tl.int64)[:, None] * B + lanes[None, :], mask=own[:, None], other=0.0)
        value = tl.where(own[:, None], value - mean[None, :], 0.0)
        square += value * value
    deviation = 1.0 / tl.sqrt(tl.sum(square, 0) * share + epsilon)
    tl.store(scale + group.to(tl.int64) * B + lanes, deviation)
    for first in range(begin, end, RB):
        rows = first + tl.arange(0, RB)
        own = (rows < end) & (tl.load(kind + rows, mask=rows < end, other=1) == NORMED)
        places = rows.to(tl.int64)[:, None] * B + lanes[None, :]
        value = (tl.load(z + places, mask=own[:, None], other=0.0) - mean[None, :]) * deviation[None, :]
        tl.store(z + places, value, mask=own[:, None])
        if AFFINE:
            value = value * tl.load(gain + rows, mask=own, other=0.0)[:, None]
            value += tl.load(bias + rows, mask=own, other=0.0)[:, None]
        value = tl.where((value > 0) | (value != value), value, 0.0)
        if MASKED:
            value *= tl.load(mask + places, mask=own[:, None], other=0.0)
        tl.store(h + (n_input_rows * B) + places, value, mask=own[:, None])


@triton.jit(do_not_specialize=["first_row", "n_input_rows", "stride", "n", "batch", "divisor"])
def lose(
    h, d, target, teacher, weights, order, smoothing, teacher_weight, loss, now, first_row, n_input_rows, stride, n,
    batch, divisor, K: tl.constexpr, KB: tl.constexpr, B: tl.constexpr, BB: tl.constexpr, CLASSES: tl.constexpr,
    TAUGHT: tl.constexpr, WEIGHTED: tl.constexpr,
):
    """Loss of a candidate's outputs, added to its own, and its gradient divided by the samples of the step."""
    candidate = tl.program_id(0)
    k = tl.arange(0, KB)
    there = k < K
    rows = first_row + candidate * K + k
    begin = tl.load(now) * batch
    in_step = tl.minimum(batch, n - begin).to(tl.float32)
    factor = 1.0 / tl.where(divisor > 0, divisor.to(tl.float32), in_step)
    share = tl.load(teacher_weight + candidate) if TAUGHT else 0.0
    smooth = tl.load(smoothing + candidate)
    total = tl.full((BB,), 0, tl.float64)
    for first in range(0, B, BB):
        lanes = first + tl.arange(0, BB)
        inside = (lanes < batch) & (begin + lanes < n)
        sample = tl.load(order + candidate.to(tl.int64) * stride + begin + lanes, mask=inside, other=0)
        valid = there[:, None] & inside[None, :]
        said = tl.load(target + k.to(tl.int64)[:, None] * n + sample[None, :], mask=valid, other=0.0)
        if CLASSES:
            said = said * (1.0 - smooth) + smooth / K
        if TAUGHT:
            other = tl.load(teacher + k.to(tl.int64)[:, None] * n + sample[None, :], mask=valid, other=0.0)
            said = (1.0 - share) * said + share * other
        places = rows.to(tl.int64)[:, None] * B + lanes[None, :]
        output = tl.load(h + n_input_rows * B + places, mask=valid, other=0.0)
        if CLASSES:
            highest = tl.max(tl.where(there[:, None], output, float("-inf")), 0)
            centred = output - highest[None, :]
            power = tl.where(there[:, None], tl.exp(centred), 0.0)
            norm = tl.sum(power, 0)
            losses = tl.log(norm) - tl.sum(tl.where(there[:, None], said * centred, 0.0), 0)
            slope = power / norm[None, :] - said
        else:
            error = tl.where(valid, output - said, 0.0)
            losses = tl.sum(error * error, 0) / K
            slope = 2.0 * error / K
        if WEIGHTED:
            counts = tl.load(weights + sample, mask=inside, other=0.0)
            losses *= counts
            slope *= counts[None, :]
        total += tl.where(inside, losses, 0.0).to(tl.float64)
        tl.store(d + places, tl.where(inside[None, :], slope * factor, 0.0), mask=there[:, None])
    tl.store(loss + candidate, tl.load(loss + candidate) + tl.sum(total, 0))


@triton.jit(do_not_specialize=["first_row", "n_input_rows"])
def pull(
    out_begin, out_target, out_edge, weight, gain, kind, h, z, d, mask, bias_gradient, gain_gradient, first_row,
    n_input_rows, B: tl.constexpr, BB: tl.constexpr, EB: tl.constexpr, AFFINE: tl.constexpr, MASKED: tl.constexpr,
):
    """Gradients at the activations of a level's rows, from their targets, and on through ReLU and gain."""
    row = first_row + tl.program_id(0)
    first = tl.load(out_begin + row)
    last = tl.load(out_begin + row + 1)
    own = tl.load(kind + row).to(tl.int32)
    of_bias = tl.full((BB,), 0, tl.float32)
    of_gain = tl.full((BB,), 0, tl.float32)
    for lane in range(0, B, BB):
        lanes = lane + tl.arange(0, BB)
        total = tl.full((EB, BB), 0, tl.float32)
        for edge in range(first, last, EB):
            edges = edge + tl.arange(0, EB)
            there = edges < last
            target = tl.load(out_target + edges, mask=there, other=0).to(tl.int64)
            w = tl.load(weight + tl.load(out_edge + edges, mask=there, other=0), mask=there, other=0.0)
            total += w[:, None] * tl.load(d + target[:, None] * B + lanes[None, :], mask=there[:, None], other=0.0)
        value = tl.sum(total, 0)
        if MASKED:
            value *= tl.load(mask + row.to(tl.int64) * B + lanes)
        active = tl.load(h + (n_input_rows + row).to(tl.int64) * B + lanes) > 0
        value = tl.where((own == LINEAR) | active, value, 0.0)
        if AFFINE:
            normed = own + tl.full((BB,), 0, tl.int32) == NORMED
            of_bias += value
            of_gain += value * tl.load(z + row.to(tl.int64) * B + lanes, mask=normed, other=0.0)
            value *= tl.where(own == NORMED, tl.load(gain + row), 1.0)
        tl.store(d + row.to(tl.int64) * B + lanes, value)
    if AFFINE:
        tl.store(bias_gradient + row, tl.sum(of_bias, 0))
        tl.store(gain_gradient + row, tl.sum(of_gain, 0))


@triton.jit(do_not_specialize=["first_group"])
def spread(
    group_begin, n_normed, kind, z, scale, d, first_group, B: tl.constexpr, BB: tl.constexpr, RB: tl.constexpr,
):
    """Gradients through the norm of a group, in place."""
    group = first_group + tl.program_id(0)
    lanes = tl.program_id(1) * BB + tl.arange(0, BB)
    begin = tl.load(group_begin + group)
    end = tl.load(group_begin + group + 1)
    share = 1.0 / tl.load(n_normed + group).to(tl.float32)
    deviation = tl.load(scale + group.to(tl.int64) * B + lanes)
    sums = tl.full((RB, BB), 0, tl.float32)
    products = tl.full((RB, BB), 0, tl.float32)
    for first in range(begin, end, RB):
        rows = first + tl.arange(0, RB)
        own = (rows < end) & (tl.load(kind + rows, mask=rows < end, other=1) == NORMED)
        places = rows.to(tl.int64)[:, None] * B + lanes[None, :]
        value = tl.load(d + places, mask=own[:, None], other=0.0)
        sums += value
        products += value * tl.load(z + places, mask=own[:, None], other=0.0)
    mean = tl.sum(sums, 0) * share
    correlation = tl.sum(products, 0) * share
    for first in range(begin, end, RB):
        rows = first + tl.arange(0, RB)
        own = (rows < end) & (tl.load(kind + rows, mask=rows < end, other=1) == NORMED)
        places = rows.to(tl.int64)[:, None] * B + lanes[None, :]
        value = tl.load(d + places, mask=own[:, None], other=0.0)
        normed = tl.load(z + places, mask=own[:, None], other=0.0)
        value = (value - mean[None, :] - normed * correlation[None, :]) * deviation[None, :]
        tl.store(d + places, value, mask=own[:, None])


@triton.jit
def edge_gradients(
    begin, source, kind, h, d, edge_gradient, bias_gradient, B: tl.constexpr, BB: tl.constexpr, EB: tl.constexpr,
    AFFINE: tl.constexpr,
):
    """Gradients of the edges into a row, and of its bias where the norm has not given it."""
    row = tl.program_id(0)
    last = tl.load(begin + row + 1)
    for first in range(tl.load(begin + row), last, EB):
        edges = first + tl.arange(0, EB)
        there = edges < last
        origin = tl.load(source + edges, mask=there, other=0).to(tl.int64)
        total = tl.full((EB, BB), 0, tl.float32)
        for lane in range(0, B, BB):
            lanes = lane + tl.arange(0, BB)
            delta = tl.load(d + row.to(tl.int64) * B + lanes)
            value = tl.load(h + origin[:, None] * B + lanes[None, :], mask=there[:, None], other=0.0)
            total += delta[None, :] * value
        tl.store(edge_gradient + edges, tl.sum(total, 1), mask=there)
    of_bias = tl.full((BB,), 0, tl.float32)
    for lane in range(0, B, BB):
        of_bias += tl.load(d + row.to(tl.int64) * B + lane + tl.arange(0, BB))
    if AFFINE:
        tl.store(bias_gradient + row, tl.sum(of_bias, 0), mask=tl.load(kind + row).to(tl.int32) != NORMED)
    else:
        tl.store(bias_gradient + row, tl.sum(of_bias, 0))
