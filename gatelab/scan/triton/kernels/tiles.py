"""Tiles of the arrays of a scan, where they lie and how they are multiplied.

    history     (tensors, members, steps + 1, batch, hidden)    the states; the first is there before the launch
    u           (members, steps, batch, blocks * hidden), or where `gathered`
                (members, vocabulary, blocks * hidden), a table whose rows `ids` (members, steps, batch) picks
    activations (members, steps, batch, blocks * hidden)        so is du, the gradient of u
    inner       (members, steps, batch, hidden)     reset before: r * h; reset after: h U_c + d; else unused
    dinner      (members, steps, batch, hidden)     reset after: the gradient of h U_c + d; else unused
    weight      (members, hidden, blocks * hidden)
    bias        (members, hidden)                   reset after: d; else unused

With a reset gate the first block is its own, and the last one the candidate's, on whose product it acts.
"""

import triton
import triton.language as tl

BEFORE = tl.constexpr(1)
AFTER = tl.constexpr(2)


@triton.jit
def load_blocks(start, offset, inside, stride, count: tl.constexpr):
    """A tuple of tiles `stride` apart, 0 where not `inside`."""
    tiles = ()
    for block in tl.static_range(count):
        tiles = tiles + (tl.load(start + offset + block * stride, inside, 0.0),)
    return tiles


@triton.jit
def store_blocks(start, offset, inside, stride, tiles, first: tl.constexpr):
    """Tiles `stride` apart, beginning with number `first`."""
    for block in tl.static_range(len(tiles)):
        tl.store(start + offset + (first + block) * stride, tiles[block], inside)


@triton.jit
def load_input(u, ids, member, here, column, present, inside, vocabulary, hidden, blocks, gathered: tl.constexpr):
    """The input's share of every block, at the rows `here` of (members, steps, batch)."""
    source = here
    if gathered:
        source = member * vocabulary + tl.load(ids + here, present, 0)
    return load_blocks(u, source[:, None] * (blocks * hidden) + column[None, :], inside, hidden, blocks)


@triton.jit
def add_dot(total, a, b, precision: tl.constexpr):
    """total + a @ b, added up in the type of `total`.

    Args:
        precision: of the operands: what tl.dot calls so; or bf16, or rounded, which is the same in float32.
    """
    if precision == "bf16":
        total = tl.dot(a.to(tl.bfloat16), b.to(tl.bfloat16), total, out_dtype=total.dtype)
    elif precision == "rounded":
        total = tl.dot(to_bfloat16(a), to_bfloat16(b), total, input_precision="ieee", out_dtype=total.dtype)
    else:
        total = tl.dot(a, b, total, input_precision=precision, out_dtype=total.dtype)
    return total


@triton.jit
def to_bfloat16(x):
    """float32 rounded to the nearest that bfloat16 has, ties to even."""
    bits = x.to(tl.int32, bitcast=True)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & -65536).to(tl.float32, bitcast=True)
    # What is added to the bits of NaN may make a number of it.
    return tl.where(x == x, rounded, x)


@triton.jit
def product(left, right, rows, columns, present, within, depth, across, along, tile: tl.constexpr, precision):
    """A tile of left @ right, summed over `depth` in pieces of `tile`.

    Args:
        rows: (rows,) offsets of the rows of `left`, whose elements adjoin.
        columns: (columns,) numbers of the columns of `right`.
        present, within: which rows and columns there are.
        across, along: distance in `right` between columns, and between rows.
    """
    total = tl.zeros((rows.shape[0], columns.shape[0]), left.dtype.element_ty)
    for start in range(0, depth, tile):
        k = start + tl.arange(0, tile)
        a = tl.load(left + rows[:, None] + k[None, :], present[:, None] & (k < depth)[None, :], 0.0)
        b = tl.load(right + k[:, None] * along + columns[None, :] * across, (k < depth)[:, None] & within[None, :], 0.0)
        total = add_dot(total, a, b, precision)
    return total
