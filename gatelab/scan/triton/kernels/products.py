"""Matrix products and sums for every member at once.

The order in which a member's numbers are added depends only on its own sizes. So the bits are the same alone or in a
pack, in this run or the next. (cuBLAS promises neither: it may take another algorithm for another batch count or
alignment, and `index_add` on a GPU adds in any order.)
"""

import triton
import triton.language as tl

from gatelab.scan.triton.kernels.tiles import add_dot


@triton.jit
def matmul(
    a,
    b,
    c,
    m,
    n,
    depth,
    a_member,
    a_row,
    a_depth,
    b_member,
    b_depth,
    b_column,
    span,
    rows: tl.constexpr,
    columns: tl.constexpr,
    tile: tl.constexpr,
    precision: tl.constexpr,
):
    """c[member, chunk] = a[member] @ b[member], summed over one chunk of `span` of the depth.

    Grid: (tiles of rows * tiles of columns, chunks, members); c is (members, chunks, m, n), a and b have any strides.
    """
    member, chunk = tl.program_id(2).to(tl.int64), tl.program_id(1)
    across = tl.cdiv(n, columns)
    row = (tl.program_id(0) // across) * rows + tl.arange(0, rows)
    column = (tl.program_id(0) % across) * columns + tl.arange(0, columns)
    left = a + member * a_member + row.to(tl.int64)[:, None] * a_row
    right = b + member * b_member + column.to(tl.int64)[None, :] * b_column
    total = tl.zeros((rows, columns), c.dtype.element_ty)
    end = tl.minimum(depth, (chunk + 1) * span)
    for start in range(chunk * span, end, tile):
        k = (start + tl.arange(0, tile)).to(tl.int64)
        of_a = tl.load(left + k[None, :] * a_depth, (row < m)[:, None] & (k < end)[None, :], 0.0)
        of_b = tl.load(right + k[:, None] * b_depth, (k < end)[:, None] & (column < n)[None, :], 0.0)
        total = add_dot(total, of_a, of_b, precision)
    at = ((member * tl.num_programs(1) + chunk) * m + row)[:, None] * n + column[None, :]
    tl.store(c + at, total, (row < m)[:, None] & (column < n)[None, :])


@triton.jit
def column_sums(x, sums, m, n, x_member, x_row, rows: tl.constexpr, columns: tl.constexpr):
    """sums[member, column] = the sum of x[member, :, column]. Grid: (tiles of columns, members)."""
    member = tl.program_id(1).to(tl.int64)
    column = tl.program_id(0) * columns + tl.arange(0, columns)
    total = tl.zeros((rows, columns), sums.dtype.element_ty)
    for start in range(0, m, rows):
        row = (start + tl.arange(0, rows)).to(tl.int64)
        at = x + member * x_member + row[:, None] * x_row + column[None, :]
        total += tl.load(at, (row < m)[:, None] & (column < n)[None, :], 0.0)
    tl.store(sums + member * n + column, tl.sum(total, 0), column < n)


@triton.jit
def segment_sums(x, order, ends, sums, m, n, segments, rows: tl.constexpr, columns: tl.constexpr):
    """sums[member, s] = the sum of the rows of x[member] that belong to segment s.

    Grid: (segments, tiles of columns, members). `order` (members, m) lists the rows segment by segment; `ends`
    (members, segments) has the end of each segment's rows in it.
    """
    member, segment = tl.program_id(2).to(tl.int64), tl.program_id(0)
    column = tl.program_id(1) * columns + tl.arange(0, columns)
    end = tl.load(ends + member * segments + segment)
    begin = tl.load(ends + member * segments + segment - 1, segment > 0, 0)
    total = tl.zeros((rows, columns), sums.dtype.element_ty)
    for start in range(begin, end, rows):
        place = start + tl.arange(0, rows)
        row = tl.load(order + member * m + place, place < end, 0)
        at = x + (member * m + row)[:, None] * n + column[None, :]
        total += tl.load(at, (place < end)[:, None] & (column < n)[None, :], 0.0)
    tl.store(sums + (member * segments + segment) * n + column, tl.sum(total, 0), column < n)
