"""All steps in one launch: a program keeps the recurrent weights and the state of its rows on chip.

Grid: (tiles of rows, members). Columns are padded to `width`, a power of two; padding is 0 and stays 0.
The arrays are those of `tiles`.
"""

import triton
import triton.language as tl

from gatelab.scan.triton.kernels.tiles import BEFORE, add_dot, load_blocks, load_input, store_blocks


@triton.jit
def load_weight(weight, member, column, hidden, blocks: tl.constexpr, transposed: tl.constexpr):
    """The recurrent matrix of every block, (width, width). Backward wants it transposed here, once: the columns of a
    right side must adjoin in shared memory, or the threads wait for each other (bank conflicts)."""
    present = column < hidden
    if transposed:
        offset = (member * hidden + column)[None, :] * (blocks * hidden) + column[:, None]
    else:
        offset = (member * hidden + column)[:, None] * (blocks * hidden) + column[None, :]
    return load_blocks(weight, offset, present[:, None] & present[None, :], hidden, blocks)


@triton.jit
def add_products(tiles, h, weight, first: tl.constexpr, end: tl.constexpr, precision: tl.constexpr):
    """Sum over the blocks from `first` to before `end`: tile + h U."""
    sums = ()
    for block in tl.static_range(first, end):
        sums = sums + (add_dot(tiles[block], h, weight[block], precision),)
    return sums


@triton.jit
def add_transposed(total, gradients, weight, first: tl.constexpr, end: tl.constexpr, precision: tl.constexpr):
    """total + the sum of gradient U^T (`weight`) over the blocks from `first` to before `end`."""
    for block in tl.static_range(first, end):
        total = add_dot(total, gradients[block], weight[block], precision)
    return total


@triton.jit
def forward(
    u,
    ids,
    weight,
    bias,
    history,
    activations,
    inner,
    steps,
    batch,
    hidden,
    vocabulary,
    pointwise: tl.constexpr,
    blocks: tl.constexpr,
    tensors: tl.constexpr,
    reset: tl.constexpr,
    gathered: tl.constexpr,
    rows: tl.constexpr,
    width: tl.constexpr,
    precision: tl.constexpr,
):
    """Fill history from its first entry on, activations and inner."""
    member = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.arange(0, width)
    present = row < batch
    inside = present[:, None] & (column < hidden)[None, :]
    w = load_weight(weight, member, column, hidden, blocks, False)
    between = tl.num_programs(1).to(tl.int64) * (steps + 1) * batch * hidden
    now = (member * (steps + 1) * batch + row)[:, None] * hidden + column[None, :]
    state = load_blocks(history, now, inside, between, tensors)
    for t in range(steps):
        here = (member * steps + t) * batch + row
        small = here[:, None] * hidden + column[None, :]
        wide = here[:, None] * (blocks * hidden) + column[None, :]
        given = load_input(u, ids, member, here, column, present, inside, vocabulary, hidden, blocks, gathered)
        h = state[0]
        if reset == 0:
            a = add_products(given, h, w, 0, blocks, precision)
        else:
            r = tl.sigmoid(add_dot(given[0], h, w[0], precision))
            if reset == BEFORE:
                kept = r * h
                last = add_dot(given[blocks - 1], kept, w[blocks - 1], precision)
            else:
                d = tl.load(bias + member * hidden + column, column < hidden, 0.0)
                kept = add_dot(tl.zeros_like(h) + d[None, :], h, w[blocks - 1], precision)
                last = given[blocks - 1] + r * kept
            a = add_products(given, h, w, 1, blocks - 1, precision) + (last,)
            tl.store(activations + wide, r, inside)
            tl.store(inner + small, kept, inside)
        state, active = pointwise(a, state)
        store_blocks(activations, wide, inside, hidden, active, reset != 0)
        now += batch * hidden
        store_blocks(history, now, inside, between, state, 0)


@triton.jit
def backward(
    weight,
    history,
    activations,
    inner,
    doutputs,
    dstate,
    du,
    dinner,
    steps,
    batch,
    hidden,
    pointwise: tl.constexpr,
    blocks: tl.constexpr,
    tensors: tl.constexpr,
    reset: tl.constexpr,
    rows: tl.constexpr,
    width: tl.constexpr,
    precision: tl.constexpr,
):
    """Fill du and dinner, and turn `dstate` (tensors, members, batch, hidden) of the last state into the first's.

    doutputs: (members, steps, batch, hidden), what flows to the outputs from elsewhere.
    """
    member = tl.program_id(1).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.arange(0, width)
    inside = (row < batch)[:, None] & (column < hidden)[None, :]
    w = load_weight(weight, member, column, hidden, blocks, True)
    members = tl.num_programs(1).to(tl.int64)
    end = (member * batch + row)[:, None] * hidden + column[None, :]
    flowing = load_blocks(dstate, end, inside, members * batch * hidden, tensors)
    between = members * (steps + 1) * batch * hidden
    for back in range(steps):
        t = steps - 1 - back
        here = (member * steps + t) * batch + row
        small = here[:, None] * hidden + column[None, :]
        wide = here[:, None] * (blocks * hidden) + column[None, :]
        now = ((member * (steps + 1) + t) * batch + row)[:, None] * hidden + column[None, :]
        before = load_blocks(history, now, inside, between, tensors)
        after = load_blocks(history, now + batch * hidden, inside, between, tensors)
        active = load_blocks(activations + (reset != 0) * hidden, wide, inside, hidden, blocks - (reset != 0))
        flowing = (flowing[0] + tl.load(doutputs + small, inside, 0.0),) + flowing[1:]
        gradients, flowing = pointwise(active, before, after, flowing)
        dh = flowing[0]
        if reset == 0:
            dh = add_transposed(dh, gradients, w, 0, blocks, precision)
        else:
            r, last = tl.load(activations + wide, inside, 0.0), gradients[blocks - 2]
            if reset == BEFORE:
                dkept = add_dot(tl.zeros_like(dh), last, w[blocks - 1], precision)
                dr = dkept * before[0]
                dh += dkept * r
            else:
                dr = last * tl.load(inner + small, inside, 0.0)
                tl.store(dinner + small, last * r, inside)
                dh = add_dot(dh, last * r, w[blocks - 1], precision)
            gradients = (dr * r * (1 - r),) + gradients
            dh = add_transposed(dh, gradients, w, 0, blocks - 1, precision)
        flowing = (dh,) + flowing[1:]
        store_blocks(du, wide, inside, hidden, gradients, 0)
    store_blocks(dstate, end, inside, members * batch * hidden, flowing, 0)
