"""Matrix products and sums of a pack, with the same bits as for a member alone (see `kernels.products`)."""

import torch
import triton
from torch import Tensor
from torch.nn import functional

from gatelab.scan.triton.kernels import products
from gatelab.specs.training import Precision

# Triton's interpreter multiplies the bits of bfloat16 as if they were integers.
DOT: dict[Precision, str] = {"fp32": "ieee", "bf16": "rounded" if triton.knobs.runtime.interpret else "bf16"}
"""How operands are multiplied (see `kernels.tiles.add_dot`): float32 with all its bits, not TF32's 10; or bfloat16."""

SPAN = 512
"""The number of terms of a weight's gradient that one program adds, so that a small matrix has enough programs too."""

TILE = 32

COLUMNS = 128
"""Columns that one program sums."""


def matmul(a: Tensor, b: Tensor, span: int | None = None, precision: Precision = "fp32") -> Tensor:
    """a (members, m, depth) @ b (members, depth, n), with any strides.

    Args:
        span: add this many terms of the depth in each of several parallel sums, and then add those. Default: one sum.
        precision: of the operands.
    """
    members, m, depth = a.shape
    n = b.shape[2]
    chunks = 1 if span is None else max(1, triton.cdiv(depth, span))
    c = a.new_empty(members, chunks, m, n)
    grid = (triton.cdiv(m, TILE) * triton.cdiv(n, TILE), chunks, members)
    if c.numel():
        products.matmul[grid](
            a, b, c, m, n, depth, *a.stride(), *b.stride(), span or max(depth, 1), TILE, TILE, TILE, DOT[precision]
        )
    return c[:, 0] if chunks == 1 else column_sums(c.flatten(2)).view(members, m, n)


def column_sums(x: Tensor) -> Tensor:
    """The sums over the rows of x (members, rows, columns): (members, columns)."""
    x = x if x.stride(2) == 1 else x.contiguous()
    members, m, n = x.shape
    sums = x.new_empty(members, n)
    if sums.numel():
        grid = (triton.cdiv(n, COLUMNS), members)
        products.column_sums[grid](x, sums, m, n, x.stride(0), x.stride(1), TILE, COLUMNS)
    return sums


def totals(x: Tensor) -> Tensor:
    """The sum of the numbers of each member in x (members, numbers): (members,)."""
    # As a square, since one program adds a column from top to bottom, and a single program would be slow.
    width = 1 << (x.shape[1].bit_length() // 2)
    square = functional.pad(x, (0, -x.shape[1] % width)).view(len(x), -1, width)
    return column_sums(column_sums(square)[:, :, None])[:, 0]


def segment_sums(x: Tensor, ids: Tensor, segments: int) -> Tensor:
    """The sums over the rows of x (members, rows, columns) that have the same of the `ids` (members, rows).

    Returns:
        (members, segments, columns)
    """
    members, m, n = x.shape
    in_order, order = torch.sort(ids, dim=1, stable=True)
    each = torch.arange(segments, device=ids.device).expand(members, segments).contiguous()
    ends = torch.searchsorted(in_order, each, right=True)
    sums = x.new_empty(members, segments, n)
    grid = (segments, triton.cdiv(n, COLUMNS), members)
    products.segment_sums[grid](x.contiguous(), order, ends, sums, m, n, segments, TILE, COLUMNS)
    return sums
