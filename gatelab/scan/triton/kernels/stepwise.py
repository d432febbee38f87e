"""One step a launch, for recurrent weights that do not fit on chip: every program computes one tile of columns.

Grid: (tiles of rows, tiles of columns, members). The arrays are those of `tiles`. A product needs all columns of what
another launch wrote: hence two launches a step where the reset gate acts before the product, else one. The number of
the step is not specialized: a value of 1 or a multiple of 16 would be compiled again.
"""

import triton
import triton.language as tl

from gatelab.scan.triton.kernels.tiles import AFTER, BEFORE, load_blocks, load_input, product, store_blocks


@triton.jit(do_not_specialize=["t"])
def reset_forward(
    u,
    ids,
    weight,
    history,
    activations,
    inner,
    t,
    steps,
    batch,
    hidden,
    vocabulary,
    blocks: tl.constexpr,
    gathered: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    precision: tl.constexpr,
):
    """The first launch of step t with reset before: r into activations, r * h into inner."""
    member = tl.program_id(2).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    present, within = row < batch, column < hidden
    inside = present[:, None] & within[None, :]
    here = (member * steps + t) * batch + row
    now = ((member * (steps + 1) + t) * batch + row) * hidden
    w = weight + member * hidden * (blocks * hidden)
    a = product(history, w, now, column, present, within, hidden, 1, blocks * hidden, columns, precision)
    given = load_input(u, ids, member, here, column, present, inside, vocabulary, hidden, blocks, gathered)
    r = tl.sigmoid(a + given[0])
    h = tl.load(history + now[:, None] + column[None, :], inside, 0.0)
    tl.store(activations + here[:, None] * (blocks * hidden) + column[None, :], r, inside)
    tl.store(inner + here[:, None] * hidden + column[None, :], r * h, inside)


@triton.jit(do_not_specialize=["t"])
def forward(
    u,
    ids,
    weight,
    bias,
    history,
    activations,
    inner,
    t,
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
    columns: tl.constexpr,
    precision: tl.constexpr,
):
    """Step t: the next entry of history, activations and inner."""
    member = tl.program_id(2).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    present, within = row < batch, column < hidden
    inside = present[:, None] & within[None, :]
    here = (member * steps + t) * batch + row
    wide = here[:, None] * (blocks * hidden) + column[None, :]
    now = ((member * (steps + 1) + t) * batch + row) * hidden
    between = tl.num_programs(2).to(tl.int64) * (steps + 1) * batch * hidden
    w = weight + member * hidden * (blocks * hidden)
    given = load_input(u, ids, member, here, column, present, inside, vocabulary, hidden, blocks, gathered)
    a = ()
    first: tl.constexpr = 1 if reset == BEFORE else 0
    for block in tl.static_range(first, blocks):
        if reset == BEFORE and block == blocks - 1:
            left, at = inner, here * hidden
        else:
            left, at = history, now
        summed = product(
            left, w + block * hidden, at, column, present, within, hidden, 1, blocks * hidden, columns, precision
        )
        if reset == AFTER and block == blocks - 1:
            d = tl.load(bias + member * hidden + column, within, 0.0)
            kept = summed + d[None, :]
            tl.store(inner + here[:, None] * hidden + column[None, :], kept, inside)
            summed = a[0] * kept
        summed += given[block]
        if reset == AFTER and block == 0:
            summed = tl.sigmoid(summed)
            tl.store(activations + wide, summed, inside)
        a = a + (summed,)
    if reset == AFTER:
        a = a[1:]
    state = load_blocks(history, now[:, None] + column[None, :], inside, between, tensors)
    state, active = pointwise(a, state)
    store_blocks(activations, wide, inside, hidden, active, reset != 0)
    store_blocks(history, (now + batch * hidden)[:, None] + column[None, :], inside, between, state, 0)


@triton.jit(do_not_specialize=["t"])
def backward(
    weight,
    history,
    activations,
    inner,
    doutputs,
    dstate,
    du,
    dinner,
    t,
    steps,
    batch,
    hidden,
    pointwise: tl.constexpr,
    blocks: tl.constexpr,
    tensors: tl.constexpr,
    reset: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    precision: tl.constexpr,
):
    """From du of step t (unless t is the end) through the product to the state, on to du of step t - 1 (unless t is 0).

    dstate (tensors, members, batch, hidden) comes as the gradient of the state after step t, but for what flows there
    through that step's product, and leaves as that of the state after step t - 1.
    """
    member = tl.program_id(2).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    present, within = row < batch, column < hidden
    inside = present[:, None] & within[None, :]
    members = tl.num_programs(2).to(tl.int64)
    carried = (member * batch + row)[:, None] * hidden + column[None, :]
    flowing = load_blocks(dstate, carried, inside, members * batch * hidden, tensors)
    dh = flowing[0]
    if t < steps:
        here = (member * steps + t) * batch + row
        w = weight + member * hidden * (blocks * hidden)
        for block in tl.static_range(blocks - (reset == BEFORE)):
            if reset == AFTER and block == blocks - 1:
                left, at = dinner, here * hidden
            else:
                left, at = du, here * (blocks * hidden) + block * hidden
            dh += product(
                left, w + block * hidden, at, column, present, within, hidden, blocks * hidden, 1, columns, precision
            )
    flowing = (dh,) + flowing[1:]
    if t > 0:
        here = (member * steps + t - 1) * batch + row
        small = here[:, None] * hidden + column[None, :]
        wide = here[:, None] * (blocks * hidden) + column[None, :]
        now = ((member * (steps + 1) + t - 1) * batch + row)[:, None] * hidden + column[None, :]
        between = members * (steps + 1) * batch * hidden
        before = load_blocks(history, now, inside, between, tensors)
        after = load_blocks(history, now + batch * hidden, inside, between, tensors)
        active = load_blocks(activations + (reset != 0) * hidden, wide, inside, hidden, blocks - (reset != 0))
        flowing = (dh + tl.load(doutputs + small, inside, 0.0),) + flowing[1:]
        gradients, flowing = pointwise(active, before, after, flowing)
        store_blocks(du, wide, inside, hidden, gradients, reset != 0)
        if reset == AFTER:
            r, last = tl.load(activations + wide, inside, 0.0), gradients[blocks - 2]
            kept = tl.load(inner + small, inside, 0.0)
            tl.store(du + wide, last * kept * r * (1 - r), inside)
            tl.store(dinner + small, last * r, inside)
    store_blocks(dstate, carried, inside, members * batch * hidden, flowing, 0)


@triton.jit(do_not_specialize=["t"])
def reset_backward(
    weight,
    history,
    activations,
    dstate,
    du,
    t,
    steps,
    batch,
    hidden,
    blocks: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    precision: tl.constexpr,
):
    """The second launch back to step t with reset before: the reset gate's block of du, and what r * h gives dstate."""
    member = tl.program_id(2).to(tl.int64)
    row = tl.program_id(0) * rows + tl.arange(0, rows)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    present, within = row < batch, column < hidden
    inside = present[:, None] & within[None, :]
    here = (member * steps + t) * batch + row
    wide = here[:, None] * (blocks * hidden) + column[None, :]
    w = weight + member * hidden * (blocks * hidden) + (blocks - 1) * hidden
    at = here * (blocks * hidden) + (blocks - 1) * hidden
    dkept = product(du, w, at, column, present, within, hidden, blocks * hidden, 1, columns, precision)
    r = tl.load(activations + wide, inside, 0.0)
    now = ((member * (steps + 1) + t) * batch + row)[:, None] * hidden + column[None, :]
    h = tl.load(history + now, inside, 0.0)
    tl.store(du + wide, dkept * h * r * (1 - r), inside)
    carried = dstate + (member * batch + row)[:, None] * hidden + column[None, :]
    tl.store(carried, tl.load(carried, inside, 0.0) + dkept * r, inside)
