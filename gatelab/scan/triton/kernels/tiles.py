"""Tiles of the arrays of a scan: their addresses and products.

A cell has sums of products, operands that matrices multiply, and single units' values (`gatelab.equations.triton`).

    history   (states, members, steps + 1, batch, hidden)   the states; the first is there before the launch
    u         (members, steps, batch, inputs * hidden), or where `gathered`
              (members, vocabulary, inputs * hidden), a table whose rows `ids` (members, steps, batch) picks
    kept      (members, steps, batch, kept * hidden)        values for later phases and the backward pass
    operands  (members, steps, batch, computed * hidden)    those that are not states
    dsums     (members, steps, batch, sums * hidden)        the gradients of the sums, those of u first
    weight    (members, hidden, products * hidden)
    bias      (members, biases * hidden)                    of sums without the input
    vectors   (members, vectors * hidden)
    dvectors  (members, batch, vectors * hidden)            their gradients, summed over the steps
    dstate, dafter (states, members, batch, hidden)         gradients of the states before and after a step
    crossing  (members, batch, crossings * hidden)          derivatives that a phase computes for another
"""

import triton
import triton.language as tl


@triton.jit
def load_matrix(weight, number, count: tl.constexpr, member, column, hidden, transposed: tl.constexpr):
    """A recurrent matrix, (width, width). The backward pass transposes it here, once: the columns of a right operand
    must be adjacent in shared memory, or the threads wait for each other (bank conflicts)."""
    present = column < hidden
    if transposed:
        offset = (member * hidden + column)[None, :] * (count * hidden) + column[:, None]
    else:
        offset = (member * hidden + column)[:, None] * (count * hidden) + column[None, :]
    return tl.load(weight + offset + number * hidden, present[:, None] & present[None, :], 0.0)


@triton.jit
def load_vector(vectors, number, count: tl.constexpr, member, column, hidden):
    """A vector of parameters as a row, (1, width)."""
    return tl.load(vectors + (member * count + number) * hidden + column, column < hidden, 0.0)[None, :]


@triton.jit
def rows_of_input(ids, member, here, present, vocabulary, gathered: tl.constexpr):
    """The rows of u that belong to the rows `here` of (members, steps, batch)."""
    source = here
    if gathered:
        source = member * vocabulary + tl.load(ids + here, present, 0)
    return source


@triton.jit
def add_dot(total, a, b, precision: tl.constexpr):
    """total + a @ b, added up in the type of `total`.

    Args:
        precision: of the operands: one of tl.dot's; or bf16; or rounded, which is the same in float32.
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
    """float32 rounded to the nearest bfloat16, ties to even."""
    bits = x.to(tl.int32, bitcast=True)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & -65536).to(tl.float32, bitcast=True)
    # Adding to the bits of NaN may turn it into a number.
    return tl.where(x == x, rounded, x)


@triton.jit
def add_product(total, left, right, rows, column, present, hidden, across, along, tile: tl.constexpr, precision):
    """total + a tile of left @ right, summed over `hidden` in pieces of `tile`.

    Args:
        rows: (rows,) offsets of the rows of `left`, whose elements are adjacent.
        column: (columns,) numbers of the columns of `right`.
        present: which rows exist.
        across, along: distance in `right` between columns, and between rows.
    """
    for start in range(0, hidden, tile):
        k = start + tl.arange(0, tile)
        a = tl.load(left + rows[:, None] + k[None, :], present[:, None] & (k < hidden)[None, :], 0.0)
        inside = (k < hidden)[:, None] & (column < hidden)[None, :]
        b = tl.load(right + k[:, None] * along + column[None, :] * across, inside, 0.0)
        total = add_dot(total, a, b, precision)
    return total
